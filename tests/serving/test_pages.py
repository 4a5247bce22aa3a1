"""The review desk's pages, without a browser: headers, escaping, filters."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread


EVIL = "<script>alert('x')</script>\"'`${7*7}{{7*7}}&"
PNG = {"Content-Type": "image/png"}


@pytest.mark.parametrize("path", ["/review", "/v1/scans", "/nowhere", "/review/static/desk.js", "/healthz"])
def test_every_answer_has_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "server" not in headers


def test_the_root_leads_to_the_desk(client: httpx.Client) -> None:
    assert client.get("/").headers["Location"] == "/review"


def test_what_clients_send_is_escaped(client: httpx.Client, make_png: PngMaker) -> None:
    metadata = {"item_id": EVIL, "scanner_id": EVIL, "lane": EVIL, "tags": {EVIL: EVIL}}
    parts: dict[str, Any] = {
        "top": ("x", make_png(20), "image/png"),
        "metadata": ("m", json.dumps(metadata), "application/json"),
    }
    scan = client.post("/v1/scans", files=parts).json()
    review = {"decision": "reject", "reviewer": EVIL, "note": EVIL}
    assert client.post(scan["links"]["reviews"], json=review).status_code == 201
    pages = [client.get("/review", params={"show": "all", "item": EVIL}), client.get(scan["links"]["desk"])]
    for page in pages:
        assert page.status_code == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<script>alert" not in page.text
        assert "alert" in page.text, "it is shown, as text"
        # Scripts come from files or are data; nothing else may run.
        for tag in re.findall(r"<script[^>]*>", page.text):
            assert 'src="/review/static/' in tag or 'type="application/json"' in tag
        assert not re.search(r"\son\w+=|javascript:|\sstyle=", page.text)
        assert not re.search(r"(src|href)=\"(https?:)?//", page.text), "nothing comes from other sites"


def test_lists_show_what_they_say(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    with serve(fake) as client:
        ids = {}
        for name, level in (("alarm", 20), ("clear", 255), ("reviewed", 20)):
            ids[name] = client.post("/v1/scans", params={"item_id": name}, content=make_png(level), headers=PNG).json()
        fake.failing = True
        ids["refer"] = client.post("/v1/scans", content=make_png(255), headers=PNG).json()
        client.post(ids["reviewed"]["links"]["reviews"], json={"decision": "reject", "reviewer": "x"})
        shown = {
            "todo": {"alarm", "refer"},
            "alarm": {"alarm", "reviewed"},
            "refer": {"refer"},
            "clear": {"clear"},
            "reviewed": {"reviewed"},
            "all": {"alarm", "clear", "reviewed", "refer"},
        }
        for show, names in shown.items():
            text = client.get("/review", params={"show": show}).text
            assert {name for name, scan in ids.items() if scan["id"] in text} == names, show
        text = client.get("/review", params={"show": "all", "item": "clear"}).text
        assert ids["clear"]["id"] in text
        assert ids["alarm"]["id"] not in text
        # The next one is the next that waits for a person, not one that is done.
        page = client.get(ids["refer"]["links"]["desk"]).text
        assert f'"next": "/review/scans/{ids["alarm"]["id"]}?show=todo"' in page


def test_the_wall_has_pages(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    with serve(fake) as client:
        for mark in range(61):
            client.post("/v1/scans", content=make_png(20, 32, 32, mark=mark), headers=PNG)
        first = client.get("/review").text
        assert first.count("data-scan=") == 60
        older = re.search(r'href="(/review\?[^"]*cursor=[^"]*)"', first)
        assert older is not None
        assert client.get(older[1].replace("&amp;", "&")).text.count("data-scan=") == 1

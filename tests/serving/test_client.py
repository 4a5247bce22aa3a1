"""The client loses no scan and stores none twice, whatever the way to the service does."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pydicom
import pytest
from pydantic import ValidationError

from serving.client import Client, ClientError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, Server


def never(_: float) -> None:
    pytest.fail("it waited for another try")


@contextmanager
def bad_way(target: str, *troubles: str) -> Iterator[tuple[str, list[str]]]:
    """A proxy that makes one trouble a request, in order, and then passes everything on; with the keys it saw."""
    left, keys = list(troubles), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])
            trouble = left.pop(0) if left else ""
            if trouble.startswith("503"):
                self.send_response(503)
                self.send_header("Retry-After", trouble.removeprefix("503 "))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if trouble == "page":
                self.answer(200, b"<html>a router's page</html>", "text/html")
                return
            names = ("Content-Type", "Idempotency-Key", "X-Budget-Ms")
            headers = {name: self.headers[name] for name in names if self.headers[name]}
            passed = httpx.post(target + self.path, content=body, headers=headers, timeout=60)
            if trouble == "cut":  # the scan is stored, and nobody hears of it
                self.close_connection = True
                return
            self.answer(passed.status_code, passed.content, passed.headers["Content-Type"])

        def answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}", keys
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def test_a_scan_is_posted_read_back_found_and_reported(server: Server, make_png: PngMaker) -> None:
    with Client(server.url) as client:
        views = {"top": make_png(255, mark=1), "side": make_png(20, mark=2)}
        scan = client.screen(
            views, item_id="C-1", scanner_id="client-test", lane="3", tags={"a": "b"}, budget_ms=30_000
        )
        assert (scan.verdict, scan.item_id, scan.lane, scan.tags) == ("alarm", "C-1", "3", {"a": "b"})
        assert [view.name for view in scan.views] == ["top", "side"]
        assert scan.budget_ms == 30_000
        assert client.get(scan.id) == scan
        others = [client.screen({"top": make_png(255, mark=10 + n)}, scanner_id="client-test").id for n in range(3)]
        found = [summary.id for summary in client.find(scanner_id="client-test", limit="2")]
        assert found == [*reversed(others), scan.id]
        assert pydicom.dcmread(io.BytesIO(client.threat_report(scan.id))).AlarmDecision == "ALARM"


def test_a_broken_way_costs_time_and_nothing_else(server: Server, make_png: PngMaker) -> None:
    waits: list[float] = []
    with (
        bad_way(server.url, "cut", "503 7", "503 Wed, 21 Oct 2015 07:28:00 GMT", "cut") as (url, keys),
        Client(url, sleep=waits.append) as client,
    ):
        scan = client.screen({"top": make_png(20, mark=77)}, item_id="bad-way")
    assert scan.verdict == "alarm"
    assert len(keys) == 5
    assert len(set(keys)) == 1
    assert len(waits) == 4
    assert waits[1] == 7
    assert 0.1 <= waits[0] <= 0.2
    stored = server.client.get("/v1/scans", params={"item_id": "bad-way"}).json()["items"]
    assert [one["id"] for one in stored] == [scan.id]


@pytest.mark.parametrize("trouble", ["cut", "503 0"])
def test_it_gives_up_after_so_many_tries(server: Server, make_png: PngMaker, trouble: str) -> None:
    with bad_way(server.url, *[trouble] * 9) as (url, keys), Client(url, attempts=3, sleep=lambda _: None) as client:
        with pytest.raises(UnreachableError, match="3 tries"):
            client.screen({"top": make_png(255)})
        assert len(keys) == 3


def test_nobody_there_is_said(make_png: PngMaker) -> None:
    with Client("http://127.0.0.1:9", attempts=2, sleep=lambda _: None) as client, pytest.raises(UnreachableError):
        client.get("any")


def test_what_is_refused_is_not_repeated(server: Server, make_png: PngMaker) -> None:
    with bad_way(server.url) as (url, keys), Client(url, sleep=never) as client:
        with pytest.raises(RefusedError, match="the whole file") as caught:
            client.screen({"top": make_png(255)[:200]})
        assert (caught.value.status, caught.value.problem["view"]) == (422, "top")
        assert len(keys) == 1
        with pytest.raises(ValidationError):
            client.screen({"no/slash": make_png(255)})
        with pytest.raises(ValueError, match="attempt"):
            Client(url, attempts=0)


def test_another_server_under_the_address_is_noticed(server: Server, make_png: PngMaker) -> None:
    with (
        bad_way(server.url, "page") as (url, _),
        Client(url, sleep=never) as client,
        pytest.raises(ClientError, match="is the address right"),
    ):
        client.screen({"top": make_png(255)})

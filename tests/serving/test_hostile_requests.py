"""Hostile names, headers and JSON, sent to a real process: refused or kept harmless, never a mistake of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, Server

PNG = {"Content-Type": "image/png"}
NAMES = [
    "../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "/etc/passwd",
    "C:\\scan.png",
    "a\\x00b",
    "%2e%2e%2fpasswd",
    "\u202egnp.exe",
    "CON",
    "." * 300,
    "a" * 5_000,
    '"; name="metadata',
    "",
]
DEEP = "[" * 100_000
JSON = [
    DEEP,
    '{"a":' * 50_000,
    "9" * 100_000,
    '{"item_id": 1e999999}',
    '{"item_id": -0}',
    '{"tags": {"a": NaN}}',
    '{"tags": ' + "9" * 5_000 + "}",
    '"' + "\\ud800" * 3 + '"',
    "\ufeff{}",
    "null",
    "[]",
    "",
    json.dumps({"tags": {"x" * 100_000: "y"}}),
    json.dumps({"item_id": "a" * 900_000}),
]


def posted(server: Server, field: bytes, filename: bytes, data: bytes, metadata: str = "{}") -> httpx.Response:
    """Post a form whose part says exactly this, however wrong it is."""
    disposition = b'Content-Disposition: form-data; name="%s"; filename="%s"' % (field, filename)
    words = b'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n' + metadata.encode(
        "utf-8", "surrogatepass"
    )
    body = b"--x\r\n" + disposition + b"\r\nContent-Type: image/png\r\n\r\n" + data + b"\r\n" + words + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    return server.client.post("/v1/scans", content=body, headers=kind)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_parts_and_files_lead_nowhere(server: Server, make_png: PngMaker, name: str) -> None:
    for field, filename in (("top", name), (name, "scan.png"), (name, name)):
        answer = posted(server, field.encode(), filename.encode(), make_png(255))
        if answer.status_code == 201:
            said = answer.json()["views"][0]["name"]
            assert said.replace("-", "").replace("_", "").replace(".", "").isalnum(), said
            assert server.client.get(answer.json()["links"][f"image:{said}"]).status_code == 200
        else:
            assert answer.status_code in (400, 422), answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/scans/..%2f..%2fetc%2fpasswd",
        "/v1/scans/%00",
        "/v1/scans/" + "a" * 5_000,
        "/v1/scans/x/views/..%2f..%2fx/image",
        "/review/static/..%2f..%2fsettings.py",
        "/review/static/%2e%2e/%2e%2e/settings.py",
        "/review/scans/..%2f",
        "//etc/passwd",
        "/%ff%fe",
        "/v1/scans?cursor=%00",
        "/v1/scans?limit=" + "9" * 4_000,
    ],
)
def test_addresses_lead_nowhere(server: Server, path: str) -> None:
    answer = server.client.request("GET", httpx.URL(server.url).copy_with(raw_path=path.encode()))
    assert answer.status_code in (400, 404, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("text", JSON, ids=range(len(JSON)))
def test_json_is_refused_wherever_it_is_taken(server: Server, make_png: PngMaker, text: str) -> None:
    answers = [posted(server, b"top", b"a.png", make_png(255), text)]
    scan = server.client.post("/v1/scans", content=make_png(255), headers=PNG).headers["Location"]
    for path in (f"{scan}/reviews", "/v1/model"):
        body = text.encode("utf-8", "surrogatepass")
        answers.append(server.client.post(path, content=body, headers={"Content-Type": "application/json"}))
    for answer in answers:
        assert answer.status_code in (400, 413, 422), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert len(answer.content) < 5_000


def test_of_two_equal_keys_the_last_one_holds_everywhere(server: Server, make_png: PngMaker) -> None:
    answer = posted(server, b"top", b"a.png", make_png(255), '{"item_id": "first", "item_id": "last"}')
    assert answer.json()["item_id"] == "last"
    assert server.client.get(answer.headers["Location"]).json()["item_id"] == "last"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")],
        [(b"Idempotency-Key", b"\xff\xfe")],
        [(b"Idempotency-Key", b"a" * 60_000)],
        [(b"X-Budget-Ms", b"1000"), (b"X-Budget-Ms", b"nonsense")],
        [(b"X-Request-Id", b"a" * 50_000)],
        [(b"Authorization", b"Bearer " + b"a" * 50_000)],
        [(b"Cookie", b"; ".join(b"c%d=x" % number for number in range(4_000)))],
        [(b"Content-Type", b"image/png; charset=\xff")],
        [(b"Expect", b"100-continue")],
        [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")],
        [(b"Range", b"bytes=0-0,1-1" * 500)],
        [(b"X-Forwarded-For", b"1.2.3.4," * 5_000)],
    ],
)
def test_headers_cost_at_most_the_request(
    server: Server, make_png: PngMaker, headers: list[tuple[bytes, bytes]]
) -> None:
    given: list[Any] = [(b"Content-Type", b"image/png"), *headers]
    answer = server.client.post("/v1/scans", content=make_png(255), headers=given)
    assert answer.status_code < 500, answer.text
    assert server.client.get("/healthz").status_code == 200


def test_no_name_that_came_is_a_name_on_the_disk(server: Server) -> None:
    """After all of the above."""
    names = {path.name for path in (server.data / "images").rglob("*") if path.is_file()}
    assert names
    assert all(len(name) == 64 and not set(name) - set("0123456789abcdef") for name in names)

"""Untrusted bytes get a clear problem, and the process goes on serving."""

from __future__ import annotations

import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
import psutil
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Server, Wait


OK_HEIGHT = 240


def _png() -> bytes:
    picture = np.random.default_rng(1).integers(0, 255, (OK_HEIGHT, 320, 3), np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _pages(count: int) -> bytes:
    done, data = cv2.imencodemulti(".tiff", [np.full((64, 64), 200, np.uint16)] * count)
    assert done
    return data.tobytes()


def _black(width: int, height: int) -> bytes:
    return cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes()


def _nan() -> bytes:
    return cv2.imencode(".tiff", np.full((64, 64), np.nan, np.float32))[1].tobytes()


HOSTILE: dict[str, tuple[Callable[[], bytes], set[int]]] = {
    "zero-byte": (lambda: b"", {400}),
    "one byte": (lambda: b"\x89", {422}),
    "truncated png": (lambda: _png()[: len(_png()) // 2], {422}),
    "truncated jpeg": (lambda: cv2.imencode(".jpg", np.zeros((200, 200, 3), np.uint8))[1].tobytes()[:500], {422}),
    "small bomb": (lambda: _bomb(20_000), {413}),
    "gigapixel bomb": (lambda: _bomb(2_000_000_000), {413, 422}),
    "random bytes": (lambda: np.random.default_rng(2).bytes(50_000), {422}),
    "100 pages": (lambda: _pages(100), {413, 422}),
    "NaN": (_nan, {422}),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", {422}),
    "zip": (lambda: b"PK\x03\x04" + b"\0" * 100, {422}),
    "png head, then noise": (lambda: _png()[:100] + np.random.default_rng(3).bytes(5_000), {422}),
    "one pixel": (partial(_black, 1, 1), {422}),
    "more pixels than a view has": (partial(_black, 5_000, 4_000), {413}),
    "a thread of pixels": (partial(_black, 20_000, 20), {413}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_get_a_problem(client: httpx.Client, make_png: PngMaker, name: str) -> None:
    make, statuses = HOSTILE[name]
    data = make()
    answer = client.post("/v1/scans", content=data, headers={"Content-Type": "image/png"})
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["view"] == "view-1"
    # One bad view refuses the whole scan: half a parcel must not be cleared.
    parts = {"top": ("a", make_png(255), "image/png"), "side": ("b", data, "image/png")}
    answer = client.post("/v1/scans", files=parts)
    assert answer.status_code in statuses, answer.text
    assert answer.json()["view"] == "side"
    assert client.post("/v1/scans", content=make_png(255), headers={"Content-Type": "image/png"}).status_code == 201


def test_more_bytes_than_a_view_has_are_refused_alone_and_among_others(
    client: httpx.Client, make_png: PngMaker
) -> None:
    data = _png() + b"\0" * (33 << 20)
    assert client.post("/v1/scans", content=data, headers={"Content-Type": "image/png"}).status_code == 413
    parts = {"top": ("a", make_png(255), "image/png"), "side": ("b", data, "image/png")}
    answer = client.post("/v1/scans", files=parts)
    assert answer.status_code == 413
    assert answer.json()["view"] == "side"


def test_memory_returns_after_bombs(server: Server) -> None:
    process = psutil.Process(server.process.pid)
    bodies = [make() for make, _ in HOSTILE.values()]

    def round_trip() -> int:
        for body in bodies:
            assert server.client.post("/v1/scans", content=body, headers={"Content-Type": "image/png"}).is_client_error
        return int(process.memory_info().rss)

    before = round_trip()
    for _ in range(3):
        after = round_trip()
    # Decoded, any of the bombs would take more than a gigabyte.
    assert after - before < 200 << 20


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", ""])
def test_only_images_and_parts_are_taken(client: httpx.Client, kind: str) -> None:
    answer = client.post("/v1/scans", content=b"hello", headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 415
    assert "Content-Type" in answer.json()["detail"]


def _multipart(*parts: bytes, boundary: bytes = b"x") -> dict[str, Any]:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    return {"content": body, "headers": {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}}


FILE = b'Content-Disposition: form-data; name="top"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
DATA = b'Content-Disposition: form-data; name="metadata"\r\n\r\n'


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"junk", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
        (
            {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x; charset=none-such"}},
            400,
        ),
        (_multipart(DATA + b"{}"), 400),
        (_multipart(b"no header at all"), 400),
        (_multipart(b'Content-Disposition: form-data; name="top"\r\n\r\nno file'), 400),
        (_multipart(FILE + b"", DATA + b"{}"), 400),
        (_multipart(FILE + b"x", DATA + b"not json"), 422),
        (_multipart(FILE + b"x", DATA + b"[" * 100_000), 422),
        (_multipart(FILE + b"x", DATA + b'{"item_id": "a\\u0000b"}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"item_id": "' + b"a" * 500 + b'"}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"unknown": 1}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"views": ["../../etc/passwd"]}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"views": ["a", "b"]}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"captured_at": "2026-11-22T01:02:03"}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"captured_at": "0001-01-01T00:00:00+14:00"}'), 422),
        (_multipart(FILE + b"x", DATA + b'{"captured_at": "9999-12-31T23:59:59-14:00"}'), 422),
        (_multipart(FILE + b"x", DATA + json.dumps({"tags": {str(n): "x" for n in range(100)}}).encode()), 422),
        (_multipart(FILE + b"x", DATA + b"{}", DATA + b"{}"), 400),
        (_multipart(*[FILE + b"x"] * 9), 400),
        (_multipart(*[FILE + b"x"] * 500), 400),
        (_multipart(FILE + b"x", DATA + b" " * 2_000_000), 400),
    ],
)
def test_bodies_that_make_no_sense(client: httpx.Client, request_: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/scans", **request_)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("params", [{"view": "../x"}, {"view": ""}, {"item_id": "a\x00"}, {"surprise": "1"}])
def test_parameters_are_checked(client: httpx.Client, make_png: PngMaker, params: dict[str, str]) -> None:
    answer = client.post("/v1/scans", params=params, content=make_png(255), headers={"Content-Type": "image/png"})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("budget", ["0", "60001", "-5", "1.5", "soon", "9" * 400, "\uff11\uff10"])
def test_budgets_are_checked(client: httpx.Client, make_png: PngMaker, budget: str) -> None:
    headers = [(b"Content-Type", b"image/png"), (b"X-Budget-Ms", budget.encode())]
    assert client.post("/v1/scans", content=make_png(255), headers=headers).status_code == 400


def test_bodies_are_cut_off_at_the_limit(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    headers = {"Content-Type": "image/png"}
    with serve(fake, max_body_bytes=10_000) as client:
        assert client.post("/v1/scans", content=b"x" * 10_001, headers=headers).status_code == 413

        def chunks() -> Iterator[bytes]:
            yield make_png(255)  # what does not begin as an image is refused for that as soon as it is seen
            for _ in range(20):
                yield b"x" * 1_000

        # No Content-Length: counted while it streams.
        assert client.post("/v1/scans", content=chunks(), headers=headers).status_code == 413
        assert client.post("/v1/scans", content=make_png(255), headers=headers).status_code == 201


def test_what_cannot_become_an_image_is_refused_before_it_has_arrived(serve: ServeInThread, fake: FakeDetector) -> None:
    with serve(fake) as client:
        url = client.base_url
        with socket.create_connection((url.host, url.port), timeout=60) as raw:
            raw.sendall(b"POST /v1/scans HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n")
            raw.sendall(b"Content-Length: 30000000\r\n\r\n" + b"\xff" * 1_000)
            answer = b""
            while b"}" not in answer:
                answer += (part := raw.recv(4096))
                assert part, answer
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b"the format of the file is not known" in answer


def test_a_client_that_goes_away_is_no_mistake_of_ours(
    serve: ServeInThread, fake: FakeDetector, wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "parcelray.serving")
    with serve(fake) as client:
        url = client.base_url
        with socket.create_connection((url.host, url.port), timeout=10) as raw:
            raw.sendall(b"POST /v1/scans HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n")
            raw.sendall(b"Content-Length: 1000\r\n\r\nx")
        wait(lambda: caplog.messages)
    assert caplog.messages == ["a client went away while it sent"]


def test_slow_bodies_are_given_up(serve: ServeInThread, fake: FakeDetector) -> None:
    with serve(fake, receive_timeout_s=0.2) as client:
        url = client.base_url
        with socket.create_connection((url.host, url.port), timeout=10) as raw:
            raw.sendall(b"POST /v1/scans HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n")
            raw.sendall(b"Content-Length: 1000\r\n\r\nx")
            answer = b""
            while b"}" not in answer:
                answer += (part := raw.recv(4096))
                assert part, answer
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:parcelray:problem:request-timeout" in answer

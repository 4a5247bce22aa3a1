"""Beyond what can be done in time, scans are put off or refused at once, and what was refused has cost nothing."""

from __future__ import annotations

import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait

PNG = {"Content-Type": "image/png"}


@contextmanager
def _in_work(client: httpx.Client, fake: FakeDetector, wait: Wait, images: list[bytes]) -> Iterator[list[int]]:
    """Hold these scans in the model and its queue; their statuses are there at the end."""
    fake.gate.clear()
    statuses: list[int] = []

    def post(data: bytes) -> None:
        answer = client.post("/v1/scans", content=data, headers=PNG | {"X-Budget-Ms": "60000"})
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=post, args=(data,)) for data in images]
    for thread in threads:
        thread.start()
    wait(lambda: client.get("/readyz").json()["waiting_views"] == len(images) - 1)
    yield statuses
    fake.gate.set()
    for thread in threads:
        thread.join()


def _half_a_picture() -> bytes:
    """Return a PNG that only the decoder can tell from a whole one: half its data under a checksum that fits."""
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    whole = cv2.imencode(".png", noise, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    begin, end = whole.index(b"IDAT") + 4, whole.rindex(b"IEND") - 4
    half = b"IDAT" + whole[begin : begin + (end - begin) // 4]
    return (
        whole[: begin - 8] + struct.pack(">I", len(half) - 4) + half + struct.pack(">I", zlib.crc32(half)) + whole[end:]
    )


def test_a_scan_that_is_put_off_is_answered_before_it_is_decoded_and_finished_later(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    whole = make_png(20, mark=9)
    with serve(fake, sessions=1, queue_limit=4) as client:
        with _in_work(client, fake, wait, [make_png(20, mark=at) for at in range(2)]):
            headers = PNG | {"X-Budget-Ms": "40"}  # a view takes 50 ms until the service has measured it
            damaged = client.post("/v1/scans", content=_half_a_picture(), headers=headers)
            put_off = client.post("/v1/scans", content=whole, headers=headers)
            # Nobody has looked at their pixels yet: else the damaged one would have been refused.
            for answer in (damaged, put_off):
                assert answer.status_code == 201
                assert (answer.json()["verdict"], answer.json()["reasons"]) == ("refer", ["budget_exceeded"])
                assert not answer.json()["views"][0]["inferred"]

        def late(answer: httpx.Response) -> dict[str, Any] | None:
            return client.get(answer.headers["Location"]).json()["late_result"]  # type: ignore[no-any-return]

        wait(lambda: late(damaged) and late(put_off))
        assert (late(damaged) or {})["reasons"] == ["unreadable_view"]
        assert (late(put_off) or {})["verdict"] == "alarm"


def test_no_more_are_put_off_than_may_wait(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    images = [make_png(20, mark=at) for at in range(8)]
    with serve(fake, sessions=1, queue_limit=2) as client:
        with _in_work(client, fake, wait, images[:2]) as statuses:
            answers = [client.post("/v1/scans", content=data, headers=PNG | {"X-Budget-Ms": "40"}) for data in images]
            assert [answer.status_code for answer in answers] == [201, 201, 503, 503, 503, 503, 503, 503]
            assert answers[2].json()["type"] == "urn:parcelray:problem:overloaded"
            assert int(answers[2].headers["Retry-After"]) >= 1
        assert statuses == [201, 201]
        wait(lambda: client.get(answers[1].headers["Location"]).json()["late_result"])
        # All is done: the service takes scans with this budget again.
        assert client.post("/v1/scans", content=images[3], headers=PNG | {"X-Budget-Ms": "40"}).status_code == 201
        assert len(client.get("/v1/scans").json()["items"]) == 5


def test_a_refusal_comes_before_the_body_and_the_connection_stays(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    with (
        serve(fake, sessions=1, queue_limit=1) as client,
        _in_work(client, fake, wait, [make_png(20, mark=at) for at in range(2)]),
        socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=60) as line,
    ):
        host = f"Host: {client.base_url.host}:{client.base_url.port}\r\n"
        line.sendall(
            f"POST /v1/scans HTTP/1.1\r\n{host}Content-Type: image/png\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        assert _status(line) == 503
        line.sendall(b"\0" * 1000 + f"GET /healthz HTTP/1.1\r\n{host}\r\n".encode())
        assert _status(line) == 200


def _status(line: socket.socket) -> int:
    """Read one answer to its end, in however many pieces it comes."""
    with HTTPResponse(line) as answer:
        answer.begin()
        answer.read()
        return answer.status

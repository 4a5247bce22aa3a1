"""Slow, idle, broken and vanishing clients of a real process: they are cut off, and nobody else notices them."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import httpx
import numpy as np
import psutil
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, Server, StartServer, Wait

PNG = {"Content-Type": "image/png"}
IDLE = 1_000
HEAD = b"POST /v1/scans HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"


@pytest.fixture(scope="module")
def strict(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little patience."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARCELRAY_RECEIVE_TIMEOUT_S", "2")
        running = start_server(tmp_path_factory.mktemp("strict"))
    yield running
    assert running.stop() == 0


def connected(server: Server) -> socket.socket:
    url = httpx.URL(server.url)
    return socket.create_connection((url.host, url.port or 80), timeout=60)


def everything(raw: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    received = b""
    try:
        while part := raw.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def reset(raw: socket.socket) -> None:
    """Close as a client that was switched off does."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def open_requests(server: Server) -> float:
    lines = server.client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("parcelray_open_scans"))


@pytest.mark.parametrize("start", [b"", b"POST /v1/sc", HEAD])
def test_a_head_that_never_ends_is_given_up(strict: Server, make_png: PngMaker, start: bytes) -> None:
    with connected(strict) as raw:
        raw.sendall(start)
        assert strict.client.post("/v1/scans", content=make_png(20), headers=PNG).status_code == 201
        # Byte by byte would keep it open for ever, if every byte began the waiting anew.
        raw.settimeout(0.1)
        for _ in range(600):
            try:
                if not raw.recv(1):
                    break
            except TimeoutError:
                raw.sendall(b"X" if start else b"")
            except OSError:
                break
        else:
            pytest.fail("the connection is still open")


def test_an_idle_connection_is_given_up_after_its_answer(strict: Server) -> None:
    with connected(strict) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + b"GET /he")
        assert everything(raw).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_never_ends_is_answered(strict: Server) -> None:
    with connected(strict) as raw:
        raw.sendall(HEAD + b"Content-Length: 1000\r\n\r\nx")
        answer = everything(raw)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:parcelray:problem:request-timeout" in answer


def test_a_client_that_takes_no_answer_is_cut_off(strict: Server, wait: Wait) -> None:
    """More than the buffers between the two can hold, to a client that never reads."""
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1600, 3), np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    # On a busy machine even this client may be too slow for so little patience.
    wait(lambda: strict.client.post("/v1/scans", content=data, headers=PNG).status_code == 201)
    scan = strict.client.get("/v1/scans").json()["items"][0]
    address = f"{scan['links']['self']}/views/view-1/image?form=original"
    with connected(strict) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert raw.recv(9, socket.MSG_PEEK) == b"HTTP/1.1 "
        wait(lambda: not holds(strict, raw))
    assert strict.client.get(address).content == data


def holds(server: Server, raw: socket.socket) -> bool:
    """Whether the server still has its end: the client does not learn of it before it reads."""
    port = raw.getsockname()[1]
    connections = psutil.Process(server.process.pid).net_connections("tcp")
    return any(connection.raddr and connection.raddr.port == port for connection in connections)


def test_clients_that_vanish_leave_nothing_behind(server: Server, make_png: PngMaker, wait: Wait) -> None:
    data = make_png(20)
    length = f"Content-Length: {len(data)}\r\n\r\n".encode()
    for sent in (HEAD, HEAD + length, HEAD + length + data[:-1], HEAD + length + data):
        raw = connected(server)
        raw.sendall(sent)
        reset(raw)
    scan = server.client.post("/v1/scans", content=data, headers=PNG)
    raw = connected(server)
    raw.sendall(f"GET {scan.headers['Location']}/views/view-1/image HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert raw.recv(9) == b"HTTP/1.1 "
    reset(raw)
    wait(lambda: open_requests(server) == 0)
    assert server.client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        # These two may come in one piece, which is read as it is: then it is the body that is missing.
        HEAD + b"Connection: close\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        HEAD + b"Connection: close\r\n" + b"X-Many: 1\r\n" * 10_000 + b"\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffffff\r\n",
        b"POST /v1/scans\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_a_problem(server: Server, sent: bytes) -> None:
    with connected(server) as raw:
        raw.sendall(sent)
        answer = everything(raw)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"application/problem+json" in answer.lower()
    assert server.client.get("/healthz").status_code == 200


def test_a_thousand_idle_connections_are_in_nobodys_way(
    start_server: StartServer, make_png: PngMaker, tmp_path: Path
) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Fewer descriptors than connections, as many systems give every process: the service asks for more.
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
    try:
        server = start_server(tmp_path)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * IDLE), most))
        with ExitStack() as idle:
            for number in range(IDLE):
                raw = idle.enter_context(connected(server))
                raw.sendall(b"GET /he" if number % 2 else b"")
            scan = server.client.post("/v1/scans", content=make_png(20), headers=PNG)
            assert (scan.status_code, scan.json()["verdict"]) == (201, "alarm")
            assert server.client.get("/readyz").status_code == 200
        assert server.stop() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))

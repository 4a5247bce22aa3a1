"""A receiver of webhooks that behaves as it is told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Receive = Callable[..., AbstractContextManager["Receiver"]]


@dataclass
class Receiver:
    """What came, and how to answer: one behaviour a request in order, then 204."""

    url: str
    behaviours: list[str] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self) -> list[str]:
        """The webhook-ids of everything that came, repeated ones too."""
        return [headers["webhook-id"] for headers, _ in self.got]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever posted has gone, as it should from what is huge or slow."""


@contextmanager
def receiving(*behaviours: str, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                receiver.got.append((dict(self.headers.items()), body))
                behaviour = receiver.behaviours.pop(0) if receiver.behaviours else "204"
            what, *words = behaviour.split()
            if what.isdecimal():
                self.answer(what, *words)
            elif what == "hang":
                receiver.release.wait(60)
            elif what == "drip":  # no single read of it takes long
                self.wfile.write(b"HTTP/1.1 200 ")
                while not receiver.release.wait(0.05):
                    self.wfile.write(b"O")
            elif what == "huge":
                self.send_response(200)
                self.end_headers()
                for _ in range(64):
                    self.wfile.write(b"x" * 1_000_000)
            self.close_connection = True

        def answer(self, status: str, *header: str) -> None:
            self.send_response(int(status))
            if header:
                self.send_header(header[0], header[1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook", list(behaviours))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receive() -> Receive:
    """Return a context manager behaviours -> a receiver on loopback."""
    return receiving

"""Connections that cannot be held for nothing: by a head that never ends, or an answer that nobody takes.

uvicorn waits for both as long as a client likes. Here a connection has `patience_s` to send the whole head of a
request, from its opening or its last answer on, and to take some of an answer that waits for it; then it is closed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from serving.problems import MEDIA_TYPE, Problem

__all__ = ["MAX_HEAD_BYTES", "allow_many", "connection_protocol"]

MAX_HEAD_BYTES: Final = 65_536
# Idle connections cost a descriptor each and little else; each scan in work needs a few.
_DESCRIPTORS: Final = 65_536


def connection_protocol(patience_s: float) -> type[H11Protocol]:
    """Return what uvicorn is to speak on each connection."""
    return type("Connection", (_Connection,), {"patience_s": patience_s})


def allow_many() -> None:
    """Let this process open as many connections as the system allows it; often it starts with leave for 1024."""
    with suppress(ImportError, ValueError, OSError):  # not every system has such limits
        import resource  # noqa: PLC0415

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, _DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class _Connection(H11Protocol):
    patience_s: float
    _silence: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _answered = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if not self._answered:
            super().data_received(data)
            self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Count the time while there is no request to answer, however many bytes come."""
        idle = self.cycle is None or self.cycle.response_complete
        if not idle:
            _cancel(self._silence)
            self._silence = None
        elif self._silence is None and not self.transport.is_closing():
            self._silence = self.loop.call_later(self.patience_s, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self.patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._stuck)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _cancel(self._silence)
        _cancel(self._stuck)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says less than ours
        """Answer bytes that are no HTTP in the shape of every other error."""
        problem = Problem(
            type="urn:parcelray:problem:bad-request",
            title="The request cannot be understood",
            status=400,
            detail=f"the request is not valid HTTP, or its headers are over {MAX_HEAD_BYTES} bytes; correct it, or "
            "send fewer headers",
            instance="/",
        )
        body = problem.model_dump_json(exclude_none=True).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=STATUS_PHRASES[400]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        # What is closed before the client has sent everything is reset, and the answer with it.
        self._answered = True
        self.transport.write_eof()
        self.loop.call_later(self.patience_s, self.transport.close)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

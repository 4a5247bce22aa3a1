"""Posts scans to a service over kept connections, in one thread, for a few per cent of a core.

Open loop: scans are due at times that are fixed beforehand, whatever the service does, and their latency counts from
when they were due; a service that stalls cannot hide it by holding up the client (coordinated omission).
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Client", "Outcome"]

_GIVE_UP_S: Final = 30.0
# Shorter than the service keeps connections open, so that none is closed while a scan is written to it.
_IDLE_S: Final = 10.0
_MARK_DIGITS: Final = 16
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scan; times in seconds of the event loop's clock."""

    due: float
    sent: float
    done: float
    status: int | None  # None: no answer came
    expired: bool  # answered `refer`, because its budget had run out

    @property
    def latency_ms(self) -> float:
        """Time from when it was due to the end of its answer."""
        return (self.done - self.due) * 1e3


class _Connection(asyncio.Protocol):
    """One connection, with at most one scan on its way."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bool] | None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP gives
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = bytes(self._received).partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if blank and length and len(body) >= int(length[1]):
            self._received.clear()
            self._settle((int(head.split(b" ", 2)[1]), b'"budget_exceeded"' in body))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._transport = None
        self._settle(None)

    def post(self, parts: Iterable[bytes]) -> asyncio.Future[tuple[int, bool] | None]:
        """Send a request and return its status and whether its budget ran out, or None where the line broke."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None:
            self._settle(None)
        else:
            self._transport.writelines(parts)
        return self._answer

    @property
    def open(self) -> bool:
        """Whether it can carry another scan."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def _settle(self, answer: tuple[int, bool] | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


class Client:
    """Posts copies of an image, each with other bytes at its end, so that the service keeps every one of them."""

    def __init__(self, url: str, image: bytes, media_type: str, budget_ms: int) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._image = image
        self._head = (
            f"POST /v1/scans HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {media_type}\r\n"
            f"X-Budget-Ms: {budget_ms}\r\nContent-Length: {len(image) + _MARK_DIGITS}\r\n\r\n"
        ).encode()
        self._idle: list[_Connection] = []
        self._marks = itertools.count()

    def close(self) -> None:
        """Hang up everywhere."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def closed_loop(self, clients: int, seconds: float) -> list[Outcome]:
        """Post with so many clients, each its next scan when the last one is answered."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds

        async def post_one_after_the_other() -> list[Outcome]:
            outcomes = []
            while (now := loop.time()) < end:
                outcomes.append(outcome := await self.post(now))
                if outcome.status != 201:
                    await asyncio.sleep(0.01)  # what is refused at once must not become a busy loop
            return outcomes

        return list(itertools.chain(*await asyncio.gather(*(post_one_after_the_other() for _ in range(clients)))))

    async def open_loop(self, offsets_s: Iterable[float]) -> list[Outcome]:
        """Post at these times from now, and return when the last one is answered or given up."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        posts = []
        for offset in offsets_s:
            if (wait := start + offset - loop.time()) > 0:
                await asyncio.sleep(wait)
            posts.append(asyncio.create_task(self.post(start + offset)))
        return list(await asyncio.gather(*posts))

    async def post(self, due: float) -> Outcome:
        """Post one scan that was due at this time."""
        loop = asyncio.get_running_loop()
        answer, sent = None, due
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                connection = await self._connection()
                sent = loop.time()
                try:
                    answer = await connection.post(
                        (self._head, self._image, b"%0*d" % (_MARK_DIGITS, next(self._marks)))
                    )
                finally:
                    if answer is None:
                        connection.close()
                connection.idle_since = loop.time()
                self._idle.append(connection)
        except (TimeoutError, OSError):
            pass
        status, expired = answer or (None, False)
        return Outcome(due, sent, loop.time(), status, expired)

    async def _connection(self) -> _Connection:
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if connection.open and loop.time() - connection.idle_since < _IDLE_S:
                return connection
            connection.close()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection

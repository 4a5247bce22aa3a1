"""Follows the evidence chain and hands its events to the readers of `GET /v1/events`.

One look at the chain serves all readers: the last events lie in a window in memory, and every reader is a place in the
chain, not a queue. A reader that begins further back reads pages from the store until it reaches the window; one that
falls out of the window later is too slow, is told so, and may begin again where it stood.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from serving.errors import BadRequestError, OverloadedError
from serving.events.schema import Event
from serving.settings import Settings
from serving.store.database import Database
from serving.store.events import EventFilter, erased_after, events_after
from serving.store.evidence import head_of

__all__ = ["Beat", "End", "Feed"]

_WINDOW: Final = 1000
_PAGE: Final = 100
_LOOK_S: Final = 1.0  # other processes write to the same chain
_TOO_SLOW: Final = "this reader is too slow; connect again with Last-Event-ID, or ask for fewer events"
_STOPPING: Final = "the service stops; connect again with Last-Event-ID"
_T = TypeVar("_T")
_log = logging.getLogger("parcelray.serving")


@dataclass(frozen=True, slots=True)
class Beat:
    """Nothing happened that the reader wants, up to this record."""

    sequence: int


@dataclass(frozen=True, slots=True)
class End:
    """The stream ends, and why."""

    reason: str


class Feed:
    """The service's task; use it as an async context manager."""

    def __init__(
        self, settings: Settings, database: Database, forget: Callable[[str], None], window: int = _WINDOW
    ) -> None:
        """Keep what it works with; `forget` is told every scan that was erased."""
        self._settings = settings
        self._database = database
        self._forget = forget
        self._max_window = window
        # Threads of its own: scans never wait for it.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="events")
        self._readers = 0
        self._ending = False
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last = 0  # the record up to which the chain was looked at
        self._window: deque[Event] = deque()
        self._window_from = 0  # all events behind this record are in the window

    def wake(self) -> None:
        """Look now for news, if anybody waits for it; from the event loop's thread."""
        if self._readers:
            self._wake.set()

    def end(self) -> None:
        """Let every stream end; readers connect again, to the service's next start."""
        self._ending = True
        self._tell()

    async def __aenter__(self) -> Feed:
        self._last = self._window_from = await self._in_thread(self._head)
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._threads.shutdown(wait=True)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count a reader; without any, no event is read from the store, and nobody looks at every write."""
        self._readers += 1
        self.wake()
        try:
            yield
        finally:
            self._readers -= 1

    async def start(self, after: int | None) -> int:
        """Return the record that a new reader begins behind: where it stood, or the last one.

        Raises:
            OverloadedError: there are as many readers as there may be.
            BadRequestError: it stood behind the end of this chain.
            SQLAlchemyError: the database failed.
        """
        if self._readers >= self._settings.event_streams:
            raise OverloadedError(
                f"{self._readers} streams of events are open, the most there may be (PARCELRAY_EVENT_STREAMS)",
                retry_after_s=5,
            )
        head = await self._in_thread(self._head)
        if after is None:
            return head
        if after > head:
            raise BadRequestError(
                f"Last-Event-ID {after}: the last record is {head}, so the id is another store's; begin without it"
            )
        return after

    async def follow(self, after: int, wanted: EventFilter) -> AsyncIterator[Event | Beat | End]:
        """Give the wanted events behind a record as they come, and a beat when none came for a while."""
        place, live = after, False
        while not self._ending:
            if place < self._window_from:
                if live:
                    yield End(_TOO_SLOW)
                    return
                events, place = await self._in_thread(self._page, place, wanted)
                for event in events:
                    yield event
                continue
            live, news = True, self._news
            fresh = list(takewhile(partial(_is_behind, place), reversed(self._window)))
            place = max(place, self._last)
            for event in reversed(fresh):
                if wanted.wants(event):
                    yield event
            if not fresh:
                try:
                    await asyncio.wait_for(news.wait(), self._settings.event_heartbeat_s)
                except TimeoutError:
                    yield Beat(place)
        yield End(_STOPPING)

    async def _work(self) -> None:
        failed = False
        while True:
            self._wake.clear()
            try:
                await self._look()
                failed = False
            except SQLAlchemyError as error:
                if not failed:
                    _log.error("the stream of events waits, the database failed: %s", type(error).__name__)
                failed = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_S)

    async def _look(self) -> None:
        while True:
            before, read = self._last, self._readers > 0
            events, last, erased = await self._in_thread(self._news_after, before, read)
            if last == before:
                return
            if self._readers and not read:
                continue  # one has come meanwhile, and must not seem too slow
            self._last = last
            self._window.extend(events)
            if not read:
                self._window.clear()
                self._window_from = self._last
            for scan_id in erased:
                self._forget(scan_id)
            if erased:
                self._window = deque(event for event in self._window if event.scan_id not in erased)
            while len(self._window) > self._max_window:
                self._window_from = self._window.popleft().sequence
            self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _head(self) -> int:
        with self._database.reading() as session:
            return head_of(session)[0]

    def _page(self, after: int, wanted: EventFilter) -> tuple[list[Event], int]:
        with self._database.reading() as session:
            return events_after(session, after, wanted, _PAGE)

    def _news_after(self, after: int, read: bool) -> tuple[list[Event], int, frozenset[str]]:
        with self._database.reading() as session:
            head, _ = head_of(session)
            if head <= after:
                return [], after, frozenset()
            events, last = events_after(session, after, EventFilter(), _PAGE) if read else ([], head)
            return events, last, frozenset(erased_after(session, after))

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:  # noqa: ANN401 - passed on
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _is_behind(place: int, event: Event) -> bool:
    return event.sequence > place

"""Delivers what is due: a few deliveries of each endpoint at a time, so that one that hangs holds up only itself."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from serving.settings import Settings
from serving.store.outbox import LONGEST_WAIT, Claim, Outbox, Result
from serving.webhooks.sending import Answer, Sender

__all__ = ["Dispatcher", "wait_before"]

_AT_A_TIME: Final = 4  # of one endpoint
_LOOK_S: Final = 5.0  # other processes write to the same outbox
_COUNT_S: Final = 5.0
_FORGET_S: Final = 3600.0
_PATIENCE_S: Final = 3.0  # at the end, for receivers that are about to answer
_T = TypeVar("_T")
_log = logging.getLogger("parcelray.serving")


def wait_before(attempt: int, first_wait_s: float, asked_s: float = 0.0) -> timedelta:
    """Return how long to wait after try number `attempt` failed: three times longer each time, with jitter.

    Args:
        attempt: 1 for the first try.
        first_wait_s: longest wait after it.
        asked_s: what the receiver asked for.
    """
    longest_s = LONGEST_WAIT.total_seconds()
    # Half of it is by chance, so that receivers that come back are not met by everything at once.
    wait_s = min(first_wait_s * 3.0 ** (attempt - 1), longest_s) * random.uniform(0.5, 1.0)  # noqa: S311
    return timedelta(seconds=max(wait_s, min(asked_s, longest_s)))


class Dispatcher:
    """The service's task; use it as an async context manager."""

    def __init__(self, settings: Settings, outbox: Outbox, count: Callable[[str, str], None]) -> None:
        """Keep what it works with; `count` is told endpoint and outcome of every try."""
        self._settings = settings
        self._outbox = outbox
        self._count = count
        self._sender = Sender(settings.webhook_networks, settings.webhook_timeout_s)
        # Longer than any try can take.
        self._lease = timedelta(seconds=settings.webhook_timeout_s + 5)
        # A thread of its own: scans never wait for it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._running: dict[asyncio.Task[Answer], Claim] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.counts: Mapping[tuple[str, str], int] = {}

    def wake(self) -> None:
        """Look now for what is due; from the event loop's thread."""
        self._wake.set()

    def waiting(self, state: str) -> int:
        """Return how many deliveries are in a state, pending or dead, a few seconds ago."""
        return sum(count for (_, found), count in self.counts.items() if found == state)

    async def __aenter__(self) -> Dispatcher:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=_PATIENCE_S)
        with suppress(SQLAlchemyError):
            await self._record()
        for task in self._running:  # these come due again after their lease
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._sender.close()
        self._thread.shutdown(wait=True)

    async def _work(self) -> None:
        counted = forgot = -_FORGET_S
        while True:
            try:
                await self._record()
                self._wake.clear()
                if time.monotonic() - forgot > _FORGET_S:
                    days = timedelta(days=self._settings.webhook_dead_days)
                    await self._in_thread(self._outbox.forget_dead, datetime.now(UTC) - days)
                    forgot = time.monotonic()
                wait_s = await self._begin()
                if time.monotonic() - counted > _COUNT_S:
                    self.counts = await self._in_thread(self._outbox.counts)
                    counted = time.monotonic()
            except SQLAlchemyError as error:
                _log.error("webhooks wait, the database failed: %s", type(error).__name__)
                wait_s = _LOOK_S
                await asyncio.sleep(1.0)
            await self._rest(wait_s)

    async def _begin(self) -> float:
        """Begin what is due and return the seconds until there may be more."""
        running = Counter(claim.endpoint_id for claim in self._running.values())
        claims, wait_s = await self._in_thread(
            self._outbox.claim, datetime.now(UTC), self._lease, lambda endpoint: _AT_A_TIME - running[endpoint]
        )
        for claim in claims:
            self._running[asyncio.create_task(self._sender.send(claim))] = claim
        # What is due and was not taken waits for a place, and the end of a try wakes us.
        return _LOOK_S if not wait_s else min(wait_s, _LOOK_S)

    async def _rest(self, wait_s: float) -> None:
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait([woken, *self._running], timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    async def _record(self) -> None:
        done = {task: claim for task, claim in self._running.items() if task.done()}
        results = [self._result(claim, task.result()) for task, claim in done.items()]
        for task in done:
            del self._running[task]
        if results:
            await self._in_thread(self._outbox.record, results, datetime.now(UTC))

    def _result(self, claim: Claim, answer: Answer) -> Result:
        if answer.error is None:
            self._count(claim.endpoint_id, "delivered")
            return Result(claim.id, claim.endpoint_id)
        dead = answer.gone or claim.attempt >= self._settings.webhook_attempts
        self._count(claim.endpoint_id, "dead" if dead else "failed")
        # The error may hold the receiver's address, never anything of the parcel.
        level = logging.ERROR if dead else logging.WARNING
        what = (claim.id, claim.endpoint_id, claim.attempt, answer.error)
        _log.log(level, "webhook %s to endpoint %s failed, try %d: %s", *what)
        wait = wait_before(claim.attempt, self._settings.webhook_first_wait_s, answer.wait_s)
        return Result(
            claim.id, claim.endpoint_id, answer.error, None if dead else datetime.now(UTC) + wait, answer.gone
        )

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:  # noqa: ANN401 - passed on
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

"""Processes that make things: on this machine, or on a Ray cluster where there is one.

Work is a callable without arguments that can be pickled. It knows all it needs, so that where it runs leaves no trace.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from typing import Any, Final

import cv2

from datasets.errors import JobError

__all__ = ["Pool", "open_pool", "worker_processes"]

_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Pool:
    """Where work goes.

    Attributes:
        submit: starts it.
        processes: how many there are now.
    """

    submit: Callable[[Callable[[], Any]], Future[Any]]
    processes: Callable[[], int]


def open_pool(jobs: int, ray: str | None) -> AbstractContextManager[Pool]:
    """Give processes for as long as the context lasts.

    Args:
        jobs: how many on this machine.
        ray: address of a Ray cluster that works instead; None where this machine does.

    Raises:
        JobError: the cluster cannot be reached, or, inside the context, a process died.
        ModuleNotFoundError: `ray` is not installed.
    """
    if ray is None:
        return _local_pool(jobs)
    from datasets.ray_workers import ray_pool  # noqa: PLC0415  (an extra that most installations do without)

    return ray_pool(ray, jobs)


@contextmanager
def _local_pool(jobs: int) -> Iterator[Pool]:
    with worker_processes(jobs) as executor:
        try:
            yield Pool(executor.submit, lambda: jobs)
        except BrokenProcessPool:
            raise JobError(
                "a working process died (out of memory?); run the same command again to continue, with fewer --jobs"
            ) from None


@contextmanager
def worker_processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes of one thread each; libraries read from the environment how many they may use as they load."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Set one process up: one thread, deaf to Ctrl-C, gone when its parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)

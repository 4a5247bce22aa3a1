"""Processes of a Ray cluster: the machines that run it work, this one writes.

Ray starts a piece of work again where its process or machine is lost. That every machine computes the same bytes is
made sure of by what can be: each compares its own versions with ours before it works.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import ray
from ray.exceptions import RayError, RayTaskError

from datasets.errors import JobError
from datasets.workers import Pool
from detector.errors import ParcelRayError

__all__ = ["ray_pool"]

_HERE: Final = frozenset({"auto", "local"})
_CONNECT_S: Final = 5.0
_RETRIES: Final = 3
_STORE_BYTES: Final = 256 * 2**20
_THAT_COMPUTE: Final = ("numpy", "opencv-python-headless", "numba", "xraydb")
_ROOMS: Final = ("datasets", "detector")


@contextmanager
def ray_pool(address: str, jobs: int) -> Iterator[Pool]:
    """Give the processes of a cluster.

    Args:
        address: "local" starts one of `jobs` processes here, for as long as the context lasts; "auto" is the one that
            `ray start` has started on this machine; HOST:PORT is one that this machine has joined;
            ray://HOST:PORT is any that runs Ray's client server.
        jobs: processes of a local cluster; another one is used whole.

    Raises:
        JobError: the cluster cannot be reached, or, inside the context, work could not be done on it.
    """
    _reach(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    local: dict[str, Any] = {"num_cpus": jobs, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **(local if address == "local" else {}))
    except Exception as error:  # noqa: BLE001  Ray raises bare ones, too
        ray.shutdown()
        advice = _HOW_TO_ENTER if "uthent" in str(error) else _how_to_start(address)
        raise JobError(f"--ray {address}: {_first_line(error)}; {advice}") from None
    run = ray.remote(num_cpus=1, max_retries=_RETRIES)(_run)
    versions = _versions()

    def submit(work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = run.remote(versions, work).future()
        return future

    try:
        yield Pool(submit, _processes)
    except RayTaskError as error:
        if isinstance(error.cause, ParcelRayError):
            raise error.cause from None
        raise JobError(f"work failed on a machine of the cluster: {_last_line(error)}; {_GO_ON}") from None
    except RayError as error:
        raise JobError(f"the cluster gave up on a piece of work: {_first_line(error)}; {_GO_ON}") from None
    finally:
        ray.shutdown()


_GO_ON: Final = "run the same command again to continue"
_HOW_TO_ENTER: Final = "the cluster wants its token: set RAY_AUTH_MODE=token, and put it into ~/.ray/auth_token"


def _processes() -> int:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(int(resources.get("CPU", 0)), 1)  # none yet where machines come as they are needed


def _run(versions: dict[str, str], work: Callable[[], Any]) -> Any:  # noqa: ANN401  what the work gives
    """Work on a machine of the cluster."""
    here = _versions()
    if different := [
        f"{name} {here[name]} instead of {wanted}" for name, wanted in versions.items() if here[name] != wanted
    ]:
        raise JobError(
            f"{socket.gethostname()} has {', '.join(different)}, and would not give the same bytes; install the same"
            " version of parcelray[render,ray] with its constraints.txt on every machine of the cluster"
        )
    cv2.setNumThreads(1)
    return work()


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Return what must be the same on two machines for the same bytes: our code and the libraries that compute."""
    code = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(path for room in _ROOMS for path in (root / room).rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return {"parcelray": code.hexdigest()[:12], **{name: version(name) for name in _THAT_COMPUTE}}


def _reach(address: str) -> None:
    """Fail at once where nothing listens: Ray itself would try for minutes."""
    if address in _HERE:
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise JobError(f"--ray: expected auto, local, HOST:PORT or ray://HOST:PORT, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise JobError(f"--ray {address}: nothing answers there ({error}); {_how_to_start(address)}") from None


def _how_to_start(address: str) -> str:
    if address.startswith("ray://"):
        return "'ray start --head' on that host starts a cluster, whose client server listens on port 10001"
    return "'ray start --head' starts a cluster and prints its address; '--ray local' needs none"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _last_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1].rstrip(".")

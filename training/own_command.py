"""Starts commands of our own in processes of their own, which stop with the process that wants them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["start_command", "stops_passed_on"]

# A killed parent cannot pass its kill on, so the kernel does (prctl's PR_SET_PDEATHSIG, Linux alone): whoever starts
# again must not meet what still runs. The parent may be gone before this line runs: then there is nothing to wait for.
_PROGRAM: Final = """
import ctypes, os, sys
nice, number, parent = (int(word) for word in sys.argv.pop(1).split(","))
os.nice(nice)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, number)
    if os.getppid() != parent:
        sys.exit(2)
import parcelray
sys.exit(parcelray.main(sys.argv[1:]))
"""


def start_command(
    words: Sequence[str],
    *,
    when_orphaned: signal.Signals,
    nice: int = 0,
    **options: Any,  # noqa: ANN401 - those of Popen
) -> subprocess.Popen[bytes]:
    """Start `parcelray WORDS...` with its priority lowered by `nice`, and this signal for it when this process dies."""
    how = f"{nice},{int(when_orphaned)},{os.getpid()}"
    return subprocess.Popen([sys.executable, "-c", _PROGRAM, how, *words], **options)  # noqa: S603 - our own program


@contextmanager
def stops_passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Ask the process to stop when this one is asked, instead of ending; yields the signals that came."""
    stops: list[int] = []

    def pass_on(number: int, frame: object) -> None:  # noqa: ARG001 - the signal handler's signature
        stops.append(number)
        if number == signal.SIGTERM:  # Ctrl-C reaches the process without us
            process.terminate()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

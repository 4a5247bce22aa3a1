"""Whether damaged image files crash, hang or fill the decoders, in a process of little memory that is watched.

A file that ends the process, that is answered with anything but a picture or an image error, or that gets no answer is
written down by its number: with the seed, that number makes the same file again (`parcelray bench hostile --first
NUMBER --count 1`). The rest goes on in a new process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.mutation import mutated, seeds
from benchmarks.report import print_table, write_json
from detector.errors import ImageError
from detector.images import ImageLimits, decode

__all__ = ["attack", "run"]

Decode = Callable[[bytes, ImageLimits], NDArray[np.uint8]]
# What the service allows by default.
_LIMITS: Final = ImageLimits(max_pixels=16_000_000)
_MIB: Final = 1 << 20
# Above what the loaded libraries take; a picture at the limit needs about a third of it.
_ROOM_BYTES: Final = 512 * _MIB
_HANG_S: Final = 60.0
_STATUS: Final = Path("/proc/self/status")  # Linux only
_PROGRESS: Final = 5_000


def run(arguments: argparse.Namespace) -> int:
    """Attack the decoders, print a table, write JSON; returns 1 when anything broke."""
    figures = attack(arguments.count, arguments.seed, first=arguments.first, say=lambda line: print(line, flush=True))
    print_table(
        f"{figures['count']} mutated files, seed {arguments.seed}",
        ["format", "read", "refused", "too large"],
        [[name, *(row.get(key, 0) for key in ("read", "refused", "too large"))] for name, row in _rows(figures)],
    )
    print(
        f"crashes {len(figures['crashes'])}, hangs {len(figures['hangs'])}; at most {figures['peak_mib']} MiB "
        f"({figures['start_mib']} at the start); slowest {figures['slowest']}"
    )
    if arguments.out:
        write_json(arguments.out, "hostile", figures)
    return 1 if figures["crashes"] or figures["hangs"] else 0


def attack(
    count: int,
    seed: int,
    *,
    first: int = 0,
    decode: Decode = decode,
    hang_s: float = _HANG_S,
    say: Callable[[str], object] = lambda _: None,
) -> dict[str, Any]:
    """Decode the files `first` to `first + count - 1` of a seed and return what became of them."""
    tally, crashes, hangs = Counter[tuple[str, str]](), dict[int, str](), list[int]()
    slowest = (0.0, first, "")
    start_kib = peak_kib = 0
    at, end = first, first + count
    while at < end:
        with _worker(seed, at, end, decode) as (process, results):
            patience_s = _HANG_S  # until it has started
            while at < end:
                try:
                    if not results.poll(patience_s):
                        hangs.append(at)
                        at += 1
                        break
                    kind, outcome, seconds, kib = results.recv()
                except EOFError:  # it is dead, and this file did it
                    process.join()
                    crashes[at] = f"exit code {process.exitcode}"
                    at += 1
                    break
                if kind == "ready":
                    start_kib, patience_s = start_kib or kib, hang_s
                    continue
                if outcome.startswith("!"):
                    crashes[at] = outcome[1:]
                tally[kind, outcome] += 1
                slowest, peak_kib = max(slowest, (seconds, at, kind)), max(peak_kib, kib)
                at += 1
                if at % _PROGRESS == 0:
                    say(f"{at} files, {len(crashes)} crashes, {len(hangs)} hangs, {peak_kib >> 10} MiB")
    formats: dict[str, dict[str, int]] = {}
    for (kind, outcome), number in sorted(tally.items()):
        formats.setdefault(kind, {})[outcome] = number
    return {
        "count": count,
        "seed": seed,
        "first": first,
        "formats": formats,
        "crashes": crashes,
        "hangs": hangs,
        "start_mib": start_kib >> 10,
        "peak_mib": peak_kib >> 10,
        "memory_limit_mib": _ROOM_BYTES // _MIB,
        "slowest": {"processor_s": round(slowest[0], 4), "file": slowest[1], "format": slowest[2]},
    }


def _rows(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, int]]]:
    return list(figures["formats"].items())


@contextmanager
def _worker(seed: int, first: int, end: int, decode: Decode) -> Iterator[tuple[Any, Connection]]:
    context = multiprocessing.get_context("spawn")
    results, answers = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(seed, first, end, decode, answers), daemon=True)
    process.start()
    answers.close()
    try:
        yield process, results
    finally:
        process.kill()
        process.join()
        results.close()


def _work(seed: int, first: int, end: int, decode: Decode, answers: Connection) -> None:
    """Run in the watched process: one message a file, kind, outcome, processor seconds and most memory in KiB."""
    # The decoders say there what is wrong with a file.
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    files = seeds()
    names = list(files)
    for name in names:
        decode(files[name][0], _LIMITS)  # every library is loaded before memory is counted
    _limit_memory()
    answers.send(("ready", "", 0.0, _most_kib()))
    for number in range(first, end):
        kind = names[number % len(names)]
        data = mutated(np.random.default_rng([seed, number]), files[kind])
        began = time.process_time()
        outcome = _outcome(decode, data)
        answers.send((kind, outcome, time.process_time() - began, _most_kib()))


def _outcome(decode: Decode, data: bytes) -> str:
    try:
        picture = decode(data, _LIMITS)
    except ImageError as error:
        return "too large" if type(error).__name__ == "ImageTooLargeError" else "refused"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"!{type(error).__name__}: {error}"[:200]
    sound = picture.dtype == np.uint8 and picture.ndim == 3 and picture.size <= 3 * _LIMITS.max_pixels
    return "read" if sound else f"!a picture of shape {picture.shape}"


def _limit_memory() -> None:
    most = _status_kib("VmSize") * 1024 + _ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _most_kib() -> int:
    return _status_kib("VmHWM")  # what getrusage says includes the process that this one was started by


def _status_kib(name: str) -> int:
    return int(_STATUS.read_text("ascii").split(f"{name}:", 1)[1].split(None, 1)[0])

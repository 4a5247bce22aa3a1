"""How much a whole service bears: its capacity, its answers at a share of it and far beyond it, and how it recovers.

Service and client share the machine: the capacity is what remains beside the client. The client stands for machines
elsewhere, which wait for nobody's cores here: the service runs a little nicer than it. It runs in demo mode, so no key
is looked up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.load_client import Client, Outcome
from benchmarks.report import print_table, write_json
from detector.errors import ParcelRayError
from detector.image_headers import read_header

__all__ = ["run"]

_ROOT: Final = Path(__file__).parents[1]
_SAMPLE: Final = _ROOT / "detector" / "samples" / "scan.png"
_GRACE_MS: Final = 50
_RECOVERY_S: Final = 5.0
_FULL_SPEED: Final = 0.9  # what two looks at a capacity differ by
# Growth beyond the share of an allocator's noise; a leak of one kilobyte a refused scan would show in two minutes.
_FLAT_MIB: Final = 16.0
_START_S: Final = 60.0
_WARM_UP_S: Final = 3.0
_NICER: Final = 5
_SAMPLE_EVERY_S: Final = 0.5


def run(arguments: argparse.Namespace) -> int:
    """Measure, print tables, write JSON; 1 where a criterion does not hold."""
    with _service(arguments) as (process, url):
        with urllib.request.urlopen(f"{url}/v1/model", timeout=_START_S) as answer:  # noqa: S310 - our own service
            model = json.load(answer)
        figures = {"model": {key: model[key] for key in ("name", "version", "sha256")}}
        figures |= asyncio.run(_measure(arguments, process.pid, url))
    _print(figures, arguments)
    if arguments.out:
        write_json(arguments.out, "load", figures)
    return 0 if all(figures["holds"].values()) else 1


@contextmanager
def _service(arguments: argparse.Namespace) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a service of its own in an empty folder, and end it."""
    command = [sys.executable, "-m", "parcelray", "serve", "--host", "127.0.0.1", "--port", "0"]
    for name in ("model", "sessions"):
        if (value := getattr(arguments, name)) is not None:
            command += [f"--{name}", str(value)]
    with tempfile.TemporaryDirectory(prefix="parcelray-load-") as folder:
        log = Path(folder) / "service.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own service
                [*command, "--data", f"{folder}/data"],
                cwd=_ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            try:
                if sys.platform != "win32":
                    os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
                assert process.stdout is not None  # noqa: S101 - a pipe was asked for
                first = process.stdout.readline()
                if not first.startswith("ParcelRay serves on "):
                    raise ParcelRayError(f"the service did not start: {log.read_text()[-500:].strip()}")
                yield process, first.split()[-1]
            finally:
                process.terminate()
                process.communicate()


@dataclass
class _Watch:
    """Memory and processor time of the service, looked at while a phase runs."""

    pid: int
    rss_mib: list[tuple[float, float]] = field(default_factory=list)

    async def look(self) -> None:
        began = time.monotonic()
        while True:
            if (rss := _rss_mib(self.pid)) is not None:
                self.rss_mib.append((round(time.monotonic() - began, 1), round(rss, 1)))
            await asyncio.sleep(_SAMPLE_EVERY_S)


async def _measure(arguments: argparse.Namespace, pid: int, url: str) -> dict[str, Any]:
    path: Path = arguments.image or _SAMPLE
    image = path.read_bytes()
    client = Client(url, image, read_header(image).media_type, arguments.budget_ms)
    rng = np.random.default_rng(arguments.seed)
    budget_ms, phases = arguments.budget_ms, {}

    async def closed(name: str) -> float:
        outcomes, watched = await _watched(pid, client.closed_loop(arguments.clients, arguments.capacity_s))
        phases[name] = _figures(outcomes, budget_ms, arguments.capacity_s) | watched
        return float(phases[name]["good_per_s"])

    async def open_(name: str, rate: float, seconds: float) -> None:
        _say(f"{name}: {rate:.1f} scans a second for {seconds:g} s")
        offsets = _arrivals(arguments.arrivals, rate, seconds, rng)
        outcomes, watched = await _watched(pid, client.open_loop(offsets))
        phases[name] = _figures(outcomes, budget_ms, seconds) | {"offered_per_s": round(rate, 2)} | watched

    await client.closed_loop(arguments.clients, min(_WARM_UP_S, arguments.capacity_s))
    _say(f"capacity: {arguments.clients} clients for {arguments.capacity_s:g} s")
    capacity = await closed("capacity")
    if not capacity:
        raise ParcelRayError(f"no scan was read within {budget_ms} ms; try a larger --budget-ms or fewer --clients")
    await open_("steady", arguments.share * capacity, arguments.steady_s)
    await open_("overload", arguments.times * capacity, arguments.overload_s)
    await open_("recovery", arguments.share * capacity, _RECOVERY_S)
    _say(f"capacity, {_RECOVERY_S:g} s after the overload")
    again = await closed("capacity again")
    client.close()
    growth = _growth_mib(phases["overload"]["rss_mib"])
    steady, overload = phases["steady"], phases["overload"]
    return {
        "image": path.name,
        "image_bytes": len(image),
        "budget_ms": budget_ms,
        "arrivals": arguments.arrivals,
        "clients": arguments.clients,
        "capacity_per_s": round(capacity, 2),
        "capacity_again_per_s": round(again, 2),
        "overload_growth_mib": growth,
        "holds": {
            f"steady: every scan is answered 201, p99 within {budget_ms} ms": set(steady["answers"]) == {"201"}
            and steady["p99_ms"] <= budget_ms,
            f"overload: every scan is answered 201 or 503 within {budget_ms + _GRACE_MS} ms": set(overload["answers"])
            <= {"201", "503"}
            and overload["max_ms"] <= budget_ms + _GRACE_MS,
            "overload: memory stays flat": growth is not None and growth <= _FLAT_MIB,
            f"recovery: {_FULL_SPEED:.0%} of the capacity {_RECOVERY_S:g} s later": again >= _FULL_SPEED * capacity,
        },
        "phases": phases,
    }


def _arrivals(kind: str, rate: float, seconds: float, rng: np.random.Generator) -> list[float]:
    """Return when scans are due, in seconds from the start."""
    count = max(1, round(rate * seconds))
    if kind == "even":
        return list(np.arange(count) / rate)
    # Given their number, the times of a Poisson process are uniform.
    return sorted(rng.uniform(0, seconds, count).tolist())


async def _watched(pid: int, phase: Any) -> tuple[list[Outcome], dict[str, Any]]:  # noqa: ANN401 - any coroutine
    watch = _Watch(pid)
    looking = asyncio.create_task(watch.look())
    began, own, service = time.monotonic(), time.process_time(), _cpu_s(pid)
    outcomes = await phase
    seconds = time.monotonic() - began
    looking.cancel()
    used = {"client_cores": round((time.process_time() - own) / seconds, 3)}
    if service is not None and (now := _cpu_s(pid)) is not None:
        used["service_cores"] = round((now - service) / seconds, 2)
    return outcomes, used | {"rss_mib": watch.rss_mib}


def _figures(outcomes: Sequence[Outcome], budget_ms: int, seconds: float) -> dict[str, Any]:
    latencies = [one.latency_ms for one in outcomes]
    good = sum(_is_good(one, budget_ms) for one in outcomes)
    return {
        "seconds": seconds,
        "scans": len(outcomes),
        "answers": dict(sorted(Counter(str(one.status or "none") for one in outcomes).items())),
        "expired": sum(one.expired for one in outcomes),
        "good_per_s": round(good / seconds, 2),
        **_quantiles(latencies),
        "by_answer": {
            str(status or "none"): _quantiles([one.latency_ms for one in outcomes if one.status == status])
            for status in sorted({one.status for one in outcomes}, key=str)
        },
        "over_budget": sum(latency > budget_ms for latency in latencies),
        "over_budget_and_grace": sum(latency > budget_ms + _GRACE_MS for latency in latencies),
        "sent_late_ms_max": round(max((one.sent - one.due) * 1e3 for one in outcomes), 1),
    }


def _is_good(outcome: Outcome, budget_ms: int) -> bool:
    """Say whether the model read a scan in time."""
    return outcome.status == 201 and not outcome.expired and outcome.latency_ms <= budget_ms


def _quantiles(latencies: Sequence[float]) -> dict[str, float]:
    named = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
    return {name: round(float(np.percentile(latencies, share)), 1) for name, share in named.items()}


def _growth_mib(rss_mib: Sequence[tuple[float, float]]) -> float | None:
    """Return how much higher memory stood in the last quarter than in the second one; the first fills buffers."""
    values = [rss for _, rss in rss_mib]
    quarter = math.ceil(len(values) / 4)
    if len(values) < 4:
        return None
    return round(max(values[-quarter:]) - max(values[quarter : 2 * quarter]), 1)


def _rss_mib(pid: int) -> float | None:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _cpu_s(pid: int) -> float | None:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(figures: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    keys = ("scans", "good_per_s", "expired", "p50_ms", "p95_ms", "p99_ms", "max_ms", "over_budget")
    print_table(
        f"{figures['image']}, budget {figures['budget_ms']} ms, {arguments.arrivals} arrivals",
        ["phase", "scans", "read in time/s", "expired", "p50 ms", "p95 ms", "p99 ms", "max ms", "over budget"],
        [[name, *(row[key] for key in keys)] for name, row in figures["phases"].items()],
    )
    for name, row in figures["phases"].items():
        answers = ", ".join(f"{count} x {status}" for status, count in row["answers"].items())
        memory = [rss for _, rss in row["rss_mib"]]
        used = f", service {row['service_cores']} cores" if "service_cores" in row else ""
        span = f", {min(memory)} to {max(memory)} MiB" if memory else ""
        print(f"{name}: {answers}{used}, client {row['client_cores']} cores{span}")
    print(f"capacity {figures['capacity_per_s']} scans/s, at the end {figures['capacity_again_per_s']}")
    for criterion, held in figures["holds"].items():
        print(f"{'holds' if held else 'FAILS'}  {criterion}")

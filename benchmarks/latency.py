"""How long one view takes from posted bytes to detections, stage by stage, with the models that ship."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import print_table, write_json
from detector.detector import SHIPPED_FLOAT32, SHIPPED_MODEL, Detector
from detector.errors import ImageError
from detector.images import decode

__all__ = ["measure", "run"]

_WARM_UP = 5


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write JSON."""
    paths = arguments.images or sorted((Path(__file__).parents[1] / "detector" / "samples").glob("*.[pj][np]g"))
    if not paths:
        raise ImageError("no image to measure with: name one, as in `parcelray bench latency scan.png`")
    data = [path.read_bytes() for path in paths]
    figures: dict[str, Any] = {"count": arguments.count, "sessions": arguments.sessions, "models": []}
    for model in arguments.model or (SHIPPED_MODEL, SHIPPED_FLOAT32):
        row = measure(data, model, arguments.count, arguments.sessions)
        figures["models"].append(row)
        print_table(
            f"One view, model {row['model']} at {row['looks']} px, {arguments.count} runs, one thread",
            ["stage", "p50 ms", "p95 ms", "p99 ms"],
            [[name, *(times[key] for key in ("p50_ms", "p95_ms", "p99_ms"))] for name, times in row["stages"].items()],
        )
        print(f"{arguments.sessions} sessions together: {row['views_per_s']} views/s")
    if arguments.out:
        write_json(arguments.out, "latency", figures)
    return 0


def measure(images: Sequence[bytes], model: Path, count: int, sessions: int) -> dict[str, Any]:
    """Return p50, p95 and p99 in ms of every stage, and views per second of all sessions together."""
    detector = Detector.load(model, sessions=sessions)
    timings: dict[str, list[float]] = {
        "decode": [],
        "input (part of detect)": [],
        "detect": [],
        "decode and detect": [],
    }
    for turn in range(count + _WARM_UP):
        data = images[turn % len(images)]
        marks = [time.perf_counter()]
        image_rgb = decode(data)
        marks.append(time.perf_counter())
        detector.inputs(image_rgb)
        marks.append(time.perf_counter())
        detector.detect(image_rgb)
        marks.append(time.perf_counter())
        if turn >= _WARM_UP:
            decode_ms, input_ms, detect_ms = np.diff(marks) * 1000
            # detect() makes its own input: the one above is only there for its row.
            row = (decode_ms, input_ms, detect_ms, decode_ms + detect_ms)
            for name, value in zip(timings, row, strict=True):
                timings[name].append(float(value))

    with ThreadPoolExecutor(sessions) as pool:
        start = time.perf_counter()
        list(pool.map(lambda turn: detector.detect(decode(images[turn % len(images)])), range(count)))
        views_per_s = count / (time.perf_counter() - start)
    return {
        "model": f"{detector.card.name} {detector.card.version}",
        "model_sha256": detector.model_sha256,
        "looks": " and ".join(f"{look.size_px}{'m' if look.mirrored else ''}" for look in detector.looks),
        "stages": {
            name: {f"p{q}_ms": round(float(np.percentile(values, q)), 2) for q in (50, 95, 99)}
            for name, values in timings.items()
        },
        "views_per_s": round(views_per_s, 1),
    }

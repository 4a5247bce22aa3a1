"""How many labelled images one core renders in a second, where the time goes, what it holds, how processes scale.

An object is a thing as it is packed, a container or what lies in it; it has one or more solids, closed bodies of one
material. Two sets are measured: `usual`, what the default recipe gives, and `full`, two full parcels that touch, with
50 to 70 objects in every image.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks.report import print_table, write_json
from datasets.jobs import no_progress
from datasets.render.job import render_catalogue
from datasets.render.recipe import Recipe
from datasets.render.sample import annotations_of, render_parcel
from datasets.render.scanner import random_profile, scan
from datasets.render.scene import compose
from datasets.workers import worker_processes

__all__ = ["SETS", "measure", "run"]

_SIZE_WH = (640, 512)
_LONG_SIDE_PX = (_SIZE_WH[0], _SIZE_WH[0])
SETS: Final = {
    "usual": Recipe(long_side_px=_LONG_SIDE_PX),
    "full": Recipe(
        long_side_px=_LONG_SIDE_PX,
        dense_share=1.0,
        second_parcel_share=1.0,
        hard_negative_share=1.0,
        close_up_share=0.0,
    ),
}
_OBJECTS: Final = {"usual": range(1, sys.maxsize), "full": range(50, 71)}
_WARM_UP: Final = 8  # compiled code is loaded, and cross sections are looked up, once a process
_MEMORY_STEPS: Final = 10


def run(arguments: argparse.Namespace) -> int:
    """Measure, print tables, write JSON."""
    sets: dict[str, object] = {}
    figures: dict[str, object] = {"seed": arguments.seed, "size_wh": list(_SIZE_WH), "sets": sets}
    rows = []
    for name, recipe in SETS.items():
        with worker_processes(1) as pool:
            found = pool.submit(measure, recipe, arguments.count, arguments.seed, _OBJECTS[name]).result()
        sets[name] = found
        rows += _rows(name, found)
    print_table(
        f"Rendered at {_SIZE_WH[0]}x{_SIZE_WH[1]}, {arguments.count} images a set, ms of one core's time",
        ["set", "stage", "mean", "p50", "p95", "images/s", "objects", "solids"],
        rows,
    )
    if arguments.jobs > 1:
        figures["jobs"] = jobs = [_job(arguments.count, arguments.seed, number) for number in (1, arguments.jobs)]
        print_table(
            f"A catalogue of {arguments.count} parcels, start and all writing included",
            ["processes", "seconds", "images/s", "processor s"],
            [list(row.values()) for row in jobs],
        )
    if arguments.memory_count:
        with worker_processes(1) as pool:
            memory = pool.submit(_memory, arguments.memory_count, arguments.seed).result()
        figures["memory"] = [{"images": images, "mib": mib} for images, mib in memory]
        print_table("Memory of one process", ["images", "MiB"], memory)
    if arguments.out:
        write_json(arguments.out, "render", figures)
    return 0


def _rows(name: str, found: dict[str, object]) -> list[list[object]]:
    stages = found["stages"]
    assert isinstance(stages, dict)  # noqa: S101
    rows: list[list[object]] = [
        [name, stage, *(row[key] for key in ("mean_ms", "p50_ms", "p95_ms")), "", "", ""]
        for stage, row in stages.items()
    ]
    rows[-1][5:] = [found[key] for key in ("images_per_s", "objects_mean", "solids_mean")]
    return rows


def measure(recipe: Recipe, count: int, seed: int, objects: range = _OBJECTS["usual"]) -> dict[str, object]:
    """Return the ms of every stage and images per second on one core, from scene to JPEG bytes.

    It is the processor's time that is measured, so that other work on the machine hardly changes the figures. Scenes
    with a number of objects outside `objects` are left out.
    """
    timings: dict[str, list[float]] = {"compose": [], "scan": [], "encode": [], "total": []}
    sizes: dict[str, list[int]] = {"objects": [], "solids": [], "triangles": [], "pixels": []}
    cv2.setNumThreads(1)
    taken = 0
    for index in itertools.count():
        if taken == count + _WARM_UP:
            break
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        marks = [time.process_time()]
        scene = compose(rng, recipe)
        marks.append(time.process_time())
        if len(scene.phantoms) not in objects:
            continue
        taken += 1
        output = "colour" if rng.random() < recipe.pseudo_colour_share else "grey"
        view = scan(scene.phantoms, random_profile(rng, output=output, view="top"), rng, max_size_wh=_SIZE_WH)
        annotations_of(scene.phantoms, view.footprints, recipe)
        marks.append(time.process_time())
        cv2.imencode(".jpg", view.image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        marks.append(time.process_time())
        if taken <= _WARM_UP:
            continue
        for name, start, end in zip(("compose", "scan", "encode"), marks, marks[1:], strict=False):
            timings[name].append((end - start) * 1000)
        timings["total"].append((marks[-1] - marks[0]) * 1000)
        solids = [solid for phantom in scene.phantoms for solid in phantom.solids]
        sizes["objects"].append(len(scene.phantoms))
        sizes["solids"].append(len(solids))
        sizes["triangles"].append(sum(len(solid.triangles_mm) for solid in solids))
        sizes["pixels"].append(view.image_rgb.shape[0] * view.image_rgb.shape[1])
    return {
        "count": count,
        "stages": {name: _stage(values) for name, values in timings.items()},
        "images_per_s": round(1000 / float(np.mean(timings["total"])), 2),
        **{f"{name}_mean": round(float(np.mean(values)), 1) for name, values in sizes.items()},
    }


def _stage(values_ms: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values_ms, (50, 95)).tolist()
    return {"mean_ms": round(float(np.mean(values_ms)), 2), "p50_ms": round(p50, 2), "p95_ms": round(p95, 2)}


def _job(count: int, seed: int, jobs: int) -> dict[str, float]:
    """Time a whole job by the clock, which other work slows, and by the time that processors spent on it."""
    with tempfile.TemporaryDirectory() as folder:
        start, spent = time.perf_counter(), _processor_s()
        render_catalogue(Path(folder) / "catalogue", SETS["usual"], count, seed, jobs, on_progress=no_progress)
        seconds, spent = time.perf_counter() - start, _processor_s() - spent
    return {
        "jobs": jobs,
        "seconds": round(seconds, 2),
        "images_per_s": round(count / seconds, 2),
        "processor_s": round(spent, 2),
    }


def _processor_s() -> float:
    """Return what this process and those of its children that have ended have used."""
    return sum(os.times()[:4])


def _memory(count: int, seed: int) -> list[list[int]]:
    """Return rows of images rendered so far and MiB that the process holds then, as Linux tells."""
    cv2.setNumThreads(1)
    rows = []
    for index in range(count):
        render_parcel(SETS["usual"], seed, index)
        if (index + 1) % max(count // _MEMORY_STEPS, 1) == 0:
            rows.append([index + 1, _resident_mib()])
    return rows


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)

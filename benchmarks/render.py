"""How many labelled images one core renders in a second, and where the time goes."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.report import print_table, write_json
from datasets.render.job import render_catalogue
from datasets.render.recipe import Recipe
from datasets.render.sample import annotations_of
from datasets.render.scanner import random_profile, scan
from datasets.render.scene import compose
from datasets.workers import worker_processes

__all__ = ["measure", "run"]

_SIZE_WH = (640, 512)
_WARM_UP = 3


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write JSON."""
    with worker_processes(1) as pool:
        figures = pool.submit(measure, arguments.count, arguments.seed).result()
    if arguments.jobs > 1:
        figures["jobs"] = arguments.jobs
        figures["job_images_per_s"] = _job_images_per_s(arguments.count, arguments.seed, arguments.jobs)
    stages = figures["stages"]
    assert isinstance(stages, dict)  # noqa: S101
    print_table(
        f"Rendered at {_SIZE_WH[0]}x{_SIZE_WH[1]}, {arguments.count} images, ms of processor time",
        ["stage", "mean", "p50", "p95"],
        [[name, *(row[key] for key in ("mean_ms", "p50_ms", "p95_ms"))] for name, row in stages.items()],
    )
    print(f"one core: {figures['images_per_s']} images/s; {figures['triangles_mean']} triangles in the mean image")
    if "job_images_per_s" in figures:
        print(f"{arguments.jobs} processes, start and catalogue included: {figures['job_images_per_s']} images/s")
    if arguments.out:
        write_json(arguments.out, "render", figures)
    return 0


def measure(count: int, seed: int) -> dict[str, object]:
    """Return the ms of every stage and images per second on one core, from scene to JPEG bytes.

    It is the processor's time that is measured, so that other work on the machine hardly changes the figures.
    """
    recipe = Recipe(long_side_px=(_SIZE_WH[0], _SIZE_WH[0]))
    timings: dict[str, list[float]] = {"compose": [], "scan": [], "encode": [], "total": []}
    triangles = []
    pixels = []
    cv2.setNumThreads(1)
    for index in range(count + _WARM_UP):
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        marks = [time.process_time()]
        scene = compose(rng, recipe)
        marks.append(time.process_time())
        output = "colour" if rng.random() < recipe.pseudo_colour_share else "grey"
        view = scan(scene.phantoms, random_profile(rng, output=output, view="top"), rng, max_size_wh=_SIZE_WH)
        annotations_of(scene.phantoms, view.footprints, recipe)
        marks.append(time.process_time())
        cv2.imencode(".jpg", view.image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        marks.append(time.process_time())
        if index < _WARM_UP:
            continue
        for name, start, end in zip(("compose", "scan", "encode"), marks, marks[1:], strict=False):
            timings[name].append((end - start) * 1000)
        timings["total"].append((marks[-1] - marks[0]) * 1000)
        triangles.append(sum(len(solid.triangles_mm) for phantom in scene.phantoms for solid in phantom.solids))
        pixels.append(view.image_rgb.shape[0] * view.image_rgb.shape[1])
    return {
        "count": count,
        "seed": seed,
        "size_wh": list(_SIZE_WH),
        "stages": {
            name: {
                "mean_ms": round(float(np.mean(values)), 2),
                "p50_ms": round(float(np.percentile(values, 50)), 2),
                "p95_ms": round(float(np.percentile(values, 95)), 2),
            }
            for name, values in timings.items()
        },
        "images_per_s": round(1000 / float(np.mean(timings["total"])), 2),
        "triangles_mean": round(float(np.mean(triangles))),
        "pixels_mean": round(float(np.mean(pixels))),
    }


def _job_images_per_s(count: int, seed: int, jobs: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        render_catalogue(Path(folder) / "catalogue", Recipe(long_side_px=(640, 640)), count, seed, jobs)
        return round(count / (time.perf_counter() - start), 2)

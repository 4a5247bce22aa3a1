"""Render a whole catalogue on many cores or machines; each parcel is drawn from (recipe, seed, index) alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from datasets.catalogue import Catalogue, CatalogueInfo
from datasets.encoding import encode_dual_energy, encode_jpeg, encode_png
from datasets.errors import JobError
from datasets.jobs import Job, Part, Progress, no_progress
from datasets.records import ImageRecord
from datasets.render.recipe import Recipe
from datasets.samples import Sample
from detector import __version__

__all__ = ["catalogue_info", "claim", "render_catalogue", "render_parcels"]

_LICENCE: Final = "CC0-1.0"


def render_catalogue(
    out: Path,
    recipe: Recipe,
    count: int,
    seed: int = 0,
    jobs: int = 1,
    *,
    ray: str | None = None,
    on_progress: Progress = no_progress,
) -> Catalogue:
    """Render `count` parcels into a catalogue; parcels that an earlier run finished are kept.

    Args:
        out: folder of the catalogue; empty, missing, or holding the same job half done.
        recipe: what to render.
        count: parcels (each gives `recipe.views` images).
        seed: of the catalogue.
        jobs: processes, each on one thread.
        ray: address of a Ray cluster that renders instead, as `datasets.ray_workers.ray_pool` takes it.
        on_progress: called with parcels done and parcels in all, at the start and after each parcel.

    Raises:
        JobError: the folder holds something else, a process died, or the cluster cannot be used.
    """
    out = Path(out)
    if count < 1 or jobs < 1 or seed < 0:
        raise JobError(f"expected count and jobs of at least 1 and a seed of at least 0, got {count}, {jobs}, {seed}")
    if (out / "catalogue.json").exists() and not Job(out).is_open():
        return _finished(out, recipe, count, seed)
    job = claim(out, recipe, seed)
    render_parcels(job, range(count), recipe, seed, jobs=jobs, ray=ray, on_progress=on_progress)
    return job.finish((item for part in job.read(range(count)) for item in part.items), catalogue_info(recipe))


def claim(out: Path, recipe: Recipe, seed: int) -> Job:
    """Make a folder ours for parcels of this recipe and seed, or go on in it.

    Raises:
        JobError: it holds something else.
    """
    return Job.claim(out, {"recipe": recipe.digest(), "seed": seed})


def render_parcels(
    job: Job, indices: Sequence[int], recipe: Recipe, seed: int, *, jobs: int, ray: str | None, on_progress: Progress
) -> None:
    """Render those of the parcels that the job does not hold yet; see `Job.run`."""
    job.run(indices, lambda index: partial(_render, recipe, seed, index), jobs=jobs, ray=ray, on_progress=on_progress)


def catalogue_info(recipe: Recipe) -> CatalogueInfo:
    """Return what is true of all that a recipe renders."""
    return CatalogueInfo(recipe.name, _LICENCE, "rendered", created_by=f"parcelray {__version__}")


def _finished(out: Path, recipe: Recipe, count: int, seed: int) -> Catalogue:
    """Return the catalogue of an earlier run if it is what this run would give."""
    catalogue = Catalogue.load(out)
    wanted = {recipe.parcel_id(seed, index) for index in range(count)}
    if {record.parcel_id for record in catalogue.records} != wanted:
        raise JobError(f"{out} already holds another catalogue; choose a new folder")
    Job(out).tidy()
    return catalogue


def _render(recipe: Recipe, seed: int, index: int) -> Part:
    """Render one parcel."""
    from datasets.render.sample import render_parcel  # noqa: PLC0415  (numba loads in the workers only)

    samples = render_parcel(recipe, seed, index)
    images = [_encoded(sample, recipe) for sample in samples]
    items = tuple((record, sample.annotations) for (record, _), sample in zip(images, samples, strict=True))
    return Part(items, tuple(data for _, data in images))


def _encoded(sample: Sample, recipe: Recipe) -> tuple[ImageRecord, bytes]:
    facts: dict[str, Any] = dict(sample.provenance)
    if sample.transmissions is not None:
        suffix, data = "tiff", encode_dual_energy(sample.transmissions)
    elif recipe.image_format == "png":
        suffix, data = "png", encode_png(sample.image_rgb)
    else:
        suffix, data = "jpg", encode_jpeg(sample.image_rgb, int(facts["jpeg_quality"]))
    height, width = sample.image_rgb.shape[:2]
    record = ImageRecord(
        file_name=f"{facts['parcel_id']}-{facts['view']}.{suffix}",
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        parcel_id=facts["parcel_id"],
        split=facts["split"],
        view=facts["view"],
        scanner=facts["scanner"],
        source="parcelray render",
        licence=_LICENCE,
        energy="dual" if facts["output"] == "colour" else "single",
        output=facts["output"],
        recipe=facts["recipe"],
        seed=facts["seed"],
        complexity=facts["complexity"],
        difficulty=facts["difficulty"],
    )
    return record, data

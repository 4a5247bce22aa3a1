"""Render one parcel of a recipe: compose it, scan it, keep the labels of what can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from datasets.difficulty import AXIS_OF_VIEW, complexity_of, level_of, level_of_image, view_difficulty
from datasets.render.indistinct import merge_indistinct
from datasets.render.projector import View
from datasets.render.recipe import Recipe
from datasets.render.scanner import Footprint, random_profile, scan
from datasets.render.scanner_profiles import BASE_PROFILES
from datasets.render.scene import compose
from datasets.render.solids import Phantom, corners_of
from datasets.samples import Annotation, Sample

__all__ = ["VIEWS", "annotations_of", "parcel_rng", "render_parcel", "render_sample"]

VIEWS: Final[tuple[View, ...]] = ("top", "side")
_CLOSE_UP_PITCH: Final = 0.55
_MARGIN_MM: Final = (1.0, 15.0)  # of belt around the parcel, as different scanners crop


def render_sample(recipe: Recipe, seed: int, index: int) -> Sample:
    """Render the first view of one parcel; the same arguments give the same bytes."""
    return render_parcel(recipe, seed, index)[0]


def render_parcel(recipe: Recipe, seed: int, index: int) -> tuple[Sample, ...]:
    """Render all views of one parcel.

    Args:
        recipe: how often what appears.
        seed: of the catalogue, at least 0.
        index: of the parcel, at least 0.
    """
    rng = parcel_rng(seed, index)
    scene = compose(rng, recipe)
    raw = recipe.image_format == "dual_tiff"
    output = "colour" if rng.random() < recipe.pseudo_colour_share or raw else "grey"
    long_side = int(rng.integers(recipe.long_side_px[0], recipe.long_side_px[1] + 1))
    quality = int(rng.integers(recipe.jpeg_quality[0], recipe.jpeg_quality[1] + 1))
    parcel_id = recipe.parcel_id(seed, index)
    scanner = random_profile(rng, output=output, view=VIEWS[0])
    if recipe.scanner:
        scanner = BASE_PROFILES[recipe.scanner]
        output = scanner.output
    if scene.facts["close_up"]:  # a small parcel on a fine scanner: parts and cartridges get the pixels they need
        scanner = replace(scanner, pixel_mm=scanner.pixel_mm * _CLOSE_UP_PITCH)
    margin_mm = float(rng.uniform(*_MARGIN_MM))
    samples = []
    for view in VIEWS[: recipe.views]:
        profile = replace(scanner, view=view)  # one scanner sees a parcel from all its sides
        size = (long_side, long_side * 4 // 5)
        rendered = scan(scene.phantoms, profile, rng, max_size_wh=size, margin_mm=margin_mm)
        complexity = round(complexity_of(rendered.image_rgb), 4)
        annotations = [
            _graded(mark, scene.phantoms[footprint.phantom_index], footprint, view, complexity)
            for mark, footprint in _seen(scene.phantoms, rendered.footprints, recipe)
        ]
        levels = [mark.difficulty for mark in annotations if mark.difficulty is not None]
        samples.append(
            Sample(
                rendered.image_rgb,
                tuple(annotations),
                {
                    "parcel_id": parcel_id,
                    "split": recipe.split_of(parcel_id),
                    "view": view,
                    "scanner": profile.name,
                    "output": output,
                    "recipe": recipe.digest(),
                    "seed": seed,
                    "index": index,
                    "jpeg_quality": quality,
                    "complexity": complexity,
                    "difficulty": level_of_image(levels, complexity),
                    **scene.facts,
                },
                np.stack([rendered.low, rendered.high]) if raw else None,
            )
        )
    return tuple(samples)


def parcel_rng(seed: int, index: int) -> np.random.Generator:
    """Return the source of every choice for one parcel."""
    return np.random.default_rng(np.random.SeedSequence([seed, index]))


def annotations_of(
    phantoms: Sequence[Phantom], footprints: Sequence[Footprint], recipe: Recipe
) -> tuple[Annotation, ...]:
    """Return an annotation for every labelled phantom that can be seen; boxes are the extents of the masks."""
    return tuple(mark for mark, _ in _seen(phantoms, footprints, recipe))


def _graded(mark: Annotation, phantom: Phantom, footprint: Footprint, view: str, complexity: float) -> Annotation:
    """Return the annotation with what makes it hard to see."""
    turned_away = round(view_difficulty(corners_of(phantom), np.eye(3)[AXIS_OF_VIEW[view]]), 4)
    superposition = round(footprint.superposition, 4)
    level = level_of(turned_away, superposition, complexity)
    return replace(mark, view_difficulty=turned_away, superposition=superposition, difficulty=level)


def _seen(
    phantoms: Sequence[Phantom], footprints: Sequence[Footprint], recipe: Recipe
) -> list[tuple[Annotation, Footprint]]:
    annotations = []
    for footprint in merge_indistinct(phantoms, footprints):
        phantom = phantoms[footprint.phantom_index]
        if phantom.label is None:
            continue
        if footprint.visibility < recipe.min_visibility or footprint.area_px < recipe.min_area_px:
            continue
        if footprint.inside < recipe.min_inside:
            continue
        attributes = list(phantom.attributes)
        if footprint.visibility < recipe.occluded_below:
            attributes.append("occluded")
        if footprint.truncated:
            attributes.append("truncated")
        x0, y0, x1, y1 = (float(value) for value in footprint.xyxy)
        mark = Annotation(
            phantom.label,
            (x0, y0, x1, y1),
            tuple(attributes),
            round(float(footprint.visibility), 4),
            float(footprint.area_px),
        )
        annotations.append((mark, footprint))
    return annotations

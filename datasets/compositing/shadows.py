"""Threats to insert: drawn, turned, and cast as path lengths at the pixel size of a scan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.difficulty import AXIS_OF_VIEW, view_difficulty
from datasets.render.phantoms import random_threat, threat_group
from datasets.render.placement import bounds_of, random_rotation, turned
from datasets.render.projector import FanGeometry, project, projected_bounds
from datasets.render.scanner import MASK_MM
from datasets.render.solids import Phantom, corners_of
from detector.taxonomy import LABELS, TAXONOMY, Group

__all__ = ["ANY_FAMILY", "Shadow", "ShadowObject", "cast", "draw_phantoms", "shadow_of"]

# How often an insertion is of a group; the labels of one group are as likely as each other.
_GROUPS: Final = {Group.FIREARM: 0.4, Group.PART: 0.4, Group.AMMUNITION: 0.2}
_IN_NUMBERS: Final = {"cartridge": 0.7, "shotshell": 0.7, "magazine": 0.2}
_SOURCE_MM: Final = (700.0, 1400.0)
ANY_FAMILY: Final[Mapping[str, Collection[str]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class ShadowObject:
    """One labelled object of a shadow.

    Attributes:
        label: a name in `detector.taxonomy.LABELS`.
        attributes: names in `detector.taxonomy.ATTRIBUTES`.
        kind: family of the phantom.
        corner: row and column of its window in the shadow.
        lengths_mm: (M, h, w) its own path lengths.
        view_difficulty: share of its largest silhouette that this view does not show, 0..1.
    """

    label: str
    attributes: tuple[str, ...]
    kind: str
    corner: tuple[int, int]
    lengths_mm: NDArray[np.float32]
    view_difficulty: float

    def mask(self) -> NDArray[np.bool_]:
        """Return the (h, w) pixels that it covers."""
        return np.asarray(self.lengths_mm.sum(axis=0) > MASK_MM)


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """Path lengths (M, h, w) of a group of objects in M materials, and what each labelled one adds."""

    materials: tuple[str, ...]
    lengths_mm: NDArray[np.float32]
    objects: tuple[ShadowObject, ...]

    def mask(self) -> NDArray[np.bool_]:
        """Return the (h, w) pixels that any of it covers."""
        return np.asarray(self.lengths_mm.sum(axis=0) > MASK_MM)


def draw_phantoms(
    rng: np.random.Generator,
    labels: Collection[str] = LABELS,
    families: Mapping[str, Collection[str]] = ANY_FAMILY,
) -> list[Phantom]:
    """Draw one threat of these labels, or several of one label in their natural number, turned any way.

    Of a label named in `families` only these phantom families are drawn.
    """
    groups = [group for group in _GROUPS if any(TAXONOMY[label].group is group for label in labels)]
    shares = np.array([_GROUPS[group] for group in groups])
    group = groups[int(rng.choice(len(groups), p=shares / shares.sum()))]
    fitting = [label for label in LABELS if label in labels and TAXONOMY[label].group is group]
    label = fitting[int(rng.integers(len(fitting)))]
    many = rng.random() < _IN_NUMBERS.get(label, 0.0)
    known = families.get(label)
    phantoms = threat_group(rng, label, known) if many else [random_threat(label, rng, known)]
    return turned(phantoms, random_rotation(rng))


def cast(phantoms: Sequence[Phantom], pixel_mm: float, rng: np.random.Generator) -> Shadow:
    """Cast phantoms by a fan beam from a likely place, in pixels of `pixel_mm` at their middle, one pixel around."""
    low, high = bounds_of(phantoms)
    source_mm = float(rng.uniform(*_SOURCE_MM)) + float(high[2])
    source_axis = float(rng.uniform(-0.3, 0.3)) * source_mm
    depth = source_mm - float(low[2] + high[2]) / 2
    solids = [solid for phantom in phantoms for solid in phantom.solids]
    low_u, high_u, low_y, high_y = projected_bounds(solids, "top", source_axis, source_mm, depth)
    geometry = FanGeometry(
        view="top",
        source_axis_mm=source_axis,
        source_depth_mm=source_mm,
        detector_mm=depth,
        column_pitch_mm=pixel_mm,
        row_pitch_mm=pixel_mm,
        first_column_mm=low_u - pixel_mm,
        first_row_mm=low_y - pixel_mm,
        columns=int((high_u - low_u) / pixel_mm) + 3,
        rows=int((high_y - low_y) / pixel_mm) + 3,
    )
    return shadow_of(phantoms, geometry)


def shadow_of(phantoms: Sequence[Phantom], geometry: FanGeometry) -> Shadow:
    """Project phantoms into the pixels of a scanner."""
    projection = project(phantoms, geometry)
    objects = tuple(
        ShadowObject(
            str(phantoms[own.index].label),
            phantoms[own.index].attributes,
            phantoms[own.index].kind,
            (own.row, own.column),
            own.in_all(len(projection.materials)),
            round(view_difficulty(corners_of(phantoms[own.index]), np.eye(3)[AXIS_OF_VIEW[geometry.view]]), 4),
        )
        for own in projection.own
    )
    return Shadow(projection.materials, projection.lengths_mm, objects)

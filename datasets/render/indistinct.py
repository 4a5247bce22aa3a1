"""Ammunition that nobody could count in an image becomes one object with one box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.render.scanner import Footprint
from datasets.render.solids import Phantom
from detector.taxonomy import TAXONOMY, Group

__all__ = ["merge_indistinct"]

_COVERED: Final = 0.5  # of the smaller of two shadows: more, and they are one dark heap
_TINY_PX: Final = 5.0  # rounds of less than this side by side are a texture


def merge_indistinct(phantoms: Sequence[Phantom], footprints: Sequence[Footprint]) -> list[Footprint]:
    """Return footprints in which rounds of one label that lie over each other, or are tiny and touch, are one.

    The one keeps the index of its first member; its mask, area and box are those of all, its visibility their mean.
    """
    out: list[Footprint] = []
    heaps: dict[str, list[Footprint]] = {}
    for footprint in footprints:
        label = phantoms[footprint.phantom_index].label
        if label is not None and TAXONOMY[label].group is Group.AMMUNITION and footprint.area_px:
            heaps.setdefault(label, []).append(footprint)
        else:
            out.append(footprint)
    for rounds in heaps.values():
        out += [_joined([rounds[index] for index in members]) for members in _clusters(rounds)]
    return sorted(out, key=lambda footprint: footprint.phantom_index)


def _clusters(rounds: Sequence[Footprint]) -> list[list[int]]:
    """Return the indices of the rounds, those that cannot be told apart together."""
    boxes = np.array([item.xyxy for item in rounds])
    thin = np.array([item.area_px for item in rounds]) / np.maximum(*(boxes[:, 2:] - boxes[:, :2]).T) < _TINY_PX
    group = np.arange(len(rounds))
    for first in range(len(rounds)):
        gap = np.maximum(boxes[first, :2] - boxes[first + 1 :, 2:], boxes[first + 1 :, :2] - boxes[first, 2:]).max(
            axis=1
        )
        for second in (np.flatnonzero(gap < 2.0) + first + 1).tolist():
            if group[first] == group[second]:
                continue
            touch = bool(thin[first] and thin[second])
            if touch or _overlap(rounds[first], rounds[second]) > _COVERED:
                group[group == group[second]] = group[first]
    return [np.flatnonzero(group == name).tolist() for name in np.unique(group)]


def _overlap(first: Footprint, second: Footprint) -> float:
    """Return the shared pixels of two masks as a share of the smaller mask."""
    x0, y0 = np.maximum(first.xyxy[:2], second.xyxy[:2]).astype(int)
    x1, y1 = np.minimum(first.xyxy[2:], second.xyxy[2:]).astype(int)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    seen = [
        item.mask[y0 - int(item.xyxy[1]) : y1 - int(item.xyxy[1]), x0 - int(item.xyxy[0]) : x1 - int(item.xyxy[0])]
        for item in (first, second)
    ]
    return float((seen[0] & seen[1]).sum()) / min(first.area_px, second.area_px)


def _joined(members: Sequence[Footprint]) -> Footprint:
    if len(members) == 1:
        return members[0]
    boxes = np.array([item.xyxy for item in members])
    left, top = (int(value) for value in boxes[:, :2].min(axis=0))
    right, bottom = (int(value) for value in boxes[:, 2:].max(axis=0))
    mask: NDArray[np.bool_] = np.zeros((bottom - top, right - left), np.bool_)
    for item in members:
        x, y = int(item.xyxy[0]) - left, int(item.xyxy[1]) - top
        mask[y : y + item.mask.shape[0], x : x + item.mask.shape[1]] |= item.mask
    weights = [item.area_px for item in members]
    return replace(
        members[0],
        xyxy=(float(left), float(top), float(right), float(bottom)),
        mask=mask,
        visibility=float(np.average([item.visibility for item in members], weights=weights)),
        area_px=int(mask.sum()),
        truncated=any(item.truncated for item in members),
        inside=float(np.average([item.inside for item in members], weights=weights)),
    )

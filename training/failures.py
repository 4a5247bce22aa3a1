"""Failure sheets: the worst misses and the worst false alarms as pictures, so that a person can see what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.sheet import CELL_WH, fitted, grid
from detector.boxes import intersection_over_union
from detector.errors import ImageError
from detector.images import decode
from training.metrics import ScoredImage

__all__ = ["failure_sheets", "worst_false_alarms", "worst_misses"]

_COLUMNS: Final = 4
_IOU: Final = 0.5
_MISSED_RGB: Final = (0, 120, 0)
_WRONG_RGB: Final = (200, 0, 0)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
Case = tuple[float, ScoredImage, int]


def worst_misses(images: Sequence[ScoredImage], count: int = 16) -> list[Case]:
    """Return (best score near it, image, object) of the objects that were missed most clearly, one an image.

    A detection of whatever class that overlaps the object by half (IoU) counts for it: it would have led a person
    there. Objects that score alike come largest first.
    """
    cases = []
    for image in images:
        overlap = intersection_over_union(image.truth_xyxy, image.found_xyxy) >= _IOU
        best = np.max(overlap * image.scores[None], axis=1, initial=0.0)
        area = (image.truth_xyxy[:, 2:] - image.truth_xyxy[:, :2]).prod(axis=1)
        for index in np.lexsort((-area, best))[:1]:
            cases.append((float(best[index]), -float(area[index]), image, int(index)))
    cases.sort(key=lambda case: case[:2])
    return [(score, image, index) for score, _, image, index in cases[:count]]


def worst_false_alarms(images: Sequence[ScoredImage], count: int = 16) -> list[Case]:
    """Return (score, image, detection) of the images without a threat that score highest."""
    cases = [(image.score, image, 0) for image in images if not len(image.truth_ids) and len(image.scores)]
    return sorted(cases, key=lambda case: -case[0])[:count]


def failure_sheets(images: Sequence[ScoredImage], names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Write `misses.png` and `false-alarms.png` and return their paths by title; a sheet without a case is not written.

    Args:
        images: with the paths of their files.
        names: of the classes.
        folder: where the sheets go.
    """

    def missed(case: Case) -> NDArray[np.uint8]:
        score, image, index = case
        text = f"{names[image.truth_ids[index]]}, best score there {score:.2f}"
        return _cell(image, image.truth_xyxy[index], text, _MISSED_RGB)

    def wrong(case: Case) -> NDArray[np.uint8]:
        score, image, index = case
        return _cell(image, image.found_xyxy[index], f"{names[image.found_ids[index]]} {score:.2f}", _WRONG_RGB)

    plan: list[tuple[str, str, list[Case], Callable[[Case], NDArray[np.uint8]]]] = [
        ("Worst misses", "misses.png", worst_misses(images), missed),
        ("Worst false alarms", "false-alarms.png", worst_false_alarms(images), wrong),
    ]
    written = {}
    for title, file, cases, draw in plan:
        if cases:
            cv2.imwrite(str(folder / file), grid([draw(case) for case in cases], _COLUMNS)[..., ::-1])
            written[title] = folder / file
    return written


def _cell(image: ScoredImage, xyxy: NDArray[np.float64], text: str, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    try:
        picture = decode(image.path.read_bytes()) if image.path else None
    except (ImageError, OSError):
        picture = None
    cell, scale = fitted(picture)
    cv2.putText(cell, f"{text}  {image.name}"[:72], (3, CELL_WH[1] + 15), _FONT, 0.36, (60, 60, 60), 1, cv2.LINE_AA)
    if picture is None:
        return cell
    x0, y0, x1, y1 = (round(value * scale) for value in xyxy)
    for ink, line in (((255, 255, 255), 4), (colour, 2)):
        cv2.rectangle(cell, (x0, y0), (x1, y1), ink, line)
    return cell

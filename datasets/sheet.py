"""Contact sheets: images with their boxes drawn, so that a person can look."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from datasets.errors import CatalogueError
from datasets.records import Split
from datasets.samples import Annotation
from detector.errors import ImageError
from detector.images import decode
from detector.taxonomy import TAXONOMY

__all__ = ["CELL_WH", "contact_sheet", "fitted", "grid"]

CELL_WH: Final = (400, 320)
_CAPTION_PX: Final = 22
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


def contact_sheet(
    catalogue: Catalogue,
    *,
    count: int = 24,
    columns: int = 6,
    split: Split | None = None,
    labels: Collection[str] = (),
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Return a sheet (H, W, 3) uint8 RGB of `count` images drawn at random, each with boxes, file name and split.

    With `labels`, only images that hold at least one of them are shown.

    Raises:
        CatalogueError: no image fits, or one cannot be read.
    """
    wanted = set(labels)
    fitting = [
        record
        for record in catalogue.images(split)
        if not wanted or wanted & {mark.label for mark in catalogue.annotations_of(record)}
    ]
    if not fitting:
        raise CatalogueError(f"{catalogue.folder}: no image fits; ask for another split or other labels")
    chosen = random.Random(seed).sample(fitting, min(count, len(fitting)))  # noqa: S311 - not a secret
    cells = []
    for record in chosen:
        try:
            image = decode(catalogue.path_of(record).read_bytes())
        except (OSError, ImageError) as error:
            raise CatalogueError(f"{record.file_name}: cannot be read; run 'parcelray catalogue check'") from error
        caption = f"{record.split} {record.file_name} {record.scanner}"
        cells.append(_cell(image, catalogue.annotations_of(record), caption))
    return grid(cells, columns)


def grid(cells: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Return cells of one shape, one or more, in rows of at most `columns`; the last row is filled with white."""
    columns = min(columns, len(cells))
    filled = [*cells, *[np.full_like(cells[0], 255)] * (-len(cells) % columns)]
    return np.vstack([np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)])


def fitted(image_rgb: NDArray[np.uint8] | None) -> tuple[NDArray[np.uint8], float]:
    """Return a cell with an (H, W, 3) image, if there is one, over room for a caption, and the image's scale in it."""
    width, height = CELL_WH
    cell = np.full((height + _CAPTION_PX, width, 3), 255, np.uint8)
    if image_rgb is None:
        return cell, 1.0
    scale = min(width / image_rgb.shape[1], height / image_rgb.shape[0])
    size = max(1, round(image_rgb.shape[1] * scale)), max(1, round(image_rgb.shape[0] * scale))
    cell[: size[1], : size[0]] = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)
    return cell, scale


def _cell(image_rgb: NDArray[np.uint8], annotations: tuple[Annotation, ...], caption: str) -> NDArray[np.uint8]:
    cell, scale = fitted(image_rgb)
    for mark in annotations:
        colour = TAXONOMY[mark.label].colour_rgb
        x0, y0, x1, y1 = (round(value * scale) for value in mark.xyxy)
        cv2.rectangle(cell, (x0, y0), (x1, y1), colour, 1)
        text = f"{mark.label} {mark.visibility:.2f}"
        for ink, thickness in (((255, 255, 255), 3), (colour, 1)):
            cv2.putText(cell, text, (x0, max(10, y0 - 3)), _FONT, 0.38, ink, thickness, cv2.LINE_AA)
    cv2.putText(cell, caption[:70], (3, CELL_WH[1] + 14), _FONT, 0.36, (90, 90, 90), 1, cv2.LINE_AA)
    return cell

"""What the pages and sheets about a catalogue share: templates, small pictures, boxes and colours."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from datasets.encoding import encode_jpeg
from datasets.errors import CatalogueError
from datasets.records import ImageRecord
from datasets.samples import Annotation
from detector.errors import ImageError
from detector.images import decode
from detector.taxonomy import TAXONOMY

__all__ = ["boxes", "colour_of", "data_uri", "render_template", "small_jpeg"]


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def render_template(name: str, /, **values: object) -> str:
    """Return a template of `datasets/templates` filled in; values are escaped in HTML."""
    return _templates().get_template(name).render(**values)


def small_jpeg(catalogue: Catalogue, record: ImageRecord, side_px: int) -> bytes:
    """Return an image of a catalogue as JPEG, its long side at most `side_px`.

    Raises:
        CatalogueError: it cannot be read.
    """
    try:
        image: NDArray[np.uint8] = decode(catalogue.path_of(record).read_bytes())
    except (OSError, ImageError) as error:
        raise CatalogueError(f"{record.file_name}: cannot be read; run 'parcelray catalogue check'") from error
    scale = side_px / max(image.shape[:2])
    if scale < 1:
        size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return encode_jpeg(image, 85)


def data_uri(jpeg: bytes) -> str:
    """Return a JPEG as an address that holds the picture itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def boxes(marks: Sequence[Annotation]) -> list[dict[str, object]]:
    """Return what a page needs to draw boxes: x, y, w, h in pixels of the image, label and colour."""
    return [
        {
            "x": mark.xyxy[0],
            "y": mark.xyxy[1],
            "w": round(mark.xyxy[2] - mark.xyxy[0], 3),
            "h": round(mark.xyxy[3] - mark.xyxy[1], 3),
            "label": mark.label,
            "colour": colour_of(mark.label),
        }
        for mark in marks
    ]


def colour_of(label: str) -> str:
    """Return the colour in which a label is drawn, as CSS."""
    red, green, blue = TAXONOMY[label].colour_rgb
    return f"#{red:02x}{green:02x}{blue:02x}"

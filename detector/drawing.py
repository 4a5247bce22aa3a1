"""Draws boxes and labels on a view, for people."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detection, Detections
from detector.taxonomy import TAXONOMY

__all__ = ["draw"]

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)
Rectangle = tuple[int, int, int, int]


def draw(image_rgb: NDArray[np.uint8], detections: Detections) -> NDArray[np.uint8]:
    """Return a copy of the (H, W, 3) view with a box and a tag `label score` a detection, the strongest on top."""
    canvas = image_rgb.copy()
    height, width = canvas.shape[:2]
    line = max(2, round(max(height, width) / 500))
    font = min(max(max(height, width) / 1600, 0.4), 3.0)
    found = list(detections)
    for one in reversed(found):
        x0, y0, x1, y1 = (round(value) for value in one.xyxy)
        # A white rim keeps the box visible on dark metal, the colour on the white background.
        cv2.rectangle(canvas, (x0, y0), (x1, y1), _WHITE, line + 2)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), TAXONOMY[one.label].colour_rgb, line)
    taken: list[Rectangle] = []
    for one in found:
        tag = _place(one, _tag_size(one, font, line), (width, height), taken)
        taken.append(tag)
        _write(canvas, one, tag, font, line)
    return canvas


def _text(one: Detection) -> str:
    return f"{one.label} {one.score:.2f}"


def _tag_size(one: Detection, font: float, line: int) -> tuple[int, int]:
    (text_w, text_h), base = cv2.getTextSize(_text(one), _FONT, font, max(1, line // 2))
    return text_w + 2 * line, text_h + base + line


def _place(one: Detection, tag_wh: tuple[int, int], view_wh: tuple[int, int], taken: list[Rectangle]) -> Rectangle:
    """Return where the tag goes: at the box's edge, inside the view, on no other tag if there is such a place."""
    x0, y0, x1, y1 = (round(value) for value in one.xyxy)
    width, height = tag_wh
    corners = [(x0, y0 - height), (x0, y1), (x1 - width, y0 - height), (x1 - width, y1), (x0, y0), (x0, y1 - height)]
    places = []
    for left, top in corners:
        left_in = max(0, min(left, view_wh[0] - width))
        top_in = max(0, min(top, view_wh[1] - height))
        places.append((left_in, top_in, left_in + width, top_in + height))
    inside = [place for place, corner in zip(places, corners, strict=True) if place[1] == corner[1]] or places
    return next((place for place in inside if not any(_overlap(place, other) for other in taken)), inside[0])


def _overlap(first: Rectangle, second: Rectangle) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _write(canvas: NDArray[np.uint8], one: Detection, tag: Rectangle, font: float, line: int) -> None:
    colour = TAXONOMY[one.label].colour_rgb
    # Weights of the ITU-R BT.601 luma.
    ink = _BLACK if 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 150 else _WHITE
    left, top, right, bottom = tag
    cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)
    thickness = max(1, line // 2)
    (_, text_h), _ = cv2.getTextSize(_text(one), _FONT, font, thickness)
    at = (left + line, top + text_h + line // 2 + 1)
    cv2.putText(canvas, _text(one), at, _FONT, font, ink, thickness, cv2.LINE_AA)

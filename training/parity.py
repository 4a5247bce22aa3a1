"""Proves that an ONNX file computes what the trained weights compute, on fixed images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.letterbox import blob_of, letterbox
from detector.session import Session
from training.errors import ExportError

__all__ = ["BOX_LIMIT_PX", "SCORE_LIMIT", "Parity", "check_parity", "fixed_images"]

BOX_LIMIT_PX: Final = 0.05
SCORE_LIMIT: Final = 1e-3
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest differences between two raw outputs.

    Attributes:
        images: how many were compared.
        box_px: of a centre, width or height, canvas pixels.
        score: of a class score.
    """

    images: int
    box_px: float
    score: float

    def as_dict(self) -> dict[str, float]:
        """Return plain numbers for the card."""
        return {key: float(f"{value:.3g}") for key, value in asdict(self).items()}


def fixed_images(size_px: int, count: int = 4, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Return (size_px, size_px, 3) images of smooth seeded colour fields, for use without a catalogue."""
    rng = np.random.default_rng(seed)
    cell = size_px // 8
    fields = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return [field.repeat(cell, axis=0).repeat(cell, axis=1) for field in fields]


def check_parity(network: Network, session: Session, images: Sequence[NDArray[np.uint8]], size_px: int) -> Parity:
    """Compare raw outputs `[1, 4 + classes, N]` image by image.

    Raises:
        ExportError: the outputs differ in shape or by more than the limits.
    """
    box_px = score = 0.0
    for image_rgb in images:
        canvas, _ = letterbox(image_rgb, size_px)
        blob = blob_of(canvas)
        ours, theirs = network(blob), session.run(blob)
        if ours.shape != theirs.shape:
            raise ExportError(f"the weights give an output of {ours.shape}, the exported network {theirs.shape}")
        difference = np.abs(ours[0].astype(np.float64) - theirs[0])
        # numpy's maximum, unlike Python's, hands a NaN on.
        box_px = float(np.maximum(box_px, difference[:4].max()))
        score = float(np.maximum(score, difference[4:].max()))
    if not (box_px <= BOX_LIMIT_PX and score <= SCORE_LIMIT):  # NaN fails too
        raise ExportError(
            f"the exported network differs from the weights by {box_px:.3g} pixels and {score:.3g} in score "
            f"(limits {BOX_LIMIT_PX} and {SCORE_LIMIT}); report this with the versions of torch and ultralytics"
        )
    return Parity(len(images), box_px, score)

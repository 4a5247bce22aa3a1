"""What the renderer and every importer hand over: an image with its annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasets.records import Difficulty

__all__ = ["Annotation", "Sample"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object in one image.

    Attributes:
        label: a name in `detector.taxonomy.LABELS`.
        xyxy: box in pixels of the image.
        attributes: names in `detector.taxonomy.ATTRIBUTES`.
        visibility: share of the object that can be told from what lies over and under it, 0..1.
        area: pixels that the object covers.
        view_difficulty: share of the object's largest silhouette that this view does not show, 0..1; None if unknown.
        superposition: share of the radiation that other things take from the object's silhouette, 0..1, or None.
        difficulty: "easy", "medium" or "hard" for an operator; None where not measured.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    attributes: tuple[str, ...] = ()
    visibility: float = 1.0
    area: float = 0.0
    view_difficulty: float | None = None
    superposition: float | None = None
    difficulty: Difficulty | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One view of one parcel.

    Attributes:
        image_rgb: (H, W, 3) uint8, as it is shown.
        annotations: what is in it.
        provenance: where it came from.
        transmissions: (2, H, W) float32 at low and high energy where the raw measurement is kept, or None.
    """

    image_rgb: NDArray[np.uint8]
    annotations: tuple[Annotation, ...]
    provenance: Mapping[str, object] = field(default_factory=dict)
    transmissions: NDArray[np.float32] | None = None

"""The images of a run as ultralytics' data sets. Imported by `training.adapter` alone, which prepares the library."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import ultralytics.data.base as image_reading
from numpy.typing import NDArray
from ultralytics.data.dataset import YOLODataset

from detector.images import decode
from training.labelled import LabelledImage

__all__ = ["ImageSet", "Mixture", "image_set"]


def _read_view(path: str | Path, flags: int = 0) -> NDArray[np.uint8]:  # noqa: ARG001 - the replaced function's
    """Return an image file as BGR, as the detector sees it; the library's own reader keeps the high byte of 16 bits.

    Raises:
        ImageError: the file cannot be decoded.
    """
    return np.ascontiguousarray(decode(Path(path).read_bytes())[..., ::-1])


image_reading.imread = _read_view


class ImageSet(YOLODataset):  # type: ignore[misc]
    """Images and boxes as `labelled` hands them over, instead of text files beside the images."""

    def __init__(self, images: Sequence[LabelledImage], **options: Any) -> None:  # noqa: ANN401 - the base class's
        self.images = images
        self.mosaics = True
        super().__init__(img_path="", task="detect", **options)

    def close_mosaic(self, hyp: Any) -> None:  # noqa: ANN401 - the base class's
        """Train without mosaics from now on."""
        self.mosaics = False
        super().close_mosaic(hyp)

    def get_img_files(self, img_path: object) -> list[str]:  # noqa: ARG002 - the base class's signature
        """Return the image files."""
        return [str(image.path) for image in self.images]

    def get_labels(self) -> list[dict[str, Any]]:
        """Return boxes as normalised centre, width and height."""
        return [image.as_label_entry() for image in self.images]


def image_set(
    images: Sequence[LabelledImage],
    mode: str,
    *,
    data: Any,  # noqa: ANN401 - as typed as the library is
    imgsz: int,
    batch: int | None,
    hyp: Any,  # noqa: ANN401
    cache: str | None,
) -> ImageSet:
    """Return the data set of images for "train" (augmented, square) or "val" (as they are, rows of like shape)."""
    return ImageSet(
        images,
        data=data,
        imgsz=imgsz,
        batch_size=batch,
        augment=mode == "train",
        hyp=copy(hyp),
        rect=mode == "val",
        cache=cache,
        stride=32,
        pad=0.0 if mode == "train" else 0.5,
        prefix=f"{mode}: ",
    )


class Mixture(torch.utils.data.ConcatDataset[Any]):
    """Several sources as one data set; mosaics are made of images of one source."""

    def __init__(self, sources: Sequence[ImageSet]) -> None:
        self.sources = list(sources)
        super().__init__(self.sources)

    @property
    def sizes(self) -> list[int]:
        """Images of each source."""
        return [len(source) for source in self.sources]

    @property
    def labels(self) -> list[dict[str, Any]]:
        """Boxes and classes of all sources."""
        return [entry for source in self.sources for entry in source.labels]

    @property
    def collate_fn(self) -> Any:  # noqa: ANN401 - a function of the library
        """What makes a batch of images."""
        return self.sources[0].collate_fn

    def close_mosaic(self, hyp: Any) -> None:  # noqa: ANN401 - the library's
        """Train without mosaics from now on."""
        for source in self.sources:
            source.close_mosaic(copy(hyp))

    def replace_last(self, source: ImageSet, hyp: Any) -> None:  # noqa: ANN401
        """Put another source in the place of the last one, with mosaics if that one had them."""
        if not self.sources[-1].mosaics:
            source.close_mosaic(copy(hyp))
        self.sources[-1] = source
        super().__init__(self.sources)

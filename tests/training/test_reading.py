"""What the trainer reads from an image file is what the detector sees of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.encoding import encode_dual_energy
from detector.images import decode
from training.labelled import LabelledImage

pytestmark = pytest.mark.torch


def test_raw_dual_energy_trains_on_its_canonical_colours(tmp_path: Path) -> None:
    import training.adapter  # noqa: F401 - prepares the library
    from training.image_sets import ImageSet

    high = np.full((64, 96), 1.0, np.float32)
    high[16:48, 24:72] = 0.3
    path = tmp_path / "raw.tiff"
    path.write_bytes(encode_dual_energy(np.stack([high**1.2, high])))
    deep = tmp_path / "deep.png"
    cv2.imwrite(str(deep), np.full((64, 96), 4095, np.uint16))
    images = [
        LabelledImage(one, 96, 64, np.zeros(1, np.int64), np.array([[24.0, 16.0, 72.0, 48.0]])) for one in (path, deep)
    ]
    dataset = ImageSet(images, data={"names": {0: "handgun"}, "channels": 3}, imgsz=96, augment=False)
    picture, _, _ = dataset.load_image(0)
    np.testing.assert_array_equal(picture[..., ::-1], decode(path.read_bytes()))
    assert (dataset.load_image(1)[0] == 255).all()  # 12 bits: white is 4095, not 15 of 255

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from training.errors import ExportError
from training.parity import check_parity, fixed_images


class Network:
    """Answers with a fixed function of the blob, shifted by given amounts."""

    input_shape = (1, 3, 64, 64)
    output_shape = (1, 6, 5)

    def __init__(self, box_px: float = 0.0, score: float = 0.0, boxes: int = 5) -> None:
        self.box_px, self.score, self.boxes = box_px, score, boxes

    def metadata(self) -> Mapping[str, str]:
        return {}

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        output = np.full((1, 6, self.boxes), blob.mean(), np.float32)
        output[0, 0] += self.box_px
        output[0, 5, 0] += self.score
        return output


def test_equal_networks_agree() -> None:
    parity = check_parity(Network().run, Network(box_px=0.004), fixed_images(64, 3), 64)
    assert parity.images == 3
    assert parity.box_px == pytest.approx(0.004, rel=1e-3)
    assert parity.score == 0.0
    assert parity.as_dict()["box_px"] == 0.004


@pytest.mark.parametrize(
    "other",
    [Network(box_px=0.06), Network(score=0.002), Network(box_px=float("nan")), Network(boxes=4)],
    ids=["box", "score", "nan", "shape"],
)
def test_other_networks_are_refused(other: Network) -> None:
    with pytest.raises(ExportError):
        check_parity(Network().run, other, fixed_images(64, 2), 64)


def test_fixed_images_stay_the_same() -> None:
    one, two = fixed_images(64), fixed_images(64)
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert one[0].shape == (64, 64, 3)
    assert (one[0] != one[1]).any()

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.indistinct import merge_indistinct
from datasets.render.scanner import Footprint
from datasets.render.solids import Phantom, box

SOLID = (box((1, 1, 1), "brass"),)


def footprint(index: int, xyxy: tuple[int, int, int, int], *, visibility: float = 1.0) -> Footprint:
    x0, y0, x1, y1 = xyxy
    mask: NDArray[np.bool_] = np.ones((y1 - y0, x1 - x0), np.bool_)
    box_px = (float(x0), float(y0), float(x1), float(y1))
    return Footprint(index, box_px, mask, visibility, int(mask.sum()), truncated=False)


def rounds(label: str, count: int) -> list[Phantom]:
    return [Phantom(f"{label}/x", SOLID, label) for _ in range(count)]


def test_rounds_over_each_other_are_one_with_the_box_of_all() -> None:
    found = [footprint(0, (0, 0, 20, 10)), footprint(1, (2, 1, 22, 11), visibility=0.5), footprint(2, (60, 0, 80, 10))]
    one, alone = merge_indistinct(rounds("cartridge", 3), found)
    assert one.xyxy == (0, 0, 22, 11)
    assert one.mask.shape == (11, 22)
    assert one.area_px == one.mask.sum() == 200 + 200 - 18 * 9
    assert one.visibility == pytest.approx(0.75)
    assert alone is found[2]


def test_rounds_side_by_side_are_told_apart_unless_they_are_tiny() -> None:
    large = [footprint(i, (12 * i, 0, 12 * i + 12, 40)) for i in range(5)]
    assert merge_indistinct(rounds("shotshell", 5), large) == large
    tiny = [footprint(i, (4 * i, 0, 4 * i + 3, 12)) for i in range(5)]
    (heap,) = merge_indistinct(rounds("shotshell", 5), tiny)
    assert heap.xyxy == (0, 0, 19, 12)
    far = [footprint(i, (9 * i, 0, 9 * i + 3, 12)) for i in range(5)]
    assert merge_indistinct(rounds("shotshell", 5), far) == far


def test_only_ammunition_of_one_label_is_joined() -> None:
    phantoms = [*rounds("barrel", 2), *rounds("cartridge", 1), *rounds("shotshell", 1), Phantom("tool", SOLID)]
    found = [footprint(i, (i, 0, 20 + i, 10)) for i in range(5)]
    assert merge_indistinct(phantoms, found) == found

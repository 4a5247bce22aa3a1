from __future__ import annotations

import numpy as np
import pytest

from detector.boxes import intersection_over_union

pytestmark = pytest.mark.torch


def brute_force(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        others = boxes[kept].reshape(-1, 4)
        if not len(others) or intersection_over_union(boxes[index : index + 1], others).max() <= limit:
            kept.append(int(index))
    return kept


@pytest.mark.parametrize("limit", [0.2, 0.5, 0.7])
def test_suppression_matches_brute_force(limit: float) -> None:
    import torch

    from training.vision_ops import nms

    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 100, (300, 2))
    boxes = np.hstack([corner, corner + rng.uniform(5, 60, (300, 2))])
    scores = rng.uniform(size=300).round(2)  # with ties
    got = nms(torch.from_numpy(boxes), torch.from_numpy(scores), limit)
    assert got.tolist() == brute_force(boxes, scores, limit)
    assert 5 < len(got) < 300
    assert nms(torch.empty(0, 4), torch.empty(0), 0.5).tolist() == []


def test_torchvision_suppresses_after_the_adapter_is_imported() -> None:
    import torch
    import torchvision

    import training.adapter  # noqa: F401 - provides the operators

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 60, 60]])
    assert torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]

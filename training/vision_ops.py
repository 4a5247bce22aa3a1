"""Lets torchvision from PyPI be imported beside a CPU-only torch.

That pair lacks torchvision's compiled operators, and importing it fails on `torchvision::nms`. Where torch was built
without CUDA and the operators are missing, `nms` is declared and given a kernel in plain torch.
"""

from __future__ import annotations

import torch

__all__ = ["nms", "provide_torchvision_ops"]

_LIBRARIES: list[torch.library.Library] = []  # a registration lives as long as its library object


def provide_torchvision_ops() -> None:
    """Register `torchvision::nms` if this torch has no CUDA and torchvision brought no operator of its own."""
    if torch.version.cuda is not None or _has_compiled_ops():
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    _LIBRARIES.append(library)
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    library.impl("nms", nms, "CPU")  # type: ignore[no-untyped-call]
    import torchvision.extension  # noqa: PLC0415 - fails unless the operators above exist

    torchvision.extension._has_ops = lambda: True


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return indices of (N, 4) `xyxy` boxes that no better kept box overlaps by more than the threshold, best first."""
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    areas = (ranked[:, 2:] - ranked[:, :2]).clamp(min=0).prod(dim=1)
    alive = torch.ones(len(ranked), dtype=torch.bool)
    for index in range(len(ranked)):
        if not alive[index]:
            continue
        rest = slice(index + 1, None)
        corner0 = torch.maximum(ranked[rest, :2], ranked[index, :2])
        corner1 = torch.minimum(ranked[rest, 2:], ranked[index, 2:])
        shared = (corner1 - corner0).clamp(min=0).prod(dim=1)
        iou = shared / (areas[rest] + areas[index] - shared).clamp(min=1e-12)
        alive[rest] &= iou <= iou_threshold
    return order[alive]


def _has_compiled_ops() -> bool:
    try:
        torch.ops.torchvision.nms  # noqa: B018 - the look-up itself raises
    except (AttributeError, RuntimeError):
        pass
    else:
        return True
    try:
        import torchvision  # noqa: F401, PLC0415
    except (ImportError, RuntimeError):
        return False
    return True

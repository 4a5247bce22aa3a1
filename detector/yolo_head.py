"""Turns a YOLO network's output into boxes on its canvas.

Two heads, as the exporter makes them: "raw" `[1, 4 + classes, N]` (centre x, centre y, width, height, class scores
already through the sigmoid), which needs suppression of overlapping boxes; and "end_to_end" `[1, K, 6]` (x0, y0, x1,
y1, score, class), which does not.
"""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InferenceError

__all__ = ["HEADS", "NMS_IOU", "Head", "decode_output", "suppress"]

Head = Literal["raw", "end_to_end"]
HEADS: Final[tuple[Head, ...]] = ("raw", "end_to_end")
NMS_IOU: Final = 0.6
# Bounds the time of the suppression on an image where everything fires.
_MAX_CANDIDATES: Final = 3000

Decoded = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]


def decode_output(
    output: NDArray[np.float32],
    head: Head,
    floors: NDArray[np.float64],
    canvas_wh: tuple[int, int],
    nms_iou: float = NMS_IOU,
) -> Decoded:
    """Return boxes (N, 4) on the canvas, label ids (N,) and scores (N,), highest score first.

    Args:
        output: what the session returned.
        head: which of the two layouts it has.
        floors: (classes,) lowest score of each class that is still of interest.
        canvas_wh: width and height of the canvas; boxes are clipped to it and empty ones dropped.
        nms_iou: of two boxes of one class that overlap more than this the weaker one is dropped (raw head only).

    Raises:
        InferenceError: the output has another shape, or a value that is not finite.
    """
    classes = len(floors)
    width = 4 + classes if head == "raw" else 6
    axis = 1 if head == "raw" else 2
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[axis] != width:
        expected = f"(1, {width}, N)" if head == "raw" else "(1, K, 6)"
        raise InferenceError(f"expected an output of shape {expected} from a {head} head, got {output.shape}")
    if not np.isfinite(output).all():
        raise InferenceError("the network returned values that are not finite; the model file is damaged: export again")
    boxes, labels, scores = _raw(output[0], floors) if head == "raw" else _end_to_end(output[0], floors)
    boxes = boxes.clip(0.0, np.array([*canvas_wh, *canvas_wh], np.float64))
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes, labels, scores = boxes[solid], labels[solid], scores[solid]
    order = np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES]
    boxes, labels, scores = boxes[order], labels[order], scores[order]
    if head == "raw":
        keep = suppress(boxes, labels, scores, nms_iou)
        boxes, labels, scores = boxes[keep], labels[keep], scores[keep]
    return boxes, labels, scores


def _raw(output: NDArray[np.float32], floors: NDArray[np.float64]) -> Decoded:
    # An anchor may speak for several labels: each label has its own threshold, so the best label of an anchor may
    # stay below its threshold while the second best does not.
    labels, anchors = np.nonzero(output[4:] >= floors[:, None])
    scores = output[4 + labels, anchors].astype(np.float64).clip(0.0, 1.0)
    centre, half = output[:2, anchors].T.astype(np.float64), output[2:4, anchors].T.astype(np.float64) / 2
    return np.hstack([centre - half, centre + half]), labels.astype(np.int64), scores


def _end_to_end(output: NDArray[np.float32], floors: NDArray[np.float64]) -> Decoded:
    labels = np.rint(output[:, 5]).astype(np.int64)
    if labels.size and (labels.min() < 0 or labels.max() >= len(floors)):
        raise InferenceError(f"the network named class {labels.max()}, but its card has {len(floors)}; export it again")
    keep = output[:, 4] >= floors[labels]
    return output[keep, :4].astype(np.float64), labels[keep], output[keep, 4].astype(np.float64).clip(0.0, 1.0)


def suppress(
    boxes: NDArray[np.float64], labels: NDArray[np.int64], scores: NDArray[np.float64], nms_iou: float
) -> NDArray[np.int64]:
    """Return the indices of (N, 4) boxes that no better box of the same label overlaps by more than `nms_iou`.

    Boxes must not have negative coordinates: OpenCV keeps the labels apart by shifting each one's boxes to the right.
    """
    if not len(boxes):
        return np.empty(0, np.int64)
    xywh = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = cv2.dnn.NMSBoxesBatched(xywh.tolist(), scores.tolist(), labels.tolist(), -1.0, nms_iou)
    return np.asarray(kept, np.int64).reshape(-1)

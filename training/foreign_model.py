"""Lets a stranger's YOLO file, without a card, be measured like an own one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.detector import Detector
from detector.errors import ModelError
from detector.model_card import ModelCard
from detector.session import OnnxSession, Session, Shape
from detector.taxonomy import LABELS, Group, group_of
from training.errors import EvaluationError

__all__ = ["IGNORED", "load_foreign", "parse_labels"]

IGNORED: Final = "-"
_EVERYTHING: Final = 0.5


def parse_labels(text: str) -> tuple[int | None, ...]:
    """Return for each class of the stranger's model, in order, the index of our label; None: not one of ours.

    A group stands for its first label: such a model can be measured by group only.

    Raises:
        EvaluationError: a name is neither a label, nor a group, nor "-".
    """
    columns: list[int | None] = []
    for name in text.split(","):
        word = name.strip()
        if word == IGNORED:
            columns.append(None)
        elif word in LABELS:
            columns.append(LABELS.index(word))
        elif word in tuple(Group):
            columns.append(next(index for index, label in enumerate(LABELS) if group_of(label) == word))
        else:
            known = ", ".join((*LABELS, *Group))
            raise EvaluationError(f"expected for each class of the model one of {known} or '-', got {word!r}")
    if not any(column is not None for column in columns):
        raise EvaluationError("none of the model's classes is one of ours; there is nothing to measure")
    return tuple(columns)


def load_foreign(path: Path, columns: Sequence[int | None], imgsz: int) -> Detector:
    """Return a detector for a YOLO export: RGB in 0..1 on a grey letterbox, raw or end-to-end output.

    Args:
        path: the ONNX file.
        columns: see `parse_labels`.
        imgsz: side of its input, pixels.

    Raises:
        ModelError: the file cannot be loaded.
        EvaluationError: its input or output is not that of a YOLO model with that many classes.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    inner = OnnxSession(data)
    taken = inner.input_shape
    if len(taken) != 4 or taken[1] not in (3, None) or any(side not in (imgsz, None) for side in taken[2:]):
        raise EvaluationError(f"{path}: takes an input of {taken}; say its side with --imgsz")
    out = inner.output_shape
    raw = len(out) == 3 and out[1] in (4 + len(columns), None)
    if not raw and not (len(out) == 3 and out[2] == 6):
        raise EvaluationError(
            f"{path}: gives {out}; expected (1, {4 + len(columns)}, N) for the {len(columns)} names in --labels, "
            "or (1, K, 6)"
        )
    card = ModelCard(
        name=path.stem,
        version="unknown",
        classes=LABELS,
        input_size_px=imgsz,
        head="raw" if raw else "end_to_end",
        thresholds={"half": dict.fromkeys(LABELS, _EVERYTHING)},
        operating_point="half",
        data_version="unknown",
        created="unknown",
        licence="unknown",
    )
    sessions = [_Translated(inner, columns, imgsz, raw=raw), _Translated(OnnxSession(data), columns, imgsz, raw=raw)]
    return Detector(sessions, card, hashlib.sha256(data).hexdigest())


class _Translated:
    """A session whose classes are brought into the order of `LABELS`; those that are not ours are dropped."""

    def __init__(self, inner: Session, columns: Sequence[int | None], imgsz: int, *, raw: bool) -> None:
        self._inner, self._columns, self._raw = inner, columns, raw
        self.input_shape: Shape = (1, 3, imgsz, imgsz)
        self.output_shape: Shape = (1, 4 + len(LABELS), None) if raw else (1, None, 6)

    def metadata(self) -> Mapping[str, str]:
        return self._inner.metadata()

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        output = self._inner.run(blob)
        if self._raw:
            result = np.zeros((1, 4 + len(LABELS), output.shape[2]), np.float32)
            result[0, :4] = output[0, :4]
            for theirs, ours in enumerate(self._columns):
                if ours is not None:
                    result[0, 4 + ours] = np.maximum(result[0, 4 + ours], output[0, 4 + theirs])
            return result
        table = np.array([-1 if ours is None else ours for ours in self._columns], np.int64)
        kind = output[0, :, 5].astype(np.int64)
        known = (kind >= 0) & (kind < len(table))
        ours_of = np.where(known, table[np.clip(kind, 0, len(table) - 1)], -1)
        result = output[:, ours_of >= 0].copy()
        result[0, :, 5] = ours_of[ours_of >= 0]
        return result

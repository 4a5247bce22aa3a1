"""The detector: one view in, validated detections out."""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.detections import MAX_DETECTIONS, Detections
from detector.errors import ModelCardError, ModelError
from detector.familiarity import Familiarity
from detector.fusion import UNSEEN, fuse
from detector.letterbox import PAD_VALUE, Placement, blob_of, letterbox
from detector.model_card import Look, ModelCard, read_card, verify_seal
from detector.session import OnnxSession, Session
from detector.yolo_head import Decoded, decode_output

__all__ = ["MIN_SCORE", "SHIPPED_FLOAT32", "SHIPPED_MODEL", "Detector", "find_model"]

_SHIPPED: Final = Path(__file__).with_name("models")
# The one that serves by default is the faster one on CPUs; the other one is what it was made from.
SHIPPED_MODEL: Final = _SHIPPED / "parcelray-nano-int8.onnx"
SHIPPED_FLOAT32: Final = _SHIPPED / "parcelray-nano.onnx"
MIN_SCORE: Final = 0.01
_MAX_MODEL_BYTES: Final = 1 << 30
_STRIDE_PX: Final = 32  # of the network's coarsest grid: the sides of its input are multiples of it


def find_model(name: Path | str | None = None) -> Path:
    """Return the file of a model: a path, or the bare name of one that ships, such as "parcelray-nano".

    Without a name the shipped model that is the default. A file of that name in the working folder comes first.
    """
    if name is None:
        return SHIPPED_MODEL
    file = Path(name)
    shipped = _SHIPPED / f"{file.name.removesuffix('.onnx')}.onnx"
    return shipped if file == Path(file.name) and not file.exists() and shipped.is_file() else file


class Detector:
    """A model that is ready to look at views; `detect` may be called from several threads.

    Attributes:
        card: what the model says about itself.
        model_sha256: SHA-256 of the model file, hex.
        looks: how it looks at a view; what several looks find is fused.
    """

    def __init__(self, session: Session | Sequence[Session], card: ModelCard, model_sha256: str) -> None:
        sessions = list(session) if isinstance(session, Sequence) else [session]
        if not sessions:
            raise ModelError("expected at least one session")
        for one in sessions:
            _check_shapes(one, card)
        self.card = card
        self.model_sha256 = model_sha256
        # Last in, first out: the session that ran last has its memory in the caches.
        self._idle: queue.LifoQueue[Session] = queue.LifoQueue()
        for one in sessions:
            self._idle.put(one)
        pairs = [card.score_calibration.get(label, (1.0, 0.0)) for label in card.classes]
        self._familiarity = Familiarity.from_dict(card.familiarity) if card.familiarity else None
        self.looks = card.looks or (Look(card.input_size_px),)
        self._fixed_size = None not in sessions[0].input_shape[2:]
        self._slope, self._offset = np.array(pairs, np.float64).T

    @classmethod
    def load(cls, path: Path | str | None = None, *, sessions: int = 1) -> Detector:
        """Load a model file, check it and run it once; without a path the model that ships with ParcelRay.

        Args:
            path: an ONNX file with a card, or the name of a shipped model; see `find_model`.
            sessions: how many views may be looked at at the same time.

        Raises:
            ModelError: there is no such file or it is not a network that fits its card.
            ModelCardError: the card is missing or wrong, or the file was changed after it was sealed.
        """
        file = find_model(path)
        model_bytes = _read(file, shipped=path is None)
        try:
            first = OnnxSession(model_bytes)
            card = read_card(first.metadata())
            verify_seal(model_bytes, card)
            pool = [first, *(OnnxSession(model_bytes) for _ in range(sessions - 1))]
            detector = cls(pool, card, hashlib.sha256(model_bytes).hexdigest())
            blank = np.full((card.input_size_px, card.input_size_px, 3), PAD_VALUE, np.uint8)
            for one in pool:
                detector._look(one, blank, MIN_SCORE)
        except ModelError as error:
            raise type(error)(f"{file}: {error}") from error
        return detector

    def detect(self, image_rgb: NDArray[np.uint8], *, min_score: float = MIN_SCORE) -> Detections:
        """Return what is found in an (H, W, 3) view with a score of at least `min_score`, at most 300 objects.

        The answer says too whether the view is unlike what the model was fitted on, where its card can tell.
        Waits while every session is busy.

        Raises:
            ValueError: not an (H, W, 3) uint8 array, or `min_score` outside 0..1.
            InferenceError: the network failed.
        """
        if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or not image_rgb.size:
            raise ValueError(f"expected an (H, W, 3) uint8 view, got {image_rgb.shape} {image_rgb.dtype}")
        if not 0.0 <= min_score <= 1.0:
            raise ValueError(f"expected a min_score in 0..1, got {min_score}")
        unlike = self._familiarity is not None and self._familiarity.is_unlike(image_rgb)
        with self._borrowed() as session:
            return replace(self._look(session, image_rgb, min_score), unlike_training=unlike)

    def inputs(self, image_rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return what the network is given for an (H, W, 3) view, look by look: (1, 3, h, w) float32, RGB in 0..1."""
        return [self._input(image_rgb, look)[0] for look in self.looks]

    def thresholds(self, operating_point: str | None = None) -> Mapping[str, float]:
        """Return label -> lowest score that alarms, of the named operating point or of the default one.

        Raises:
            ModelCardError: the card has no operating point of that name.
        """
        name = self.card.operating_point if operating_point is None else operating_point
        if name not in self.card.thresholds:
            known = ", ".join(self.card.thresholds)
            raise ModelCardError(f"the model has no operating point {name!r}; choose one of: {known}")
        return dict(self.card.thresholds[name])

    @contextmanager
    def _borrowed(self) -> Iterator[Session]:
        session = self._idle.get()
        try:
            yield session
        finally:
            self._idle.put(session)

    def _look(self, session: Session, image_rgb: NDArray[np.uint8], min_score: float) -> Detections:
        floors = _sigmoid((_logit(np.full(len(self._slope), min_score)) - self._offset) / self._slope)
        if len(self.looks) == 1:
            # A hair lower, so that rounding on the way there and back loses nothing; the exact cut comes last.
            boxes, labels, scores = self._run(session, image_rgb, self.looks[0], floors - 1e-6)
        else:
            # A fused score depends on what all looks say, so every look is asked for all that it may count for.
            lowest = np.full(len(floors), UNSEEN)
            boxes, labels, scores = fuse([self._run(session, image_rgb, look, lowest) for look in self.looks])
        calibrated = _sigmoid(self._slope[labels] * _logit(scores) + self._offset[labels])
        keep = calibrated >= min_score
        found = Detections.of(boxes[keep], labels[keep], calibrated[keep])
        return Detections(found.xyxy[:MAX_DETECTIONS], found.label_ids[:MAX_DETECTIONS], found.scores[:MAX_DETECTIONS])

    def _run(self, session: Session, image_rgb: NDArray[np.uint8], look: Look, floors: NDArray[np.float64]) -> Decoded:
        """Return what one look finds, in pixels of the view."""
        blob, place = self._input(image_rgb, look)
        boxes, labels, scores = decode_output(session.run(blob), self.card.head, floors, place.canvas_wh)
        boxes = place.to_view(boxes)
        if look.mirrored:
            boxes[:, [0, 2]] = image_rgb.shape[1] - boxes[:, [2, 0]]
        solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return boxes[solid], labels[solid], scores[solid]

    def _input(self, image_rgb: NDArray[np.uint8], look: Look) -> tuple[NDArray[np.float32], Placement]:
        view = image_rgb[:, ::-1] if look.mirrored else image_rgb
        canvas, place = letterbox(view, look.size_px, 0 if self._fixed_size else _STRIDE_PX)
        return blob_of(canvas), place


def _read(file: Path, *, shipped: bool) -> bytes:
    try:
        if file.stat().st_size > _MAX_MODEL_BYTES:
            raise ModelError(f"{file}: over {_MAX_MODEL_BYTES >> 20} MiB; is it a model file?")
        return file.read_bytes()
    except OSError as error:
        hint = (
            "this copy has no shipped model: train and export one (`parcelray train`, `parcelray export`), "
            "or name a model file"
            if shipped
            else "give the path of a model made by `parcelray export`, or the name of one that ships: "
            + ", ".join(sorted(one.stem for one in _SHIPPED.glob("*.onnx")))
        )
        raise ModelError(f"{file}: {error.strerror or error}; {hint}") from error


def _check_shapes(session: Session, card: ModelCard) -> None:
    got = tuple(session.input_shape)
    sizes = {look.size_px for look in card.looks} or {card.input_size_px}
    if (
        len(got) != 4
        or got[0] not in (1, None)
        or got[1] != 3
        or not all(side is None or {side} == sizes for side in got[2:])
    ):
        wanted = " and ".join(f"(1, 3, {size}, {size})" for size in sorted(sizes))
        raise ModelCardError(f"the card says an input of {wanted}, the network takes {got}; export again")
    out = tuple(session.output_shape)
    axis, length = (1, 4 + len(card.classes)) if card.head == "raw" else (2, 6)
    if len(out) != 3 or out[0] not in (1, None) or out[axis] not in (length, None):
        expected = f"(1, {length}, N)" if card.head == "raw" else "(1, K, 6)"
        raise ModelCardError(
            f"a {card.head} head with {len(card.classes)} classes gives {expected}, the network {out}; export again"
        )


def _logit(score: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.log(score) - np.log1p(-score)


def _sigmoid(value: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-value)), np.float64)

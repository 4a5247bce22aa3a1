"""What a model file says about itself, stored inside the file.

The card is JSON under one key of the ONNX metadata. Its `weights_sha256` seals the whole file: it is the SHA-256 of
the file with that field's 64 digits replaced by zeros. The card is plain text inside the protobuf, so the field is
filled in place, and checked, without the onnx package.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from detector.errors import ModelCardError
from detector.familiarity import Familiarity
from detector.taxonomy import LABELS
from detector.yolo_head import HEADS, Head

__all__ = [
    "CARD_FORMAT",
    "CARD_KEY",
    "MAX_LOOKS",
    "PREPROCESSING",
    "Look",
    "ModelCard",
    "attach_card",
    "checksum_of",
    "read_card",
    "seal",
    "verify_seal",
]

CARD_KEY: Final = "parcelray_card"
PREPROCESSING: Final = "letterbox114_rgb_unit"
CARD_FORMAT: Final = 3  # 1 had no familiarity, 2 no looks
MAX_LOOKS: Final = 8
_UNSEALED: Final = "0" * 64
_SEAL_FIELD: Final = re.compile(rb'"weights_sha256": ?"([0-9a-f]{64})"')
_METADATA_PROPS_TAG: Final = 14 << 3 | 2  # repeated StringStringEntryProto metadata_props = 14, in onnx.proto


@dataclass(frozen=True, slots=True)
class Look:
    """One run of the network on a view; what several looks find is fused, see `detector.fusion`.

    Attributes:
        size_px: longer side of the view in the canvas.
        mirrored: left and right are exchanged.
    """

    size_px: int
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Identity, input, output and operating points of one model file.

    Attributes:
        name: such as "parcelray-nano".
        version: the model's own version.
        classes: the network's labels in output order: `detector.taxonomy.LABELS`, or its beginning in an older model.
        input_size_px: side of the square canvas that the network was exported for.
        head: which output layout, see `detector.yolo_head`.
        thresholds: operating point -> label -> lowest score that alarms, for every class.
        operating_point: the name of the default operating point.
        data_version: version of the catalogue it was trained on.
        created: date and time of the export, ISO 8601.
        licence: SPDX expression.
        metrics: figures, each with its data and split; free form.
        notes: what a user must know.
        score_calibration: label -> (a, b): scores become sigmoid(a * logit(score) + b); absent labels stay as they are.
        familiarity: see `detector.familiarity`; empty where views are not checked.
        looks: how the network looks at a view; empty: once, at `input_size_px`.
        card_format: grows with the fields; older software refuses newer cards by name instead of by a missing field.
        preprocessing: how a view becomes the network's input; one way exists.
        weights_sha256: the seal; zeros before sealing.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    input_size_px: int
    head: Head
    thresholds: Mapping[str, Mapping[str, float]]
    operating_point: str
    data_version: str
    created: str
    licence: str = "AGPL-3.0-or-later"
    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    score_calibration: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    familiarity: Mapping[str, Any] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    card_format: int = 1
    preprocessing: str = PREPROCESSING
    weights_sha256: str = _UNSEALED

    def __post_init__(self) -> None:
        if not self.classes or tuple(self.classes) != LABELS[: len(self.classes)]:
            raise ModelCardError(f"expected the classes {', '.join(LABELS)}, got {', '.join(self.classes) or 'none'}")
        self._check_sizes()
        if self.head not in HEADS:
            raise ModelCardError(f"expected a head of {' or '.join(HEADS)}, got {self.head!r}")
        if self.preprocessing != PREPROCESSING:
            raise ModelCardError(f"expected the preprocessing {PREPROCESSING}, got {self.preprocessing!r}")
        if self.operating_point not in self.thresholds:
            raise ModelCardError(f"the default operating point {self.operating_point!r} has no thresholds")
        if not re.fullmatch(r"[0-9a-f]{64}", self.weights_sha256):
            raise ModelCardError(f"expected a weights_sha256 of 64 hex digits, got {self.weights_sha256!r}")
        for point, values in self.thresholds.items():
            self._check_thresholds(point, values)
        if self.familiarity:
            Familiarity.from_dict(self.familiarity)
        for label, (slope, offset) in self.score_calibration.items():
            if label not in self.classes or not (0 < slope < math.inf and math.isfinite(offset)):
                raise ModelCardError(
                    f"expected calibration of known labels by finite (a, b), a > 0; got {(slope, offset)} for {label!r}"
                )

    def _check_sizes(self) -> None:
        for size in (self.input_size_px, *(look.size_px for look in self.looks)):
            if not 32 <= size <= 4096:
                raise ModelCardError(f"expected an input size of 32..4096 pixels, got {size}")
        if len(self.looks) > MAX_LOOKS:
            raise ModelCardError(f"expected at most {MAX_LOOKS} looks, got {len(self.looks)}")

    def _check_thresholds(self, point: str, values: Mapping[str, float]) -> None:
        if set(values) != set(self.classes):
            wrong = sorted(set(values) ^ set(self.classes))
            raise ModelCardError(f"operating point {point!r} needs one threshold a label; missing or unknown: {wrong}")
        for label, score in values.items():
            if not 0.0 <= score <= 1.0:
                raise ModelCardError(f"expected a threshold in 0..1 for {label!r} at {point!r}, got {score}")

    def to_json(self) -> str:
        """Return the text that is stored in the model file."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read and validate a card.

        Raises:
            ModelCardError: not a JSON object, a field is missing, unknown or of the wrong type, or does not validate.
        """
        try:
            values = json.loads(text)
            if not isinstance(values, dict):
                raise ModelCardError("expected the card to be a JSON object")
            if int(values.get("card_format", 1)) > CARD_FORMAT:
                raise ModelCardError(
                    f"the card has format {values['card_format']}, this software reads up to {CARD_FORMAT}; "
                    "update ParcelRay"
                )
            known = {entry.name for entry in fields(cls)}
            if unknown := sorted(set(values) - known):
                raise ModelCardError(
                    f"the card has unknown fields {unknown}; update ParcelRay or export the model again"
                )
            values["classes"] = tuple(str(label) for label in values["classes"])
            values["input_size_px"] = int(values["input_size_px"])
            values["thresholds"] = {
                str(point): {str(label): float(score) for label, score in scores.items()}
                for point, scores in values["thresholds"].items()
            }
            values["score_calibration"] = {
                str(label): (float(a), float(b)) for label, (a, b) in values.get("score_calibration", {}).items()
            }
            values["looks"] = tuple(
                Look(int(look["size_px"]), bool(look["mirrored"])) for look in values.get("looks", ())
            )
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelCardError(f"the card cannot be read ({type(error).__name__}: {error}); export again") from error


def read_card(metadata: Mapping[str, str]) -> ModelCard:
    """Return the card among a model's metadata.

    Raises:
        ModelCardError: there is none, or it is not valid.
    """
    text = metadata.get(CARD_KEY)
    if text is None:
        raise ModelCardError("the model has no card; export it with `parcelray export`, which writes one")
    return ModelCard.from_json(text)


def checksum_of(model_bytes: bytes) -> str:
    """Return the SHA-256 of the file with the digits of its seal replaced by zeros.

    Raises:
        ModelCardError: the file does not hold exactly one seal field.
    """
    start, end = _seal_span(model_bytes)
    view = memoryview(model_bytes)
    digest = hashlib.sha256(view[:start])
    digest.update(_UNSEALED.encode())
    digest.update(view[end:])
    return digest.hexdigest()


def seal(model_bytes: bytes) -> bytes:
    """Return the file with its checksum filled in; its length stays the same.

    Raises:
        ModelCardError: the file does not hold exactly one seal field.
    """
    start, end = _seal_span(model_bytes)
    return model_bytes[:start] + checksum_of(model_bytes).encode() + model_bytes[end:]


def verify_seal(model_bytes: bytes, card: ModelCard) -> None:
    """Refuse a file that changed after it was sealed.

    Raises:
        ModelCardError: the checksum does not fit.
    """
    actual = checksum_of(model_bytes)
    if actual != card.weights_sha256:
        raise ModelCardError(
            f"checksum mismatch: the card says {card.weights_sha256[:12]}…, the file is {actual[:12]}…; "
            "the file is damaged or was changed after export: fetch or export it again"
        )


def attach_card(model_bytes: bytes, card: ModelCard) -> bytes:
    """Return an ONNX file without a card with `card` stored in it, sealed.

    A protobuf field that repeats may be appended to a message, so the rest of the file stays as it is.

    Raises:
        ModelCardError: the file holds a card already.
    """
    if _SEAL_FIELD.search(model_bytes):
        raise ModelCardError("the model has a card already; attach the new one to a file without any")
    entry = _bytes_field(1 << 3 | 2, CARD_KEY.encode()) + _bytes_field(2 << 3 | 2, card.to_json().encode())
    return seal(model_bytes + _bytes_field(_METADATA_PROPS_TAG, entry))


def _bytes_field(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _seal_span(model_bytes: bytes) -> tuple[int, int]:
    spans = [match.span(1) for match in _SEAL_FIELD.finditer(model_bytes)]
    if len(spans) != 1:
        raise ModelCardError(f"expected one weights_sha256 in the model file, found {len(spans)}; export it again")
    return spans[0]

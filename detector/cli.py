"""`parcelray detect`: boxes and verdicts for image files.

With `--json` it prints one object a line: `{"image", "verdict", "reasons", "detections": [{"xyxy", "label", "group",
"score"}]}`, and "message" where the verdict is `refer`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detector.detections import Detections
    from detector.detector import Detector
    from detector.policy import Decision, Reason

IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcs", ".dcm")


@dataclass(frozen=True, slots=True)
class _Answer:
    decision: Decision
    shown: Detections
    image_rgb: NDArray[np.uint8] | None = None
    message: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray detect`."""
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="image file, or a folder: every image in it, by name"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--min-score",
        type=_score,
        metavar="S",
        help="show detections with at least this score (0..1); the verdict always goes by the model's own thresholds. "
        "Default: the lowest threshold of the operating point",
    )
    parser.add_argument("--save", type=Path, metavar="DIR", help="write the images with boxes drawn into this folder")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="model file, or the name of a shipped one: parcelray-nano-int8 (default), parcelray-nano (float32)",
    )
    parser.add_argument("--operating-point", metavar="NAME", help="name of the thresholds; default: the model's own")


def run(arguments: argparse.Namespace) -> int:
    """Look at every image; 0: all were read, 1: some could not be.

    Raises:
        ModelError: the model cannot be loaded, or has no operating point of that name.
    """
    from detector.detector import Detector

    detector = Detector.load(arguments.model)
    thresholds = detector.thresholds(arguments.operating_point)
    min_score = min(thresholds.values()) if arguments.min_score is None else arguments.min_score
    saver = None if arguments.save is None else _Saver(arguments.save, [Path(name) for name in arguments.images])
    problems = 0
    for name in _expand(arguments.images):
        answer = _look(detector, thresholds, min_score, Path(name))
        print(_json_line(name, answer) if arguments.json else _lines(name, answer), flush=True)
        problems += bool(answer.message)
        if saver is not None and answer.image_rgb is not None:
            saver.save(Path(name), answer.image_rgb, answer.shown)
    if problems:
        print(f"{problems} of the images could not be screened; a person must look at them", file=sys.stderr)
    return 1 if problems else 0


def _look(detector: Detector, thresholds: Mapping[str, float], min_score: float, path: Path) -> _Answer:
    from detector.detections import Detections
    from detector.errors import ImageError, InferenceError
    from detector.images import decode
    from detector.policy import Reason, ViewOutcome, decide

    def failed(reason: Reason, message: str) -> _Answer:
        return _Answer(decide([ViewOutcome(None, reason)], thresholds), Detections.none(), message=message)

    try:
        image_rgb = decode(_read(path))
        # Never above a threshold: what `--min-score` hides must still be able to alarm.
        found = detector.detect(image_rgb, min_score=min(min_score, *thresholds.values()))
    except ImageError as error:
        return failed(Reason.UNREADABLE_VIEW, str(error))
    except OSError as error:
        return failed(Reason.UNREADABLE_VIEW, f"the file cannot be read: {error.strerror or error}")
    except InferenceError as error:
        return failed(Reason.MODEL_FAILURE, str(error))
    return _Answer(decide([ViewOutcome(found)], thresholds), found.at_least(min_score), image_rgb)


def _read(path: Path) -> bytes:
    from detector.errors import UnreadableImageError
    from detector.images import ImageLimits

    if path.exists() and not path.is_file():
        raise UnreadableImageError("not a file (a pipe or device, or a folder without images); give an image file")
    with path.open("rb") as file:
        # One byte over the limit is enough for `decode` to refuse it.
        return file.read(ImageLimits().max_bytes + 1)


def _expand(names: Sequence[str]) -> Iterator[str]:
    """Yield files as given, and for a folder the images in it; the folder itself where it has none."""
    for name in names:
        folder = Path(name)
        if not folder.is_dir():
            yield name
            continue
        inside = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
        yield from (str(path) for path in inside) if inside else (name,)


def _json_line(name: str, answer: _Answer) -> str:
    line: dict[str, Any] = {
        "image": name,
        "verdict": answer.decision.verdict.value,
        "reasons": [reason.value for reason in answer.decision.reasons],
        "detections": [
            {
                "xyxy": [round(value, 2) for value in found.xyxy],
                "label": found.label,
                "group": found.group.value,
                "score": round(found.score, 6),
            }
            for found in answer.shown
        ],
    }
    if answer.message:
        line["message"] = answer.message
    return json.dumps(line)


def _lines(name: str, answer: _Answer) -> str:
    reasons = ", ".join(reason.value for reason in answer.decision.reasons)
    lines = [f"{name}: {answer.decision.verdict.value.upper()} ({answer.message or reasons})"]
    for found in answer.shown:
        box = " ".join(f"{value:6.0f}" for value in found.xyxy)
        lines.append(f"    {found.score:.2f}  {found.label:<14} {found.group.value:<10} [{box}]")
    return "\n".join(lines)


class _Saver:
    """Writes drawn views into a folder, never onto an input or onto a picture of the same run."""

    def __init__(self, folder: Path, inputs: Sequence[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._taken = {Path(name).resolve() for name in _expand([str(path) for path in inputs])}

    def save(self, source: Path, image_rgb: NDArray[np.uint8], shown: Detections) -> None:
        import cv2

        from detector.drawing import draw

        suffix = ".jpg" if source.suffix.lower() in (".jpg", ".jpeg") else ".png"
        target, copy = self._folder / (source.stem + suffix), 2
        while target.resolve() in self._taken:
            target = self._folder / f"{source.stem}-{copy}{suffix}"
            copy += 1
        self._taken.add(target.resolve())
        _, encoded = cv2.imencode(suffix, draw(image_rgb, shown)[..., ::-1])
        target.write_bytes(encoded.tobytes())


def _score(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a score in 0..1, got {text}")
    return value

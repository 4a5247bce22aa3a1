"""Chooses test scans from a catalogue: threats that a model surely finds, and harmless scans that it surely clears."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.detector import Detector
from detector.errors import ImageError
from detector.policy import Verdict
from detector.taxonomy import LABELS
from serving.errors import BadSettingsError
from serving.monitor.known import INDEX, KnownScan, finds, look, sureness

__all__ = ["Picked", "pick", "write_known"]

# So far from the threshold that no other machine's rounding turns the answer.
_MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Picked:
    """A test scan and the score that the model gave it."""

    scan: KnownScan
    score: float


def pick(
    scans: Iterable[KnownScan],
    detector: Detector,
    *,
    threats: int,
    benign: int,
    max_bytes: int,
    progress: Callable[[int, int], None] = lambda _threats, _benign: None,
) -> list[Picked]:
    """Return the surest threats, as many of one label as of another where there are so many, and the first clear scans.

    Raises:
        BadSettingsError: the catalogue has too few.
    """
    lowest = min(detector.thresholds().values())
    by_label: dict[str, list[Picked]] = {}
    clear: list[Picked] = []
    for scan in scans:
        if len(scan.data) > max_bytes:
            continue
        try:
            decision, detections = look(scan, detector, None)
        except ImageError:
            continue
        picked = Picked(scan, sureness(scan, detections))
        if scan.objects and picked.score >= lowest + _MARGIN and finds(scan, detections):
            by_label.setdefault(scan.objects[0].label, []).append(picked)
        elif not scan.objects and decision.verdict is Verdict.CLEAR and picked.score <= lowest - _MARGIN:
            clear.append(picked)
        progress(sum(map(len, by_label.values())), len(clear))
    for found in by_label.values():
        found.sort(key=lambda picked: -picked.score)
    chosen: list[Picked] = []
    while len(chosen) < threats and any(by_label.values()):
        for label in LABELS:
            if by_label.get(label) and len(chosen) < threats:
                chosen.append(by_label[label].pop(0))
    if len(chosen) < threats or len(clear) < benign:
        raise BadSettingsError(
            f"only {len(chosen)} scans with threats that the model surely finds and {len(clear)} that it surely "
            f"clears, wanted {threats} and {benign}; give a larger catalogue, or ask for fewer"
        )
    return chosen + clear[:benign]


def write_known(folder: Path, picked: Iterable[Picked], detector: Detector) -> None:
    """Write images and index into a new folder.

    Raises:
        BadSettingsError: the folder holds something.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadSettingsError(f"{folder} is not empty; name a new folder")
    images, annotations, scores = [], [], {}
    for number, one in enumerate(picked, 1):
        name = f"known-{number:02d}{Path(one.scan.name).suffix}"
        (folder / name).write_bytes(one.scan.data)
        images.append({"id": number, "file_name": name, "source": one.scan.name})
        scores[name] = one.score
        for known in one.scan.objects:
            x0, y0, x1, y1 = known.xyxy
            box = [x0, y0, x1 - x0, y1 - y0]
            annotations.append({"image_id": number, "category_id": LABELS.index(known.label) + 1, "bbox": box})
    index = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for number, label in enumerate(LABELS, 1)],
        "recorded": {"model_sha256": detector.model_sha256, "scores": scores},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", "utf-8")

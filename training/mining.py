"""Hard negatives: images without a threat on which a model scores highest, as a catalogue to train on with weight."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.catalogue import Catalogue, write_catalogue
from datasets.merge import copy_image
from datasets.records import ImageRecord
from detector.detector import Detector
from detector.images import decode
from training.errors import TrainingError

__all__ = ["Mined", "mine"]


@dataclass(frozen=True, slots=True)
class Mined:
    """What a search for hard negatives found.

    Attributes:
        catalogue: of the images that were kept.
        looked_at: images without a threat that were searched.
        alarms: how many of them alarmed.
        highest: highest score of a kept image.
        lowest: lowest one.
    """

    catalogue: Catalogue
    looked_at: int
    alarms: int
    highest: float
    lowest: float


def mine(
    out: Path,
    catalogue: Catalogue,
    detector: Detector,
    count: int,
    *,
    threads: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Mined:
    """Copy the `count` images of the train split that score highest among parcels without an annotation.

    Only the train split is searched, and the images keep their parcels, so that nothing kept for validation or test
    gets into training. What alarms goes by the detector's default operating point.

    Raises:
        TrainingError: `out` is not empty, or the train split has no parcel without an annotation.
        CatalogueError: an image is missing or was changed.
        ImageError: an image cannot be decoded.
        InferenceError: the network failed.
    """
    if out.exists() and any(out.iterdir()):
        raise TrainingError(f"{out}: is not empty; choose another folder")
    benign = _benign(catalogue)
    if not benign:
        raise TrainingError(f"{catalogue.folder}: no parcel without an annotation in the train split; render more")
    thresholds = detector.thresholds()

    def look(record: ImageRecord) -> tuple[float, bool]:
        found = list(detector.detect(decode(catalogue.path_of(record).read_bytes())))
        return max((one.score for one in found), default=0.0), any(one.score >= thresholds[one.label] for one in found)

    scores: list[float] = []
    alarms = 0
    with ThreadPoolExecutor(threads) as pool:
        for score, alarmed in pool.map(look, benign):
            scores.append(score)
            alarms += alarmed
            on_progress(len(scores), len(benign))
    worst = heapq.nlargest(count, range(len(benign)), key=lambda index: scores[index])
    for index in worst:
        record = benign[index]
        copy_image(catalogue.path_of(record), out / "images" / record.file_name, record)
    info = replace(catalogue.info, name=f"hard negatives of {catalogue.info.name}", created_by="")
    kept = write_catalogue(out, [(benign[index], ()) for index in worst], info)
    return Mined(kept, len(benign), alarms, scores[worst[0]], scores[worst[-1]])


def _benign(catalogue: Catalogue) -> Sequence[ImageRecord]:
    records = catalogue.images("train")
    threats = {record.parcel_id for record in records if catalogue.annotations_of(record)}
    return [record for record in records if record.parcel_id not in threats]

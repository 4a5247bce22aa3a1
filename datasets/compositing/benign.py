"""The benign scans that threats are inserted into: those of a catalogue, or the image files of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from datasets.catalogue import Catalogue, CatalogueInfo
from datasets.errors import CatalogueError
from datasets.hashing import sha256_of
from datasets.records import ImageRecord
from datasets.split import split_records
from detector.errors import ImageError
from detector.images import ImageLimits, decode

__all__ = ["Benign", "BenignScan"]

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_SHARES: Final = (0.8, 0.1, 0.1)


@dataclass(frozen=True, slots=True)
class BenignScan:
    """One view without a threat: its file, and what is known of it."""

    path: Path
    record: ImageRecord


@dataclass(frozen=True, slots=True)
class Benign:
    """Views without a threat.

    Attributes:
        scans: the views.
        info: name, licence and research-only flag, which what is made of them inherits.
        problems: files that were left out, with the reason.
    """

    scans: tuple[BenignScan, ...]
    info: CatalogueInfo
    problems: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        licence: str = "",
        research_only: bool = False,
        scanner: str = "",
    ) -> Benign:
        """Find the benign scans of a catalogue (its images without annotations), or of a folder of image files.

        Args:
            folder: catalogue or folder; of a folder every image is taken for benign.
            licence: of the images of a folder; a catalogue brings its own.
            research_only: whether the images of a folder are for research only.
            scanner: only scans of this scanner, where the catalogue has several.

        Raises:
            CatalogueError: there are none, or the licence of a folder is not stated.
        """
        if (folder / "catalogue.json").is_file():
            found = _of_catalogue(folder, scanner)
        else:
            found = _of_folder(folder, licence, scanner or folder.resolve().name, research_only=research_only)
        if not found.scans:
            why = f"; the first left out: {found.problems[0]}" if found.problems else ""
            raise CatalogueError(f"{folder}: holds no benign scan{why}; name a catalogue or folder that holds some")
        return found

    def digest(self) -> str:
        """Return 64 hex digits over the scans, their splits and their parcels."""
        lines = [f"{one.record.sha256} {one.record.split} {one.record.parcel_id}" for one in self.scans]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _of_catalogue(folder: Path, scanner: str) -> Benign:
    catalogue = Catalogue.load(folder)
    scans = [
        BenignScan(catalogue.path_of(record), record)
        for record in catalogue.records
        if not catalogue.annotations_of(record) and scanner in {"", record.scanner}
    ]
    return Benign(tuple(scans), catalogue.info)


def _of_folder(folder: Path, licence: str, scanner: str, *, research_only: bool) -> Benign:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if paths and not licence:
        raise CatalogueError(
            f"{folder}: is a folder of images, not a catalogue; state their licence with --licence, such as 'own'"
        )
    records: list[ImageRecord] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            record = _record(path, name, licence, scanner)
        except (ImageError, OSError) as error:
            problems.append(f"{name}: {error}")
            continue
        if (first := seen.setdefault(record.sha256, name)) != name:
            problems.append(f"{name}: is the same image as {first}")
            continue
        records.append(record)
    split: Sequence[ImageRecord] = split_records(records, _SHARES) if records else []
    info = CatalogueInfo(folder.resolve().name, licence or "unknown", "real", research_only)
    return Benign(tuple(BenignScan(folder / one.file_name, one) for one in split), info, tuple(problems))


def _record(path: Path, name: str, licence: str, scanner: str) -> ImageRecord:
    ImageLimits().check_bytes(path.stat().st_size)
    data = path.read_bytes()
    image_rgb = decode(data)
    grey = bool((image_rgb == image_rgb[..., :1]).all())
    height, width = image_rgb.shape[:2]
    record = ImageRecord(name, width, height, sha256_of(data), name, scanner=scanner, source=scanner, licence=licence)
    return replace(record, view="unknown", energy="single" if grey else "dual", output="grey" if grey else "colour")

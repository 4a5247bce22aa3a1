"""The record that a catalogue keeps of each image: where it came from and what it is, but not its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal, get_args

from datasets.errors import AnnotationError

__all__ = [
    "DIFFICULTIES",
    "SOURCE_KINDS",
    "SPLITS",
    "Difficulty",
    "Energy",
    "ImageRecord",
    "Output",
    "SourceKind",
    "Split",
    "checked_file_name",
]

Split = Literal["train", "val", "test"]
Energy = Literal["dual", "single"]
Output = Literal["colour", "grey"]
SourceKind = Literal["rendered", "real", "imported", "composited"]
Difficulty = Literal["easy", "medium", "hard"]

SPLITS: Final[tuple[Split, ...]] = get_args(Split)
SOURCE_KINDS: Final[tuple[SourceKind, ...]] = get_args(SourceKind)
DIFFICULTIES: Final[tuple[Difficulty, ...]] = get_args(Difficulty)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of a catalogue.

    Attributes:
        file_name: path under the catalogue's `images` folder, with forward slashes.
        width: pixels.
        height: pixels.
        sha256: of the file's bytes, 64 hex digits.
        parcel_id: images of one parcel share it and never part over splits.
        split: "train", "val" or "test".
        view: name of the view, such as "top" or "side".
        scanner: name of the scanner or of the scanner profile.
        source: who or what made the image, such as "parcelray render" or a data set's name.
        licence: SPDX identifier or a plain name.
        energy: "dual" or "single".
        output: "colour" (pseudo-colour) or "grey".
        recipe: digest of the render recipe; None for images that were not rendered.
        seed: seed of the render; None for images that were not rendered.
        source_kind: "rendered", "real" or "imported"; None for what the catalogue says of all its images.
        research_only: may not be trained on without the user's word; None for what the catalogue says.
        complexity: clutter and opacity of the image, 0..1, after `datasets.difficulty`; None where not measured.
        difficulty: "easy", "medium" or "hard" for an operator; None where not measured.
    """

    file_name: str
    width: int
    height: int
    sha256: str
    parcel_id: str
    split: Split = "train"
    view: str = "top"
    scanner: str = "unknown"
    source: str = "unknown"
    licence: str = "unknown"
    energy: Energy = "dual"
    output: Output = "colour"
    recipe: str | None = None
    seed: int | None = None
    source_kind: SourceKind | None = None
    research_only: bool | None = None
    complexity: float | None = None
    difficulty: Difficulty | None = None


def checked_file_name(file_name: str) -> str:
    """Return `file_name` if it stays inside the folder that it is relative to.

    Raises:
        AnnotationError: it is empty, absolute, climbs out, or holds a backslash, a colon or a control character.
    """
    parts = PurePosixPath(file_name).parts
    unsafe = any(part in {"..", "/"} for part in parts) or any(c in "\\:" or not c.isprintable() for c in file_name)
    if not parts or unsafe or PurePosixPath(file_name).is_absolute():
        raise AnnotationError(f"file name {file_name!r} leaves its folder; expected a relative path such as 'a/b.png'")
    return file_name

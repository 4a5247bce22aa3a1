"""Posted images under the hash of their bytes: written once, never changed; here as files on a disk."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final, Protocol

from serving.files import NEW_PREFIX, sync_folder, write_whole

__all__ = ["DiskImages", "ImageStore", "checked_name", "sweep"]

_TEMPORARY: Final = (NEW_PREFIX, ".probe-")
_STALE_S: Final = 3600.0


class ImageStore(Protocol):
    """Images by the SHA-256 of their bytes, in hex. All methods block and raise OSError when the storage fails.

    Attributes:
        may_hang: a call may take far longer than any budget: there is a network in between.
    """

    may_hang: bool

    def put(self, sha256: str, data: bytes, *, again: bool = False) -> None:
        """Keep an image, durable when this returns; `again` writes it even where it seems to be there."""

    def read(self, sha256: str) -> bytes:
        """Return the bytes of an image, or raise FileNotFoundError."""

    def delete(self, sha256: str) -> None:
        """Remove an image; one that is not there is no error."""

    def probe(self) -> None:
        """Write and remove a small file."""

    def free_bytes(self) -> int | None:
        """Return the free space, None where there is no such limit."""

    def sweep(self) -> int:
        """Remove what processes that were killed left half-written; return how many files."""


class DiskImages:
    """Content-addressed files `ab/cd/<sha256>` below one folder; names never come from outside."""

    may_hang = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path_of(self, sha256: str) -> Path:
        """Return where the image with this hash lies.

        Raises:
            ValueError: not 64 lower-case hex digits.
        """
        return self._folder / checked_name(sha256)

    def put(self, sha256: str, data: bytes, *, again: bool = False) -> None:
        """Keep an image; when this returns it survives a power cut.

        Raises:
            OSError: the disk is full or not writable; nothing is left behind.
        """
        path = self.path_of(sha256)
        if again or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        # The names of new folders must survive too, up to the root that was there before. An image that was there
        # may have been written a moment ago by another post, which has not come this far yet.
        for folder in (path.parent, path.parent.parent, self._folder):
            sync_folder(folder)

    def read(self, sha256: str) -> bytes:
        """Return the bytes of an image.

        Raises:
            FileNotFoundError: no such image.
        """
        return self.path_of(sha256).read_bytes()

    def delete(self, sha256: str) -> None:
        """Remove an image; one that is not there is no error."""
        self.path_of(sha256).unlink(missing_ok=True)

    def probe(self) -> None:
        """Write and remove a small file.

        Raises:
            OSError: the folder is not writable.
        """
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".probe-") as file:
            file.write(b"parcelray")
            file.flush()

    def free_bytes(self) -> int:
        """Return the free space of the disk."""
        stats = os.statvfs(self._folder)
        return stats.f_bavail * stats.f_frsize

    def sweep(self) -> int:
        """Remove temporary files that no living process can still be writing."""
        return sweep(self._folder)


def checked_name(sha256: str) -> str:
    """Return the name `ab/cd/<sha256>` of an image below its root.

    Raises:
        ValueError: not 64 lower-case hex digits.
    """
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"expected 64 hex digits, got {sha256!r}")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def sweep(folder: Path) -> int:
    """Remove temporary files older than an hour below a folder and return how many they were."""
    oldest, found = time.time() - _STALE_S, 0
    for path in folder.rglob(".*"):
        try:
            if path.name.startswith(_TEMPORARY) and path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()
                found += 1
        except FileNotFoundError:
            continue  # its owner lives and was faster
    return found

"""Posted images as files under the hash of their bytes: written once, never changed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["ImageStore"]


class ImageStore:
    """Content-addressed files `ab/cd/<sha256>` below one folder; names never come from outside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path_of(self, sha256: str) -> Path:
        """Return where the image with this hash lies.

        Raises:
            ValueError: not 64 lower-case hex digits.
        """
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise ValueError(f"expected 64 hex digits, got {sha256!r}")
        return self._folder / sha256[:2] / sha256[2:4] / sha256

    def put(self, sha256: str, data: bytes) -> None:
        """Keep an image; when this returns it survives a power cut.

        Raises:
            OSError: the disk is full or not writable; nothing is left behind.
        """
        path = self.path_of(sha256)
        if not path.exists():
            self._write(path, data)
        # The names of new folders must survive too, up to the root that was there before. An image that was there
        # may have been written a moment ago by another post, which has not come this far yet.
        for folder in (path.parent, path.parent.parent, self._folder):
            _sync_folder(folder)

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def read(self, sha256: str) -> bytes:
        """Return the bytes of an image.

        Raises:
            FileNotFoundError: no such image.
        """
        return self.path_of(sha256).read_bytes()

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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Files that are there whole or not at all, whenever the process or the machine dies."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

__all__ = ["NEW_PREFIX", "sync_folder", "write_whole"]

NEW_PREFIX: Final = ".new-"


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file so that nobody ever sees a part of it; its name is durable after `sync_folder`.

    A process that is killed meanwhile leaves a file behind whose name begins with `NEW_PREFIX`.

    Raises:
        OSError: the disk is full or not writable; nothing is left behind.
    """
    new = path.with_name(f"{NEW_PREFIX}{secrets.token_hex(4)}-{path.name}")
    try:
        with open(new, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: it cannot be done there; some network shares cannot.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

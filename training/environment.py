"""What must be in the environment before torch and ultralytics are imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["prepare_environment"]


def prepare_environment() -> None:
    """Keep ultralytics off the network and out of the user's home, and torch's CPU caches large enough."""
    os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0", NO_ALBUMENTATIONS_UPDATE="1")
    settings = Path(tempfile.gettempdir()) / f"parcelray-ultralytics-{os.getuid()}"
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings))
    Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)
    # Every image size has its own kernels, some 300 a size; the default of 1024 would build them again and again.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")
    os.environ.setdefault("LRU_CACHE_CAPACITY", "16384")
    # Threads that wait by spinning take the core from the processes that prepare the images.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

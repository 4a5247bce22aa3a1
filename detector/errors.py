"""Errors of the detector. Every one tells the user the next step.

ParcelRayError
├── ImageError              the bytes are not an image we take
│   ├── ImageTooLargeError  over a limit on bytes, pixels or aspect
│   └── UnreadableImageError
└── ModelError              the model file cannot serve
    ├── ModelCardError      no card, or one that does not fit the file
    └── InferenceError      the session failed on an input that was valid
"""

from __future__ import annotations

__all__ = [
    "ImageError",
    "ImageTooLargeError",
    "InferenceError",
    "ModelCardError",
    "ModelError",
    "ParcelRayError",
    "UnreadableImageError",
]


class ParcelRayError(Exception):
    """Root of every error that ParcelRay raises on purpose."""


class ImageError(ParcelRayError):
    """The bytes are not an image that a detector can look at."""


class ImageTooLargeError(ImageError):
    """The image is over a limit on bytes, pixels or aspect ratio."""


class UnreadableImageError(ImageError):
    """The bytes are damaged or in a format that is not supported."""


class ModelError(ParcelRayError):
    """The model file cannot serve."""


class ModelCardError(ModelError):
    """The model's card is missing or does not fit the file it is in."""


class InferenceError(ModelError):
    """The inference session failed on a valid input."""

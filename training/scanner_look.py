"""Scanner-like variation of training images, on top of what the renderer varies."""

from __future__ import annotations

from typing import Any

from training.config import Augmentation

__all__ = ["scanner_look"]


def scanner_look(how: Augmentation) -> list[Any]:
    """Return albumentations transforms that change pixels only, never boxes; those with share 0 are left out."""
    import albumentations as A  # noqa: N812, PLC0415 - the library's own convention; slow to import

    transforms = [
        A.ToGray(p=how.grey),
        A.RandomGamma(gamma_limit=(60, 160), p=how.gamma),
        A.RandomBrightnessContrast(brightness_limit=0.12, contrast_limit=0.25, p=how.contrast),
        A.GaussNoise(std_range=(0.01, 0.05), p=how.noise),
        A.Sharpen(alpha=(0.1, 0.5), lightness=(0.9, 1.0), p=how.sharpen),
        A.GaussianBlur(blur_limit=(3, 5), p=how.blur),
        A.ImageCompression(quality_range=(40, 95), p=how.jpeg),
    ]
    return [transform for transform in transforms if transform.p > 0]

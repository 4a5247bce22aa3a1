"""How far two sets of X-ray images lie apart in a fixed space of statistics made by hand; nothing is trained.

An image becomes shares (of grey levels, of colour classes, of edge strengths; as square roots, so that distances are
Hellinger's) and logarithms (of the power spectrum, of local contrast, of grain). Every number keeps its scale, so that
figures of different pairs of sets can be compared. The distance is Fréchet's between the two clouds, as in Heusel et
al., NeurIPS 2017: |mean - mean|^2 + tr(A + B - 2 (A B)^(1/2)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.errors import CatalogueError
from detector.errors import ImageError
from detector.images import decode

__all__ = [
    "FEATURES",
    "Distance",
    "distances_of_folders",
    "features_of",
    "format_distances",
    "frechet",
    "measure_distance",
    "output_of",
]

Output = Literal["colour", "grey"]
_LONG_SIDE: Final = 512
_GREY_SPREAD: Final = 10.0  # mean difference between the channels of an image that JPEG alone explains
_LEVELS: Final = np.linspace(0.0, 3.6, 13)  # of -ln(brightness)
_EDGES: Final = np.array([0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1e9])  # change a pixel
_HUES: Final = np.array([0.0, 20.0, 45.0, 75.0, 165.0, 195.0, 225.0, 330.0, 360.0])
_BANDS: Final = np.geomspace(4, 256, 9)  # cycles an image
_WINDOW: Final = 24
_FEWEST: Final = 8
_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})

FEATURES: Final[tuple[str, ...]] = (
    *(f"level_{index}" for index in range(len(_LEVELS) - 1)),
    *(f"edge_{index}" for index in range(len(_EDGES) - 1)),
    *(f"hue_{int(low)}" for low in _HUES[:-1]),
    "pale", "dark",
    *(f"power_{index}" for index in range(len(_BANDS) - 1)),
    "contrast_10", "contrast_50", "contrast_90",
    "grain", "row_noise", "column_noise",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Distance:
    """One figure with its 90 % interval.

    Attributes:
        value: Fréchet distance of the two sets.
        low: 5th percentile over bootstrap samples of both sets.
        high: 95th percentile.
        counts: images in the two sets.
        apart: names of the features whose means differ most, with the difference (first set minus second).
    """

    value: float
    low: float
    high: float
    counts: tuple[int, int]
    apart: tuple[tuple[str, float], ...]


def output_of(image_rgb: NDArray[np.uint8]) -> Output:
    """Return whether an image (H, W, 3) shows colours or only grey."""
    spread = image_rgb.max(axis=2).astype(np.float32) - image_rgb.min(axis=2)
    return "colour" if float(np.percentile(spread, 99.5)) > _GREY_SPREAD else "grey"


def features_of(image_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the statistics of an image (H, W, 3), in the order of FEATURES; its long side is brought to 512."""
    height, width = image_rgb.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    size = max(round(width * scale), _WINDOW), max(round(height * scale), _WINDOW)
    shrinks = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image_rgb, size, interpolation=shrinks).astype(np.float32)
    brightness = image.mean(axis=2)
    depth = -np.log((brightness + 7.0) / 262.0)
    edge = np.hypot(np.gradient(depth, axis=0), np.gradient(depth, axis=1))
    shares = [_shares(depth, _LEVELS), _shares(edge, _EDGES), _colours(image)]
    numbers = [_power(depth), _contrast(depth), _grain(depth, edge)]
    return np.concatenate([*(np.sqrt(item) for item in shares), *numbers])


def distances_of_folders(
    first: Path,
    second: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> dict[Output, Distance]:
    """Return how far the images under two folders lie apart, colour and grey for themselves.

    Raises:
        CatalogueError: no folder, an image that cannot be read, or too few images of either kind in one of them.
    """
    files = [_images_in(first), _images_in(second)]
    total, done = len(files[0]) + len(files[1]), 0
    sets: list[dict[Output, list[NDArray[np.float64]]]] = []
    for paths in files:
        found: dict[Output, list[NDArray[np.float64]]] = {"colour": [], "grey": []}
        for path in paths:
            image = _read(path)
            found[output_of(image)].append(features_of(image))
            done += 1
            on_progress(done, total)
        sets.append(found)
    outputs: tuple[Output, Output] = ("colour", "grey")
    common = [name for name in outputs if all(len(found[name]) >= _FEWEST for found in sets)]
    if not common:
        counts = " and ".join(f"{len(found['colour'])} colour, {len(found['grey'])} grey" for found in sets)
        raise CatalogueError(f"expected at least {_FEWEST} images of one kind in both folders, got {counts}")
    return {name: measure_distance(np.array(sets[0][name]), np.array(sets[1][name])) for name in common}


def _images_in(folder: Path) -> list[Path]:
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise CatalogueError(f"{folder}: no images found; give a catalogue or a folder of JPEG or PNG files")
    return found


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return decode(path.read_bytes())
    except (OSError, ImageError) as error:
        raise CatalogueError(f"{path}: {error}; remove it or run `parcelray catalogue check`") from None


def measure_distance(
    first: NDArray[np.float64], second: NDArray[np.float64], *, rounds: int = 100, seed: int = 0
) -> Distance:
    """Return how far two sets of statistics (N, F) and (M, F) lie apart.

    Raises:
        CatalogueError: a set has too few images to have a spread.
    """
    if min(len(first), len(second)) < _FEWEST:
        raise CatalogueError(
            f"expected at least {_FEWEST} images of a kind in both sets, got {len(first)} and {len(second)}"
        )
    rng = np.random.default_rng(seed)
    drawn = [frechet(*(rows[rng.integers(0, len(rows), len(rows))] for rows in (first, second))) for _ in range(rounds)]
    low, high = np.percentile(drawn, [5, 95])
    shift = first.mean(axis=0) - second.mean(axis=0)
    largest = np.argsort(-np.abs(shift), kind="stable")[:6]
    return Distance(
        frechet(first, second),
        float(low),
        float(high),
        (len(first), len(second)),
        tuple((FEATURES[index], round(float(shift[index]), 3)) for index in largest),
    )


def frechet(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the Fréchet distance (squared) of two clouds of points (N, F) and (M, F) taken as normal."""
    shift = first.mean(axis=0) - second.mean(axis=0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = _root(a)
    # tr((A B)^(1/2)) through a symmetric product: eigenvalues stay real
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0.0)).sum()
    return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * cross)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _shares(values: NDArray[np.float32], bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.histogram(np.clip(values, bounds[0], bounds[-1]), bounds)[0] / values.size, np.float64)


def _colours(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of the pixels of every hue, of pale ones and of dark ones."""
    hsv = cv2.cvtColor(image / 255.0, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    dark = value < 0.3
    pale = ~dark & (saturation < 0.12)
    coloured = hue[~dark & ~pale]
    found = np.histogram(coloured, _HUES)[0] / value.size
    return np.concatenate([found, [pale.mean(), dark.mean()]])


def _power(depth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of the mean power in octave-like bands, from coarse to fine."""
    height, width = depth.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    power = np.abs(np.fft.rfft2((depth - depth.mean()) * window)) ** 2 / depth.size
    cycles_y = np.fft.fftfreq(height)[:, None] * _LONG_SIDE
    cycles_x = np.fft.rfftfreq(width)[None] * _LONG_SIDE
    radius = np.hypot(cycles_y, cycles_x)
    total, _ = np.histogram(radius, _BANDS, weights=power)
    count, _ = np.histogram(radius, _BANDS)
    return np.asarray(np.log(total / np.maximum(count, 1) + 1e-6) / 2, np.float64)


def _contrast(depth: NDArray[np.float32]) -> NDArray[np.float64]:
    rows, columns = (side // _WINDOW for side in depth.shape)
    tiles = depth[: rows * _WINDOW, : columns * _WINDOW].reshape(rows, _WINDOW, columns, _WINDOW)
    return np.asarray(np.log(np.percentile(tiles.std(axis=(1, 3)), [10, 50, 90]) + 0.005), np.float64)


def _grain(depth: NDArray[np.float32], edge: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return logarithms: noise where the image is flattest, then what of it is common to a row and to a column."""
    fine = depth - cv2.GaussianBlur(depth, (0, 0), 1.5)
    smooth = cv2.GaussianBlur(edge, (0, 0), 3.0)
    inside = (depth > 0.1) & (depth < 2.5)
    if inside.sum() < 500:
        inside = np.ones_like(inside)
    flat = inside & (smooth <= np.percentile(smooth[inside], 40))
    noise = float(fine[flat].std())
    lines = [_line_noise(np.where(flat, fine, 0.0), flat, axis) for axis in (1, 0)]
    return np.log(np.array([noise, *lines]) + 0.001)


def _line_noise(fine: NDArray[np.float32], flat: NDArray[np.bool_], axis: int) -> float:
    count = flat.sum(axis=axis)
    long = count > 40
    if not long.any():
        return 0.0
    return float((fine.sum(axis=axis)[long] / count[long]).std())


def format_distances(distances: Mapping[Output, Distance]) -> str:
    """Return one line of text for every kind of image."""
    lines = []
    for name, item in distances.items():
        apart = ", ".join(f"{feature} {shift:+.2f}" for feature, shift in item.apart)
        lines.append(
            f"{name}: {item.value:.2f} (90 % {item.low:.2f} to {item.high:.2f}), "
            f"{item.counts[0]} and {item.counts[1]} images; means most apart (A - B): {apart}\n"
        )
    return "".join(lines)

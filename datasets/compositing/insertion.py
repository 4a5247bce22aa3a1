"""Insert threats into one benign scan.

>>> from datasets.compositing.look import Look
>>> look = Look.load("line_grey")  # or a file that `parcelray catalogue look` wrote
>>> inserted = insert(benign_file_bytes, look, np.random.default_rng(1))  # doctest: +SKIP
>>> inserted.data, inserted.annotations  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.compositing.beam import passed_share, with_scatter, without_scatter
from datasets.compositing.displays import read_colour, read_grey, show_more
from datasets.compositing.files import Scan, encode_scan, read_scan
from datasets.compositing.look import Look
from datasets.compositing.placing import place, silhouette
from datasets.compositing.shadows import ANY_FAMILY, Shadow, ShadowObject, cast, draw_phantoms
from datasets.difficulty import complexity_of, level_of, superposition_of
from datasets.errors import InsertionError
from datasets.render.colour_maps import ColourTable
from datasets.render.placement import bounds_of
from datasets.render.scanner import MASK_MM, tells_apart
from datasets.render.spectra import few_energies
from datasets.samples import Annotation
from detector.colour import dual_energy_to_rgb
from detector.taxonomy import LABELS

__all__ = ["Inserted", "Overlay", "insert", "overlay"]

_TRIES: Final = 12
_LEAST_VISIBLE: Final = 0.2
_OCCLUDED_BELOW: Final = 0.5
_LEAST_PX: Final = 30
# Where nothing says how large a pixel is: the parcel's longer side is one of these.
_PARCEL_MM: Final = (280.0, 650.0)
_RAW_BLACK: Final = 9.2
_DARKEST: Final = np.float32(1e-5)  # transmission; of darker matter a picture tells nothing more


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """A scan with shadows laid into it: the new picture or transmissions, and an annotation for each object."""

    scan: Scan
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Inserted:
    """A file with threats in it.

    Attributes:
        data: of the file: raw dual energy stays raw, a JPEG stays a JPEG of its quality, all else becomes a PNG.
        suffix: "tiff", "jpg" or "png".
        annotations: boxes, visibility, superposition and how hard each object is to find.
        kinds: phantom families that were inserted.
        pixel_mm: size of a pixel that was taken.
        complexity: of the picture, see `datasets.difficulty`.
    """

    data: bytes
    suffix: str
    annotations: tuple[Annotation, ...]
    kinds: tuple[str, ...]
    pixel_mm: float
    complexity: float


def insert(
    data: bytes,
    look: Look,
    rng: np.random.Generator,
    *,
    labels: Collection[str] = LABELS,
    families: Mapping[str, Collection[str]] = ANY_FAMILY,
    most: int = 2,
) -> Inserted:
    """Return a benign scan with one to `most` threats in its parcel; the same arguments give the same bytes.

    Args:
        data: the file of the scan.
        look: of the scanner that made it.
        rng: the only source of chance.
        labels: what may be inserted.
        families: where a label is named, only these phantom families of it are used.
        most: largest number of threats (a box of cartridges is one).

    Raises:
        InsertionError: the scan shows no parcel, or none that takes a threat, or the look is of another kind of image.
        ImageError: the file cannot be decoded.
    """
    scan = read_scan(data)
    transmissions = _transmissions(scan, look)
    parcel = silhouette(transmissions)
    pixel_mm = _pixel_mm(parcel, look, rng)
    wanted = 1 + int(rng.integers(most)) if rng.random() < 0.35 else 1
    laid: list[tuple[Shadow, tuple[int, int]]] = []
    clean = without_scatter(transmissions, look.sensor)
    for _ in range(_TRIES):
        phantoms = draw_phantoms(rng, labels, families)
        low, high = bounds_of(phantoms)
        # Before it is cast: at a pixel of a hair's width a shadow would fill the memory.
        if (high - low)[:2].max() > pixel_mm * max(parcel.shape):
            continue
        shadow = cast(phantoms, pixel_mm, rng)
        corner = place(shadow.mask(), parcel, rng)
        if corner is None or any(np.count_nonzero(one.mask()) < _LEAST_PX for one in shadow.objects):
            continue
        _, marks = _dimmed(clean, look, [*laid, (shadow, corner)])
        # What cannot be seen would be a threat without a box.
        if min(mark.visibility for mark in marks) < _LEAST_VISIBLE:
            continue
        laid.append((shadow, corner))
        if len(laid) == wanted:
            break
    if not laid:
        raise InsertionError(
            "no threat that was tried fits into the parcel and can be seen in it; state the true --pixel-mm, or leave "
            "this scan out"
        )
    found = overlay(scan, look, laid, rng, transmissions=transmissions)
    encoded, suffix = encode_scan(found.scan)
    kinds = tuple(one.kind for shadow, _ in laid for one in shadow.objects)
    complexity = round(complexity_of(found.scan.image_rgb), 4)
    marks = tuple(_graded(mark, complexity) for mark in found.annotations)
    return Inserted(encoded, suffix, marks, kinds, pixel_mm, complexity)


def overlay(
    scan: Scan,
    look: Look,
    shadows: Sequence[tuple[Shadow, tuple[int, int]]],
    rng: np.random.Generator | None = None,
    *,
    transmissions: NDArray[np.float32] | None = None,
) -> Overlay:
    """Lay shadows into a scan, each with its upper left corner at a row and column inside it.

    Args:
        scan: what the benign file holds.
        look: of its scanner.
        shadows: what is laid where; it may reach over the border.
        rng: source of the quantum noise; None adds none.
        transmissions: of the scan, where they have been read already.

    Raises:
        InsertionError: the look is of another kind of image.
    """
    if transmissions is None:
        transmissions = _transmissions(scan, look)
    clean = without_scatter(transmissions, look.sensor)
    share, marks = _dimmed(clean, look, shadows)
    passed = np.stack([_through_aperture(one, look) for one in share])
    # The share of two scans of the model: what it does not explain, such as matter darker than its scatter, stays.
    dimmed = with_scatter(clean * passed, look.sensor) / with_scatter(clean, look.sensor)
    after = np.maximum(transmissions * dimmed, _DARKEST)
    if rng is not None:
        after = _with_noise(after, clean, passed, look, rng)
    # Where nothing was added, nothing changes, whatever the arithmetic of scatter rounds.
    untouched = (np.abs(1.0 - dimmed) < 1e-6).all(axis=0)
    after = np.where(untouched, transmissions, after)
    if look.display is None:
        return Overlay(Scan(dual_energy_to_rgb(after[0], after[1]), after, scan.jpeg_quality), marks)
    image = show_more(scan.image_rgb, transmissions, after, look.display, look.kvp)
    return Overlay(Scan(image, None, scan.jpeg_quality), marks)


def _dimmed(
    clean: NDArray[np.float32], look: Look, shadows: Sequence[tuple[Shadow, tuple[int, int]]]
) -> tuple[NDArray[np.float32], tuple[Annotation, ...]]:
    """Return the share (2, H, W) of what passes the parcel that passes the shadows too, and their annotations."""
    materials = tuple(sorted({name for shadow, _ in shadows for name in shadow.materials}))
    lengths = np.zeros((len(materials), *clean.shape[1:]), np.float32)
    for shadow, corner in shadows:
        _add(lengths, materials, shadow.materials, shadow.lengths_mm, corner)
    share = passed_share(clean, lengths, materials, few_energies(look.kvp))
    state = (clean, lengths, materials, share)
    marks = [
        _annotation(one, shadow.materials, (row + one.corner[0], column + one.corner[1]), state, look)
        for shadow, (row, column) in shadows
        for one in shadow.objects
    ]
    return share, tuple(marks)


def _graded(mark: Annotation, complexity: float) -> Annotation:
    """Return the annotation with how hard the object is to find, now that the whole picture is known."""
    assert mark.view_difficulty is not None  # noqa: S101 - `_annotation` sets both
    assert mark.superposition is not None  # noqa: S101
    return replace(mark, difficulty=level_of(mark.view_difficulty, mark.superposition, complexity))


def _transmissions(scan: Scan, look: Look) -> NDArray[np.float32]:
    """Return the (2, H, W) transmissions of a scan, read through the look where it is a picture."""
    look.require(scan.kind)
    if scan.transmissions is not None:
        found = scan.transmissions
    elif isinstance(look.display, ColourTable):
        found = read_colour(scan.image_rgb, look.display, look.kvp)
    else:
        assert look.display is not None  # noqa: S101 - `require` has seen to it
        found = read_grey(scan.image_rgb, look.display, look.kvp)
    return np.maximum(found, _DARKEST)


def _pixel_mm(parcel: NDArray[np.bool_], look: Look, rng: np.random.Generator) -> float:
    low, high = _PARCEL_MM if look.pixel_mm is None else look.pixel_mm
    drawn = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if look.pixel_mm is not None:
        return drawn
    rows, columns = np.flatnonzero(parcel.any(axis=1)), np.flatnonzero(parcel.any(axis=0))
    return drawn / float(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def _add(
    lengths: NDArray[np.float32],
    materials: Sequence[str],
    own: Sequence[str],
    own_mm: NDArray[np.float32],
    corner: tuple[int, int],
) -> None:
    """Add path lengths into a frame of more materials, cutting off what is outside."""
    top, left = max(corner[0], 0), max(corner[1], 0)
    bottom = min(corner[0] + own_mm.shape[1], lengths.shape[1])
    right = min(corner[1] + own_mm.shape[2], lengths.shape[2])
    if top >= bottom or left >= right:
        return
    inside = (slice(top - corner[0], bottom - corner[0]), slice(left - corner[1], right - corner[1]))
    for name, one in zip(own, own_mm, strict=True):
        lengths[materials.index(name), top:bottom, left:right] += one[inside]


def _through_aperture(share: NDArray[np.float32], look: Look) -> NDArray[np.float32]:
    """Blur as the detector does; it averages intensities, not lengths."""
    along, across = look.sensor.blur_px
    return np.asarray(cv2.GaussianBlur(share, (0, 0), sigmaX=across, sigmaY=along), np.float32)


def _with_noise(
    after: NDArray[np.float32],
    clean: NDArray[np.float32],
    passed: NDArray[np.float32],
    look: Look,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Bring the noise of what was dimmed up to what so few quanta have.

    Multiplied, the parcel's noise shrinks by the share; that of a Poisson variable thinned by it shrinks by its root.
    The electronics' noise does not shrink at all.
    """
    photons = np.array(look.sensor.photons, np.float32)[:, None, None]
    lost = np.clip(1.0 - passed, 0.0, 1.0)
    variance = clean * passed * lost / photons + (1.0 - np.clip(passed, 0, 1) ** 2) * look.sensor.read_noise**2
    noise = rng.standard_normal(after.shape, np.float32) * np.sqrt(variance)
    return np.asarray(np.maximum(after + noise, _DARKEST), np.float32)


def _annotation(
    one: ShadowObject,
    own: Sequence[str],
    corner: tuple[int, int],
    state: tuple[NDArray[np.float32], NDArray[np.float32], Sequence[str], NDArray[np.float32]],
    look: Look,
) -> Annotation:
    """Return the annotation of one object among all that was laid."""
    clean, lengths, materials, share = state
    alone = np.zeros_like(lengths)
    _add(alone, materials, own, one.lengths_mm, corner)
    mask = alone.sum(axis=0) > MASK_MM
    full = int(np.count_nonzero(one.mask()))
    if not mask.any():
        return Annotation(one.label, (0.0, 0.0, 1.0, 1.0), one.attributes, 0.0, 0.0, one.view_difficulty, 1.0)
    seen = few_energies(look.kvp)
    there = clean[:, mask][:, None]
    others = np.maximum(lengths - alone, 0.0)[:, mask][:, None]
    without = (there * passed_share(there, others, materials, seen))[:, 0]
    present = (clean * share)[:, mask]
    black = _RAW_BLACK if look.display is None else look.display.black_attenuation
    visible = float(tells_apart(without, present, look.sensor, black).mean())
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    xyxy = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    attributes = list(one.attributes)
    if visible < _OCCLUDED_BELOW:
        attributes.append("occluded")
    if int(mask.sum()) < full:
        attributes.append("truncated")
    superposition = round(superposition_of(without), 4)
    return Annotation(
        one.label,
        xyxy,
        tuple(attributes),
        round(visible, 4),
        float(mask.sum()),
        one.view_difficulty,
        superposition,
    )

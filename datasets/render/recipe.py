"""Recipes: what a rendered catalogue is made of, as one frozen record read from YAML.

A recipe says how often what appears; every choice below it is drawn from `SeedSequence([seed, index])`, so one
parcel depends on nothing but (recipe, seed, index).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from datasets.errors import RecipeError
from datasets.records import SPLITS, Split
from detector.taxonomy import LABELS

__all__ = ["PRESETS", "Recipe"]

_PRESET_FOLDER: Final = Path(__file__).parent / "recipes"
PRESETS: Final = ("train", "bags", "benign", "calibration", "test", "reference")
_IMAGE_FORMATS: Final = ("jpeg", "png", "dual_tiff")
# Raised whenever the renderer changes what a recipe gives, so that a half-done job is never continued by other code.
_RENDERER_VERSION: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a rendered catalogue is made of. Shares are 0..1; those of one choice need not add up to 1.

    Attributes:
        name: short name; goes into parcel ids and file names.
        views: 1 (top) or 2 (top and side of the same parcel).
        image_format: "jpeg", "png", or "dual_tiff": the raw transmissions, 16 bits, low and high energy as two pages.
        jpeg_quality: lowest and highest quality.
        long_side_px: shortest and longest long side of an image.
        pseudo_colour_share: the rest is grey (raw transmissions are neither).
        baggage_share: bags instead of cartons, bags of foil and tubes.
        bare_share: contents on a tray or the bare belt.
        close_up_share: small parcels with few objects, so that parts and cartridges are large in the image.
        second_parcel_share: another parcel touches the first, as on a full belt.
        dense_share: parcels and bags that are full: packs of cloth over one another, daily things, some small metal.
        firearm_share: parcels with one or two firearms.
        part_share: parcels with one to four loose parts.
        ammunition_share: parcels with ammunition.
        mixed_share: parcels with firearm, parts and ammunition.
        hard_negative_share: parcels that hold metal look-alikes and tools, with or without a threat, and decoys:
            look-alikes that lie and are hidden as threats are.
        concealed_share: threats hidden on purpose: in a can, over plates, under a laptop, among steel parts, on edge.
        min_visibility: a threat that can be told apart less than this gets no label.
        occluded_below: a labelled threat with less visibility than this carries the attribute `occluded`.
        min_area_px: a threat that covers fewer pixels gets no label.
        min_inside: a threat of which the image's border leaves less gets no label.
        scanner: base look of `scanner_profiles` that all parcels are seen with, unvaried; empty: all looks, varied.
        max_triangles: packing stops here.
        families: where a label is named, only these phantom families of it are used.
        holdout_families: phantom families that are never used, by label.
        split: shares of the parcels in train, val and test.
    """

    name: str = "train"
    views: int = 1
    image_format: str = "jpeg"
    jpeg_quality: tuple[int, int] = (80, 95)
    long_side_px: tuple[int, int] = (400, 640)
    pseudo_colour_share: float = 0.72
    baggage_share: float = 0.45
    bare_share: float = 0.06
    close_up_share: float = 0.2
    second_parcel_share: float = 0.05
    dense_share: float = 0.45
    firearm_share: float = 0.35
    part_share: float = 0.25
    ammunition_share: float = 0.12
    mixed_share: float = 0.08
    hard_negative_share: float = 0.5
    concealed_share: float = 0.3
    min_visibility: float = 0.2
    occluded_below: float = 0.5
    min_area_px: float = 30.0
    min_inside: float = 0.3
    scanner: str = ""
    max_triangles: int = 150_000
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    holdout_families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: Mapping[str, float] = field(default_factory=lambda: {"train": 0.9, "val": 0.1, "test": 0.0})

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise RecipeError(f"recipe {self.name!r}: {problem}")

    @classmethod
    def load(cls, source: Path | str | None = None) -> Self:
        """Read a preset by name, a YAML file by path, or give the defaults.

        Raises:
            RecipeError: the file is missing, is not YAML, holds an unknown key, or a value out of range.
        """
        import yaml  # noqa: PLC0415  (validation must work without the render extra)

        if source is None:
            source = PRESETS[0]
        path = _PRESET_FOLDER / f"{source}.yaml" if str(source) in PRESETS else Path(source)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(
                f"cannot read recipe {path}: {error.strerror}; give a file or a preset: {', '.join(PRESETS)}"
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {path} is not valid YAML: {error}") from None
        return cls.of(content or {})

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Make a recipe from plain values, as YAML gives them.

        Raises:
            RecipeError: an unknown key, or a value of the wrong kind or out of range.
        """
        if not isinstance(values, Mapping):
            raise RecipeError(f"expected a recipe of `key: value` lines, got {type(values).__name__}")
        known = {item.name: item for item in fields(cls)}
        unknown = sorted(set(map(str, values)) - set(known))
        if unknown:
            raise RecipeError(f"unknown recipe key {unknown[0]!r}; known keys: {', '.join(known)}")
        return cls(**{key: _converted(key, value, known[key].type) for key, value in values.items()})

    def digest(self) -> str:
        """Return 64 hex digits over every value and the renderer's version."""
        content = {**asdict(self), "renderer_version": _RENDERER_VERSION}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def parcel_id(self, seed: int, index: int) -> str:
        """Return the id of one parcel, unlike any of another recipe or seed."""
        return f"{self.name}-{self.digest()[:6]}-{seed}-{index:06d}"

    def split_of(self, parcel_id: str) -> Split:
        """Return the split of a parcel: by a hash of its id, so it never depends on how many there are."""
        draw = int.from_bytes(hashlib.sha256(parcel_id.encode()).digest()[:8], "big") / 2**64
        draw *= sum(self.split.values())
        for name in SPLITS:
            draw -= self.split.get(name, 0.0)
            if draw < 0:
                return name
        return max(SPLITS, key=lambda name: self.split.get(name, 0.0))

    def _problems(self) -> list[str]:
        problems = []
        for item in fields(self):
            value = getattr(self, item.name)
            if item.type == "float" and item.name != "min_area_px" and not 0 <= value <= 1:
                problems.append(f"expected {item.name} in 0..1, got {value}")
        if not self.name or not all(c.isalnum() or c in "-_" for c in self.name):
            problems.append(f"expected a name of letters, digits, - and _, got {self.name!r}")
        if self.views not in {1, 2}:
            problems.append(f"expected views 1 or 2, got {self.views}")
        if self.image_format not in _IMAGE_FORMATS:
            problems.append(f"expected image_format {' or '.join(_IMAGE_FORMATS)}, got {self.image_format!r}")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            problems.append(f"expected jpeg_quality as [low, high] in 1..100, got {list(self.jpeg_quality)}")
        if not 64 <= self.long_side_px[0] <= self.long_side_px[1] <= 4096:
            problems.append(f"expected long_side_px as [low, high] in 64..4096, got {list(self.long_side_px)}")
        plan = self.firearm_share + self.part_share + self.ammunition_share + self.mixed_share
        if plan > 1 + 1e-9:
            problems.append(
                "expected firearm_share, part_share, ammunition_share and mixed_share to add up to at most 1, "
                f"got {plan:g}"
            )
        if self.max_triangles < 1000:
            problems.append(f"expected max_triangles of at least 1000, got {self.max_triangles}")
        problems += _unknown_scanner(self.scanner)
        for key in ("families", "holdout_families"):
            problems += [f"{key}: unknown label {name!r}" for name in getattr(self, key) if name not in LABELS]
        problems += [f"split: unknown split {name!r}" for name in self.split if name not in SPLITS]
        if any(share < 0 for share in self.split.values()) or sum(self.split.values()) <= 0:
            problems.append("expected split shares of at least 0, one of them above")
        return problems


def _unknown_scanner(name: str) -> list[str]:
    if not name:
        return []
    from datasets.render.scanner_profiles import BASE_PROFILES  # noqa: PLC0415  (needs the render extra)

    known = ", ".join(BASE_PROFILES)
    return [] if name in BASE_PROFILES else [f"expected a scanner out of {known}, got {name!r}"]


def _converted(key: str, value: Any, kind: Any) -> Any:  # noqa: ANN401
    """Return a YAML value as the type that the field wants."""
    try:
        match kind:
            case "str" if isinstance(value, str):
                return value
            case "int" if isinstance(value, int) and not isinstance(value, bool):
                return value
            case "float" if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
            case "tuple[int, int]" if isinstance(value, list) and len(value) == 2:
                return (int(value[0]), int(value[1]))
            case "Mapping[str, tuple[str, ...]]" if isinstance(value, Mapping):
                return {str(label): tuple(map(str, names)) for label, names in value.items()}
            case "Mapping[str, float]" if isinstance(value, Mapping):
                return {str(name): float(share) for name, share in value.items()}
    except (TypeError, ValueError):
        pass
    raise RecipeError(f"recipe key {key!r}: expected {kind}, got {value!r}")

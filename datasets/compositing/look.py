"""What must be known of a scanner to add something to its pictures, kept as a small JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from datasets.catalogue import write_atomically
from datasets.errors import CatalogueError, InsertionError
from datasets.render.colour_maps import MEDIAN_WINDOWS_PX, ColourTable, GreyTable, Palette
from datasets.render.scanner_profiles import BASE_PROFILES, ScannerProfile
from datasets.render.sensor import Sensor
from datasets.render.spectra import TUBE_VOLTAGES_KV

__all__ = ["Look"]

_FORMAT: Final = 1
_KINDS: Final[Mapping[str, ColourTable | GreyTable | None]] = {
    "colour": ColourTable(),
    "grey": GreyTable(),
    "raw": None,
}
_POSITIVE: Final = frozenset(
    {"photons", "blur_px", "gamma", "black_attenuation", "sharpen_px", "pixel_mm", "saturation"}
)
_LARGEST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Look:
    """How one scanner shows what it measures.

    Attributes:
        name: of the scanner.
        display: pseudo-colour or grey table, or None where the files are raw dual energy.
        sensor: scatter, aperture and noise; the rest of it is already in the scans.
        kvp: tube voltage.
        pixel_mm: least and largest size of a pixel at the parcel, or None: judged by the size of the parcel.
        assumed: in words, what was not known and what was taken for it.
    """

    name: str
    display: ColourTable | GreyTable | None = None
    sensor: Sensor = field(default_factory=Sensor)
    kvp: int = 160
    pixel_mm: tuple[float, float] | None = None
    assumed: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return "colour", "grey" or "raw"."""
        if self.display is None:
            return "raw"
        return "colour" if isinstance(self.display, ColourTable) else "grey"

    def require(self, kind: str) -> None:
        """Refuse images of another kind than this look is of.

        Raises:
            InsertionError: `kind` is not `self.kind`.
        """
        if kind != self.kind:
            raise InsertionError(
                f"the image is {kind} and the look {self.name!r} is of {self.kind} images; insert into the images of"
                " one scanner and kind at a time, with its look from 'parcelray catalogue look'"
            )

    @classmethod
    def of(cls, profile: ScannerProfile) -> Self:
        """Return the look of a scanner profile of the renderer."""
        return cls(profile.name, profile.display, profile.sensor, profile.kvp)

    @classmethod
    def load(cls, source: Path | str) -> Self:
        """Read a look file, or take that of a base profile of the renderer by its name.

        Raises:
            CatalogueError: it cannot be read, or holds something else than a look.
        """
        if str(source) in BASE_PROFILES:
            return cls.of(BASE_PROFILES[str(source)])
        path = Path(source)
        try:
            values = json.loads(path.read_bytes())
        except OSError as error:
            raise CatalogueError(
                f"cannot read the look {path} ({error.strerror}); make one with 'parcelray catalogue look', or name one"
                f" of {', '.join(BASE_PROFILES)}"
            ) from None
        except (ValueError, RecursionError):
            raise CatalogueError(f"{path}: is not JSON; make it again with 'parcelray catalogue look'") from None
        try:
            return cls._from(values)
        except (KeyError, TypeError, ValueError) as error:
            raise CatalogueError(
                f"{path}: is not a look ({error}); make it again with 'parcelray catalogue look'"
            ) from None

    def save(self, path: Path | str) -> None:
        """Write the look as JSON."""
        write_atomically(Path(path), (json.dumps(self.as_dict(), indent=1) + "\n").encode())

    def as_dict(self) -> dict[str, object]:
        """Return the look as plain values, the way its file holds them."""
        return {"format": _FORMAT, "kind": self.kind, **asdict(self)}

    @classmethod
    def _from(cls, values: Any) -> Self:  # noqa: ANN401 - whatever the JSON holds
        if not isinstance(values, dict) or values.get("format") != _FORMAT or values.get("kind") not in _KINDS:
            raise ValueError(f"expected format {_FORMAT} and a kind out of {', '.join(_KINDS)}")
        template = _KINDS[values["kind"]]
        display: ColourTable | GreyTable | None = None
        if isinstance(template, ColourTable):
            found = _like(asdict(template), values["display"], "display")
            palette = Palette(**found.pop("palette"))
            window = found["material_median_px"]
            if not isinstance(window, int) or window not in MEDIAN_WINDOWS_PX:
                raise ValueError(f"expected material_median_px out of {MEDIAN_WINDOWS_PX}")
            display = replace(template, palette=palette, **found)
        elif isinstance(template, GreyTable):
            display = replace(template, **_like(asdict(template), values["display"], "display"))
        if values["kvp"] not in TUBE_VOLTAGES_KV:
            raise ValueError(f"expected kvp out of {TUBE_VOLTAGES_KV}")
        pixel = values.get("pixel_mm")
        return cls(
            _like("", values["name"], "name"),
            display,
            Sensor(**_like(asdict(Sensor()), values["sensor"], "sensor")),
            values["kvp"],
            None if pixel is None else _like((1.0, 1.0), pixel, "pixel_mm"),
            tuple(str(line) for line in values.get("assumed", [])),
        )


def _like(template: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - one function for all shapes
    """Return a JSON value in the shape of a template, its numbers finite and in range."""
    if isinstance(template, dict):
        if not isinstance(value, dict) or set(value) != set(template):
            raise ValueError(f"expected the keys {', '.join(template)} in {where}")
        return {key: _like(item, value[key], key) for key, item in template.items()}
    if isinstance(template, tuple):
        if not isinstance(value, list) or len(value) != len(template):
            raise ValueError(f"expected a list of {len(template)} for {where}")
        return tuple(_like(one, other, where) for one, other in zip(template, value, strict=True))
    if isinstance(template, str):
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(f"expected a text for {where}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a number for {where}")
    if abs(value) > _LARGEST or (where in _POSITIVE and value <= 0):
        raise ValueError(f"{where} is out of range: {value}")
    return value if isinstance(template, int) else float(value)

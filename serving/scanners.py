"""What a site sets for each of its scanners: a TOML file with one table a scanner, under its `scanner_id`.

[hub-3-belt-1]
operating_point = "balanced"  # named thresholds of the model's card
budget_ms = 250
alarms_per_hour = 20          # for each lane of it
belt = "horizontal"           # each picture holds a whole parcel, with air before and behind it
across_px = [640, 512]        # pixels of its pictures across the belt, where they are always the same: here two views
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from detector.errors import ParcelRayError
from detector.quality import Belt, Framing
from serving.errors import BadSettingsError
from serving.inference import ScanDetector
from serving.settings import MAX_BUDGET_MS, MIN_BUDGET_MS, Settings

__all__ = ["Scanner", "Scanners", "load_scanners"]


class Scanner(BaseModel):
    """What is set for one scanner; what is not, holds as for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operating_point: str | None = Field(default=None, description="Named thresholds of the model's card.")
    budget_ms: int | None = Field(
        default=None, ge=MIN_BUDGET_MS, le=MAX_BUDGET_MS, description="Time to answer in without X-Budget-Ms."
    )
    alarms_per_hour: int | None = Field(default=None, ge=1, description="Alarms that people can open, for each lane.")
    belt: Belt | None = Field(
        default=None,
        description="How the belt runs in its pictures, if each holds a whole parcel with air before and behind it; "
        "then views of cut-off parcels are referred.",
    )
    across_px: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(),
        description="How many pixels its pictures have across the belt, a number a view; then pictures that lie "
        "otherwise are referred.",
    )

    @model_validator(mode="after")
    def _knows_across(self) -> Self:
        if self.across_px and self.belt is None:
            raise ValueError('across_px says nothing without belt: add belt = "horizontal" or "vertical"')
        return self

    @property
    def framing(self) -> Framing | None:
        """How its pictures lie, if that is set."""
        return None if self.belt is None else Framing(self.belt, self.across_px)


_Tables = TypeAdapter(dict[str, Scanner])


class Scanners:
    """Settings by scanner; one that is not in the file, and scans without a scanner id, have the service's."""

    def __init__(self, settings: Settings, by_id: Mapping[str, Scanner] = MappingProxyType({})) -> None:
        self._of_all = Scanner(
            operating_point=settings.operating_point,
            budget_ms=settings.budget_ms,
            alarms_per_hour=settings.alarms_per_hour,
        )
        self._by_id = {
            name: self._of_all.model_copy(update=scanner.model_dump(exclude_none=True))
            for name, scanner in by_id.items()
        }

    def of(self, scanner_id: str | None) -> Scanner:
        """Return what holds for a scanner."""
        return self._of_all if scanner_id is None else self._by_id.get(scanner_id, self._of_all)

    @property
    def longest_budget_ms(self) -> int:
        """The longest budget that a scan without one of its own can have."""
        return max(scanner.budget_ms or 0 for scanner in (self._of_all, *self._by_id.values()))

    def check(self, detector: ScanDetector) -> float:
        """Return the lowest threshold of any operating point in use.

        Raises:
            BadSettingsError: the model has no such operating point.
        """
        lowest = 1.0
        for name, scanner in {"": self._of_all, **self._by_id}.items():
            try:
                lowest = min(lowest, *detector.thresholds(scanner.operating_point).values())
            except (ParcelRayError, KeyError) as error:
                who = f"scanner {name!r}" if name else "the service"
                points = ", ".join(detector.card.thresholds)
                raise BadSettingsError(
                    f"{who}: the model has no operating point {scanner.operating_point!r}; it has {points}"
                ) from error
        return lowest


def load_scanners(settings: Settings) -> Scanners:
    """Return the settings of a site's scanners.

    Raises:
        BadSettingsError: the file is missing or makes no sense; the message says where.
    """
    path: Path | None = settings.scanners_file
    if path is None:
        return Scanners(settings)
    try:
        return Scanners(settings, _Tables.validate_python(tomllib.loads(path.read_text("utf-8"))))
    except OSError as error:
        raise BadSettingsError(f"scanners_file {path}: {error.strerror}; correct PARCELRAY_SCANNERS_FILE") from error
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BadSettingsError(f"scanners_file {path}: {lines}") from None
    except ValueError as error:
        raise BadSettingsError(f"scanners_file {path}: no TOML: {error}") from error

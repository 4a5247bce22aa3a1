"""Reading JSON that others wrote: every value is checked once, here, and an error names the record and the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from datasets.errors import AnnotationError, CatalogueError

__all__ = ["Fields", "parse_json", "read_json"]

_LARGEST: Final = 1e12
_TEXT_LIMIT: Final = 4096


class Fields:
    """A JSON object whose values are read by key and type; `where` names it in errors."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise AnnotationError(f"{where}: expected a JSON object, got {_shown(value)}")
        self._values: Mapping[str, object] = value
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def raw(self, key: str) -> object:
        """Return the value as parsed, None where it is missing."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a printable text; a number is taken as its digits, because ids often are numbers."""
        value = self._required(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
            value = str(value)
        if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _TEXT_LIMIT:
            raise self._error(key, f"a text of 1 to {_TEXT_LIMIT} characters", value)
        return value

    def integer(self, key: str, low: int = 0, high: int = int(_LARGEST)) -> int:
        """Return an integer in `low..high`."""
        value = self._required(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._error(key, f"an integer in {low}..{high}", value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number."""
        value = self._required(key, default)
        if not _is_number(value):
            raise self._error(key, "a finite number", value)
        return float(cast("float", value))

    def share(self, key: str) -> float | None:
        """Return a number in 0..1, None where it is missing."""
        if key not in self:
            return None
        value = self.number(key)
        if not 0 <= value <= 1:
            raise self._error(key, "a number in 0..1", value)
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self._required(key)
        if not isinstance(value, bool):
            raise self._error(key, "true or false", value)
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """Return one of the allowed texts."""
        value = self._required(key, default)
        if not isinstance(value, str) or value not in allowed:
            raise self._error(key, f"one of {', '.join(allowed)}", value)
        return value

    def items(self, key: str) -> list[object]:
        """Return a list."""
        value = self._required(key)
        if not isinstance(value, list):
            raise self._error(key, "a list", value)
        return value

    def numbers(self, key: str, count: int) -> list[float]:
        """Return a list of `count` finite numbers."""
        values = self.items(key)
        if len(values) != count or not all(_is_number(value) for value in values):
            raise self._error(key, f"{count} finite numbers", values)
        return [float(cast("float", value)) for value in values]

    def _required(self, key: str, default: object = None) -> object:
        value = self._values.get(key)
        if value is None:
            value = default
        if value is None:
            raise AnnotationError(f"{self.where}: {key!r} is missing")
        return value

    def _error(self, key: str, expected: str, value: object) -> AnnotationError:
        return AnnotationError(f"{self.where}: expected {expected} for {key!r}, got {_shown(value)}")


def parse_json(data: bytes, name: str) -> Fields:
    """Parse the bytes of a file that holds one JSON object.

    Raises:
        CatalogueError: it is not JSON, or not an object.
    """
    try:
        return Fields(json.loads(data), name)
    except (ValueError, RecursionError) as error:
        raise CatalogueError(f"{name}: is not JSON ({_shown(str(error))}); restore it or export it again") from error


def read_json(path: Path) -> Fields:
    """Read a file that holds one JSON object.

    Raises:
        CatalogueError: it is missing, is not JSON, or not an object.
    """
    try:
        return parse_json(path.read_bytes(), path.name)
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror}); is this the right folder?") from error


def _is_number(value: object) -> bool:
    # An integer is compared before it becomes a float: JSON may hold one with thousands of digits.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer too long to print
        return "a very long number"
    return text if len(text) <= 80 else text[:77] + "..."

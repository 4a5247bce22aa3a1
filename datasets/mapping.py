"""From the labels of others to ours: what the user says, then what is known of a published set, then our own names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from datasets.errors import CatalogueError, UnknownLabelError
from detector.taxonomy import ATTRIBUTES, LABELS

__all__ = ["DROP", "Target", "folded", "parse_map", "resolve"]

DROP: Final = "none"


@dataclass(frozen=True, slots=True)
class Target:
    """What a foreign label becomes: our label (None leaves its boxes out), and attributes that all its boxes get."""

    label: str | None
    attributes: tuple[str, ...] = ()


def parse_map(words: Iterable[str]) -> dict[str, str]:
    """Return the mapping that "OLD=NEW" words state.

    Raises:
        CatalogueError: a word has no "=".
    """
    mapping = {}
    for word in words:
        old, equals, new = word.rpartition("=")
        if not equals:
            raise CatalogueError(f"--map: expected OLD=NEW, got {word!r}")
        mapping[old] = new
    return mapping


def folded(label: str) -> str:
    """Return a label without what the copies of one set differ in.

    >>> folded("Multi-tool_Knife")
    'multitoolknife'
    """
    return re.sub(r"[\W_]+", "", label.casefold())


def resolve(used: Iterable[str], wanted: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Target]:
    """Return what each foreign label becomes.

    Args:
        used: labels that occur.
        wanted: label there -> ours, "none", or ours with attributes such as "handgun+printed"; the user's word.
        known: the same of a published set, by folded label.

    Raises:
        UnknownLabelError: a label is neither ours nor mapped, or mapped to what is not ours.
    """
    targets = {old: _target(new) for old, new in wanted.items()}
    unknown = []
    for label in sorted(set(used) - set(targets)):
        if new := known.get(folded(label)):
            targets[label] = _target(new)
        elif label in LABELS:
            targets[label] = Target(label)
        else:
            unknown.append(label)
    if unknown:
        example = " ".join(f"'{label}={DROP}'" for label in unknown)
        raise UnknownLabelError(
            f"unknown labels: {', '.join(unknown)}; map each to one of ours or leave its boxes out,"
            f" for example: --map {example}; our labels: {', '.join(LABELS)}"
        )
    return targets


def _target(new: str) -> Target:
    label, *attributes = new.split("+")
    if label not in (*LABELS, DROP):
        raise UnknownLabelError(f"--map: {label} is not ours; use {DROP} or one of {', '.join(LABELS)}")
    if wrong := sorted(set(attributes) - set(ATTRIBUTES)):
        raise UnknownLabelError(f"--map: {', '.join(wrong)} is no attribute; use {', '.join(ATTRIBUTES)}")
    return Target(None if label == DROP else label, tuple(attributes))

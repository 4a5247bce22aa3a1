"""Labels, their groups, and the article of law each one answers to.

Groups follow Article 3 of the UN Protocol against the Illicit Manufacturing of and Trafficking in
Firearms, Their Parts and Components and Ammunition (the "Firearms Protocol").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["ATTRIBUTES", "LABELS", "TAXONOMY", "Group", "LabelInfo", "group_of"]


class Group(StrEnum):
    """What kind of object a label is, after Article 3 of the Firearms Protocol."""

    FIREARM = "firearm"
    PART = "part"
    AMMUNITION = "ammunition"


@dataclass(frozen=True, slots=True)
class LabelInfo:
    """One label: its group, the article that names it, and the colour it is drawn in."""

    name: str
    group: Group
    article: str
    colour_rgb: tuple[int, int, int]


_ARTICLE: Final = {Group.FIREARM: "Art. 3(a)", Group.PART: "Art. 3(b)", Group.AMMUNITION: "Art. 3(c)"}
# Magazines are not named in Article 3; operators look for them all the same.
_OPERATIONAL: Final = "operational (not named in Art. 3)"


def _label(name: str, group: Group, colour_rgb: tuple[int, int, int], article: str | None = None) -> LabelInfo:
    return LabelInfo(name, group, article or _ARTICLE[group], colour_rgb)


# The order is the class order of every model and may only be appended to.
_INFOS: Final = (
    _label("handgun", Group.FIREARM, (214, 39, 40)),
    _label("revolver", Group.FIREARM, (255, 20, 147)),
    _label("long_gun", Group.FIREARM, (178, 24, 43)),
    _label("barrel", Group.PART, (148, 0, 211)),
    _label("frame_receiver", Group.PART, (106, 61, 154)),
    _label("slide", Group.PART, (171, 71, 188)),
    _label("cylinder", Group.PART, (123, 31, 162)),
    _label("bolt", Group.PART, (94, 53, 177)),
    _label("suppressor", Group.PART, (186, 104, 200)),
    _label("magazine", Group.PART, (156, 39, 176), _OPERATIONAL),
    _label("cartridge", Group.AMMUNITION, (194, 24, 91)),
    _label("shotshell", Group.AMMUNITION, (136, 14, 79)),
)

TAXONOMY: Final = MappingProxyType({info.name: info for info in _INFOS})
LABELS: Final[tuple[str, ...]] = tuple(TAXONOMY)
ATTRIBUTES: Final[tuple[str, ...]] = ("polymer", "printed", "converted", "occluded", "truncated")


def group_of(label: str) -> Group:
    """Return the group of a label.

    Raises:
        ValueError: the label is not in the taxonomy.

    >>> group_of("slide")
    <Group.PART: 'part'>
    """
    try:
        return TAXONOMY[label].group
    except KeyError:
        raise ValueError(f"unknown label {label!r}; known labels: {', '.join(LABELS)}") from None

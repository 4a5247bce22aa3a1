"""The layouts that can be imported and exported, and what is known of each published set.

Where a set says "gun" it does not tell pistols from revolvers (SIXray's paper shows both; PIDray, PIXray, DvXray and
STCray do not say). It becomes `handgun`; who has looked may say otherwise, as in `--map Gun=revolver`. "Bullet" is
the whole cartridge. Everything else in these sets (knives, tools, batteries, bottles) is none of ours and its boxes
are left out, which makes those images negatives. A label that is not listed here stops the import and asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from datasets.catalogue import Catalogue
from datasets.formats.coco import read_coco, write_coco
from datasets.formats.coco_sets import read_clcxray, read_pidray, read_pixray
from datasets.formats.dvxray import read_dvxray
from datasets.formats.entries import Reader
from datasets.formats.gdxray import read_gdxray
from datasets.formats.opixray import read_opixray
from datasets.formats.sixray import read_sixray
from datasets.formats.stcray import read_stcray
from datasets.formats.voc import read_voc, write_voc
from datasets.formats.yolo import read_yolo, write_yolo
from datasets.mapping import DROP
from datasets.records import ImageRecord
from datasets.samples import Annotation

__all__ = ["LAYOUTS", "WRITERS", "Layout", "Writer"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a layout is read, and what holds for it unless the user says otherwise.

    Attributes:
        read: yields its images and what is wrong.
        mapping: folded label there -> ours, "none", or ours with attributes.
        licence: the set's terms; empty where the user has to say them.
        research_only: the terms forbid more than research.
    """

    read: Reader
    mapping: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    research_only: bool = False


Writer = Callable[[Catalogue, Path, Callable[[ImageRecord], Sequence[Annotation]]], Iterator[tuple[ImageRecord, Path]]]
WRITERS: Final[Mapping[str, Writer]] = {"coco": write_coco, "voc": write_voc, "yolo": write_yolo}


def _none(*labels: str) -> dict[str, str]:
    return dict.fromkeys(labels, DROP)


_TOOLS: Final = _none("wrench", "pliers", "hammer", "screwdriver")
_BLADES: Final = _none("knife", "scissors")
# PIXray and DvXray come from one group and share their 15 labels.
_FIFTEEN: Final = {
    "gun": "handgun",
    **_TOOLS,
    **_BLADES,
    **_none("lighter", "battery", "bat", "razorblade", "sawblade", "fireworks", "dart", "pressurevessel"),
}
_ACADEMIC: Final = "academic purposes only, no commercial use"

LAYOUTS: Final[Mapping[str, Layout]] = {
    "coco": Layout(read_coco),
    "yolo": Layout(read_yolo),
    "voc": Layout(read_voc),
    "pidray": Layout(
        read_pidray,
        {
            "gun": "handgun",
            "bullet": "cartridge",
            **_TOOLS,
            **_BLADES,
            **_none("handcuffs", "baton", "sprayer", "powerbank", "lighter"),
        },
        f"PIDray: {_ACADEMIC}",
        research_only=True,
    ),
    "sixray": Layout(read_sixray, {"gun": "handgun", **_TOOLS, **_BLADES}, f"SIXray: {_ACADEMIC}", research_only=True),
    "opixray": Layout(
        read_opixray,
        _none("foldingknife", "straightknife", "utilityknife", "multitoolknife", "scissor", "scissors"),
        f"OPIXray: {_ACADEMIC}",
        research_only=True,
    ),
    "clcxray": Layout(
        read_clcxray,
        _none(
            *("blade", "dagger", "knife", "scissors", "swissarmyknife"),
            *("cans", "cartondrinks", "glassbottle", "plasticbottle", "vacuumcup", "spraycans", "tin"),
        ),
        f"CLCXray: {_ACADEMIC}",
        research_only=True,
    ),
    "dvxray": Layout(read_dvxray, _FIFTEEN, "DvXray: no licence stated; published for research", research_only=True),
    "pixray": Layout(read_pixray, _FIFTEEN, "PIXray: no licence stated; published for research", research_only=True),
    # B0049, B0050, B0051 hold single handguns, shuriken, razor blades. B0046 to B0048 mix them in bags, and their
    # boxes do not say which is which: the user has to look and map them.
    "gdxray": Layout(
        read_gdxray,
        {"b0049": "handgun", **_none("b0050", "b0051")},
        "GDXray: research and education only",
        research_only=True,
    ),
    # "Multilabel Threat" is not listed: it may be a firearm.
    "stcray": Layout(
        read_stcray,
        {
            "gun": "handgun",
            **dict.fromkeys(("3dgun", "3dprintedgun"), "handgun+polymer+printed"),
            "bullet": "cartridge",
            **_TOOLS,
            **_BLADES,
            **_none("explosive", "cutter", "blade", "shavingrazor", "lighter", "injection", "syringe", "battery"),
            **_none("nailcutter", "othersharpitem", "powerbank", "handcuffs", "nonthreat"),
        },
        "STCray: published for research",
        research_only=True,
    ),
}

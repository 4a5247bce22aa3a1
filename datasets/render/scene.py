"""Compose a parcel or bag: container, benign contents by theme, threats, packed with gravity, laid on the belt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.render.clutter import SMALL_METAL, random_clutter
from datasets.render.clutter.drapery import drapery
from datasets.render.clutter.shapes import pick
from datasets.render.clutter.stuffing import findings, folded_pack
from datasets.render.contents import (
    DAILY_KINDS,
    METAL_KINDS,
    PADDING_KINDS,
    SOFT_KINDS,
    SPREAD_KINDS,
    Theme,
    draw_theme,
)
from datasets.render.parcels import Parcel, draw_parcel
from datasets.render.placement import Floor, Group, about_axis, bounds_of, random_rotation
from datasets.render.recipe import Recipe
from datasets.render.solids import Phantom
from datasets.render.threat_plan import Threat, draw_decoy, draw_labels, draw_threats

__all__ = ["Scene", "compose", "pack", "planned_labels"]

_TURNS: Final = 6
_MISSES: Final = 4  # so many things that do not fit, and the parcel is full
_ROOMY_MM3: Final = 400.0 * 300.0 * 150.0  # takes all the padding of its theme
_CLOTHS: Final = 4  # different ones in one parcel, each laid several times: they take long to build
_SPLIT: Final = 0.6  # of the scenes with two parcels and several threats: the last one is in the second parcel
_DRAPED: Final = 0.88  # of the parcels that are not sparse: cloth or lining from wall to wall
_LOOSE: Final = 0.2  # of the dense ones: some loose small metal; most of it is sewn to something or in a pouch
_SPARSE: Final = 0.1  # below this share of the height a parcel holds a few things and nothing around them


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything on the belt, lowest point at z = 0, centred on x = 0.

    Attributes:
        phantoms: contents and containers.
        facts: what was drawn, for provenance: container, theme, plan, concealments, number of objects.
    """

    phantoms: tuple[Phantom, ...]
    facts: dict[str, object]


def compose(rng: np.random.Generator, recipe: Recipe) -> Scene:
    """Draw one scene.

    Args:
        rng: the only source of chance.
        recipe: how often what appears.
    """
    close_up = _draw_close_up(rng, recipe)
    plan, threats = draw_threats(rng, recipe, close_up=close_up)
    beside: list[Threat] = []
    second = rng.random() < recipe.second_parcel_share
    if second and len(threats) > 1 and rng.random() < _SPLIT:  # what belongs together travels in two parcels
        threats, beside = threats[:-1], threats[-1:]
    parcel = draw_parcel(rng, recipe, [bounds_of(threat.phantoms) for threat in threats], close_up=close_up)
    contents, theme, placed = pack(rng, recipe, parcel, threats, close_up=close_up)
    if not contents and not parcel.phantoms:  # no container, and nothing fitted: draw another scene
        return compose(rng, recipe)
    phantoms = _laid_on_belt([*contents, *parcel.phantoms], rng, on_side=parcel.on_side)
    if second:
        neighbour = draw_parcel(rng, recipe, [bounds_of(threat.phantoms) for threat in beside], close_up=close_up)
        inside, _, also = pack(rng, recipe, neighbour, beside, close_up=close_up)
        placed = [*placed, *also]
        if inside or neighbour.phantoms:
            phantoms = _side_by_side(
                phantoms, _laid_on_belt([*inside, *neighbour.phantoms], rng, on_side=neighbour.on_side), rng
            )
    facts: dict[str, object] = {
        "container": parcel.name,
        "theme": theme,
        "plan": plan,
        "close_up": close_up,
        "objects": len(contents),
        "concealments": [threat.concealment for threat in placed if threat.concealment],
    }
    return Scene(tuple(phantoms), facts)


def planned_labels(rng: np.random.Generator, recipe: Recipe) -> list[str]:
    """Return the labels that `compose` sets out to place with the same source of chance; takes no time."""
    return draw_labels(rng, recipe, close_up=_draw_close_up(rng, recipe))[1]


def _draw_close_up(rng: np.random.Generator, recipe: Recipe) -> bool:
    return bool(rng.random() < recipe.close_up_share)


def pack(
    rng: np.random.Generator, recipe: Recipe, parcel: Parcel, threats: Sequence[Threat], *, close_up: bool
) -> tuple[list[Phantom], str, list[Threat]]:
    """Fill a parcel; return its contents, the name of the theme and the threats that went in.

    Where the room that is left does not take a threat, packing stops there and starts again with the threats first.
    """
    for threats_first in (False, True):
        packed = _pack_once(rng, recipe, parcel, threats, close_up=close_up, threats_first=threats_first)
        if len(packed[2]) == len(threats):
            break
    return packed


def _pack_once(
    rng: np.random.Generator,
    recipe: Recipe,
    parcel: Parcel,
    threats: Sequence[Threat],
    *,
    close_up: bool,
    threats_first: bool,
) -> tuple[list[Phantom], str, list[Threat]]:
    floor = Floor(parcel.inner_low_mm, parcel.inner_high_mm)
    theme = draw_theme(rng)
    dense = bool(rng.random() < recipe.dense_share)
    wanted = float(rng.uniform(0.5, 0.95)) if dense else _wanted_fill(rng, close_up=close_up)
    contents: list[Phantom] = []
    triangles = sum(solid.triangles_mm.shape[0] for phantom in parcel.phantoms for solid in phantom.solids)
    queue = _queue(rng, recipe, theme, threats, close_up=close_up, dense=dense, first=threats_first or wanted < _SPARSE)

    placed = []
    left, misses, full = len(threats), 0, False
    stock: dict[str, Phantom] = {}
    for item in queue:
        if isinstance(item, Threat) and item.sought:
            left -= 1
            laid = _place_threat(item, floor, rng)
            if laid is not None:
                placed.append(item)
            elif not threats_first:  # all of this is packed again: no use in filling up
                return contents, theme.name, placed
        elif misses > _MISSES or triangles > recipe.max_triangles or (full and not left):
            continue
        elif isinstance(item, Threat):
            laid = _place_threat(item, floor, rng)
        else:
            laid = _place_benign(item, floor, rng, stock)
            misses += laid is None
        if laid is not None:
            contents += laid
            triangles += sum(solid.triangles_mm.shape[0] for phantom in laid for solid in phantom.solids)
            full = floor.filled() > wanted
    room = float(np.prod(parcel.inner_high_mm - parcel.inner_low_mm)) / _ROOMY_MM3
    padding = rng.integers(theme.padding[0], theme.padding[1] + 1) * min(room, 1.0) if wanted > _SPARSE else 0
    cloths = [random_clutter(rng, kinds=PADDING_KINDS) for _ in range(min(round(padding), _CLOTHS))]
    if dense:
        padding = min(padding, _CLOTHS)
    stuffing = _stuffing(floor, rng, wanted, dense=dense)
    contents += stuffing
    triangles += sum(solid.triangles_mm.shape[0] for phantom in stuffing for solid in phantom.solids)
    for _ in range(round(padding)):
        if triangles > recipe.max_triangles:
            break
        laid = _lay_soft(cloths[int(rng.integers(len(cloths)))], floor, rng, anywhere=True)
        if laid is not None:
            contents += laid
            triangles += sum(solid.triangles_mm.shape[0] for phantom in laid for solid in phantom.solids)
    return contents, theme.name, placed


def _queue(
    rng: np.random.Generator,
    recipe: Recipe,
    theme: Theme,
    threats: Sequence[Threat],
    *,
    close_up: bool,
    dense: bool,
    first: bool,
) -> list[Threat | str]:
    """Return what is to be packed in its order: kinds of benign objects, threats, and decoys in their places.

    Threats go in early, so that they fit, but anything may still come to lie under them; or `first`, where they would
    not fit otherwise, or where little else is wanted.
    """
    metal = int(rng.integers(1, 8)) if rng.random() < recipe.hard_negative_share else 0
    limit = int(rng.integers(2, 9)) if close_up else int(rng.integers(6, 70))
    kinds = [theme.draw_kind(rng) for _ in range(limit)] + [pick(rng, *METAL_KINDS) for _ in range(metal)]
    if dense:  # people fill up with what they use every day
        kinds += [pick(rng, *DAILY_KINDS) for _ in range(int(rng.integers(4, 16)))]
    queue: list[Threat | str] = [kinds[i] for i in rng.permutation(len(kinds))]
    decoys = [draw_decoy(rng, recipe) for _ in range(int(rng.integers(1, 4)) if metal else 0)]
    for item in (*decoys, *threats):
        queue.insert(0 if first else int(rng.integers(0, max(len(queue) // 3, 1))), item)
    return queue


def _wanted_fill(rng: np.random.Generator, *, close_up: bool) -> float:
    """Return the average height, as a share of the container's, up to which it is filled."""
    draw = rng.random()
    if draw < 0.08:
        return 0.02
    if draw < 0.3:
        return float(rng.uniform(0.05, 0.25))
    return float(rng.uniform(0.2, 0.5 if close_up else 0.8))


def _place_threat(threat: Threat, floor: Floor, rng: np.random.Generator) -> list[Phantom] | None:
    group = Group.of(threat.phantoms)
    for turn in range(_TURNS + 2):
        if turn < _TURNS:
            rotation = about_axis(2, rng.uniform(0, 2 * np.pi))
        else:  # at last, straight along the container
            rotation = about_axis(2, np.pi / 2 * (turn - _TURNS))
        laid = floor.drop(group.turned(rotation), rng, spread=0.6)
        if laid is not None:
            return laid
    return None


def _place_benign(kind: str, floor: Floor, rng: np.random.Generator, stock: dict[str, Phantom]) -> list[Phantom] | None:
    """Lay one more thing of a kind; people often send several of one, so half of the time it is the last one again.

    Small metal never repeats: the same key ring twice in a bag is nobody's.
    """
    phantom = stock.get(kind)
    if phantom is None or kind in SMALL_METAL or rng.random() < 0.5:
        phantom = stock[kind] = random_clutter(rng, kind=kind)
    if kind in SOFT_KINDS:
        return _lay_soft(phantom, floor, rng, anywhere=kind in SPREAD_KINDS)
    group = Group.of([phantom])
    for turn in range(3):
        rotation = random_rotation(rng) if turn < 2 else about_axis(2, np.pi / 2 * int(rng.integers(4)))
        laid = floor.drop(group.turned(rotation), rng)
        if laid is not None:
            return laid
    return None


def _stuffing(floor: Floor, rng: np.random.Generator, wanted: float, *, dense: bool) -> list[Phantom]:
    """Return cloth from wall to wall through and over everything; where it is dense, packs and at times small metal."""
    room = floor.high_mm - floor.low_mm
    laid: list[Phantom] = []
    if wanted > _SPARSE and rng.random() < _DRAPED:
        laid.append(drapery(rng, (float(room[0]), float(room[1]), float(room[2]))))
    if dense:
        for _ in range(int(rng.integers(2, 6))):
            size = room[:2] * rng.uniform(0.25, 0.8, 2)
            laid.append(folded_pack(rng, (float(size[0]), float(size[1]))))
        if rng.random() < _LOOSE:
            laid.append(findings(rng))
    return [_anywhere(item, floor, rng) for item in laid]


def _anywhere(phantom: Phantom, floor: Floor, rng: np.random.Generator) -> Phantom:
    """Squeeze something into a container and put it somewhere, whatever lies there."""
    group, room = Group.of([phantom]), floor.high_mm - floor.low_mm
    low, high = group.bounds()
    shrink = _squeeze(high - low, room)
    corner = floor.low_mm + rng.random(3) * np.maximum(room - (high - low) * shrink, 0)
    return group.scaled(shrink).laid(corner - low * shrink)[0]


def _lay_soft(phantom: Phantom, floor: Floor, rng: np.random.Generator, *, anywhere: bool) -> list[Phantom] | None:
    """Soft things give way: they are squeezed to the room there is and take only part of their height."""
    group = Group.of([phantom]).turned(random_rotation(rng, on_edge=0.03, tilted=0.03))
    low, high = group.bounds()
    room = floor.high_mm - floor.low_mm
    shrink = _squeeze(high - low, room)
    if shrink[:2].min() < 0.35:
        return None
    group = group.scaled(shrink)
    laid = None if anywhere else floor.drop(group, rng, sinks=0.6)
    if laid is None:
        low, high = group.bounds()
        corner = floor.low_mm + rng.random(3) * np.maximum(room - (high - low), 0)
        laid = group.laid(corner - low)
    return laid


def _squeeze(size_mm: NDArray[np.float64], room_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(1.0, 0.98 * room_mm / np.maximum(size_mm, 1e-3))


def _laid_on_belt(phantoms: Sequence[Phantom], rng: np.random.Generator, *, on_side: float) -> list[Phantom]:
    """Turn the whole parcel: mostly on its base, any way round, often near the belt's axes; put it on the belt."""
    rotation = np.eye(3)
    if rng.random() < on_side:  # on one of its sides
        rotation = about_axis(int(rng.integers(2)), np.pi / 2)
    if rng.random() < 0.1:  # leaning on something
        rotation = about_axis(int(rng.integers(2)), rng.normal(0, 0.12)) @ rotation
    quarter = np.pi / 2 * rng.integers(4)
    skew = rng.normal(0, 0.1) if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
    group = Group.of(phantoms).turned(about_axis(2, quarter + skew) @ rotation)
    return group.laid(np.array([0.0, 0.0, -group.bounds()[0][2]]))


def _side_by_side(first: list[Phantom], second: list[Phantom], rng: np.random.Generator) -> list[Phantom]:
    """Put a second parcel behind the first on the belt, close or touching."""
    gap_mm = float(rng.choice([rng.uniform(0, 10), rng.uniform(0, 120)]))
    shift = bounds_of(first)[1][1] + gap_mm - bounds_of(second)[0][1]
    return [*first, *(phantom.moved(offset_mm=(0, shift, 0)) for phantom in second)]

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from datasets.difficulty import AXIS_OF_VIEW, view_difficulty
from datasets.render.clutter import LOOK_ALIKES
from datasets.render.concealment import CONCEALMENTS
from datasets.render.parcels import Parcel, draw_parcel
from datasets.render.phantoms import random_threat
from datasets.render.placement import Floor, bounds_of
from datasets.render.recipe import Recipe
from datasets.render.scene import _pack_once, _place_benign, compose, pack
from datasets.render.solids import Phantom, box
from datasets.render.threat_plan import Threat, draw_decoy, draw_threats

RECIPE = Recipe(max_triangles=40_000)


def _parcel(seed: int) -> Parcel:
    return draw_parcel(np.random.default_rng(seed), RECIPE, [], close_up=False)


@pytest.mark.parametrize("seed", range(5))
def test_contents_stay_inside_the_container(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parcel = _parcel(seed)
    contents, _, _ = pack(rng, RECIPE, parcel, [], close_up=False)
    for phantom in contents:
        low, high = phantom.bounds_mm()
        assert (low >= parcel.inner_low_mm - 0.1).all(), phantom.kind
        assert (high <= parcel.inner_high_mm + 0.1).all(), phantom.kind


@pytest.mark.parametrize("seed", range(5))
def test_scene_lies_on_the_belt_and_holds_its_threats(seed: int) -> None:
    recipe = Recipe(max_triangles=40_000, firearm_share=1, part_share=0, ammunition_share=0, mixed_share=0)
    scene = compose(np.random.default_rng(seed), recipe)
    assert min(phantom.bounds_mm()[0][2] for phantom in scene.phantoms) == pytest.approx(0, abs=0.01)
    assert any(phantom.label in {"handgun", "revolver", "long_gun"} for phantom in scene.phantoms)


def test_shares_of_the_plan_are_kept() -> None:
    recipe = Recipe(firearm_share=0.3, part_share=0.2, ammunition_share=0.1, mixed_share=0.1, concealed_share=0.0)
    rng = np.random.default_rng(0)
    plans = [draw_threats(rng, recipe, close_up=False)[0] for _ in range(150)]
    for plan, share in (("firearm", 0.3), ("part", 0.2), ("ammunition", 0.1), ("mixed", 0.1), ("benign", 0.3)):
        assert plans.count(plan) / len(plans) == pytest.approx(share, abs=0.12)


def test_train_never_shows_what_test_is_made_of() -> None:
    train, test = Recipe.load("train"), Recipe.load("test")
    assert {"handgun", "revolver", "long_gun"} <= set(train.holdout_families)
    assert train.holdout_families == test.families
    rng = np.random.default_rng(2)
    for recipe, wanted in ((train, False), (test, True)):
        held_out = {f"{label}/{family}" for label, families in test.families.items() for family in families}
        kinds = {
            phantom.kind
            for _ in range(60)
            for threat in draw_threats(rng, recipe, close_up=False)[1]
            for phantom in threat.phantoms
            if phantom.label in test.families
        }
        assert kinds
        for kind in kinds:
            assert (kind in held_out) is wanted, kind


@pytest.mark.parametrize("name", sorted(CONCEALMENTS))
def test_concealment_keeps_the_threat_whole(name: str) -> None:
    rng = np.random.default_rng(6)
    threat = random_threat("slide", rng)
    hidden = CONCEALMENTS[name]([threat], rng)
    labelled = [phantom for phantom in hidden if phantom.label]
    assert [phantom.label for phantom in labelled] == ["slide"]
    size = np.sort(np.subtract(*bounds_of([threat])[::-1]))
    assert np.sort(np.subtract(*bounds_of(labelled)[::-1])) == pytest.approx(size, abs=0.05)
    assert name == "on_edge" or any(isinstance(phantom, Phantom) and phantom.label is None for phantom in hidden)


def test_a_second_parcel_may_hold_the_last_of_the_threats() -> None:
    recipe = Recipe(
        max_triangles=20_000, mixed_share=1, firearm_share=0, part_share=0, ammunition_share=0, second_parcel_share=1,
        bare_share=0, dense_share=0, concealed_share=0, baggage_share=0,
    )  # fmt: skip
    shares = []
    for seed in range(6):
        phantoms = compose(np.random.default_rng(seed), recipe).phantoms
        boxes = [bounds_of([item]) for item in phantoms if item.kind.startswith("container/")]
        first_end = min(high[1] for _, high in boxes)
        beyond = [bool(bounds_of([item])[0][1] > first_end - 5) for item in phantoms if item.label]
        shares.append(np.mean(beyond))
    assert any(0 < share < 1 for share in shares)  # some of the threats here, the last one there
    assert any(share == 0 for share in shares)


def test_a_dense_parcel_is_stuffed_from_side_to_side() -> None:
    deep = []
    for dense in (0.0, 1.0):
        recipe = replace(RECIPE, dense_share=dense, hard_negative_share=0.0)
        parcel = _parcel(3)
        counts = []
        for seed in range(4):
            contents, _, _ = pack(np.random.default_rng(seed), recipe, parcel, [], close_up=False)
            seen = Floor(parcel.inner_low_mm, parcel.inner_high_mm).heights_mm * 0
            for item in contents:
                low, high = ((corner - parcel.inner_low_mm)[:2] // 8 for corner in item.bounds_mm())
                seen[int(low[0]) : int(high[0]) + 1, int(low[1]) : int(high[1]) + 1] += 1
            counts.append(seen)
        deep.append(np.array(counts))
    assert (deep[1] >= 3).mean() > 0.6
    assert deep[1].mean() > deep[0].mean()


@pytest.mark.parametrize(("kind", "several"), [("keys", False), ("book", True)])
def test_people_send_several_of_one_thing_but_never_of_small_metal(kind: str, several: bool) -> None:
    rng, floor = np.random.default_rng(0), Floor(np.zeros(3), np.full(3, 1500.0))
    stock: dict[str, Phantom] = {}
    laid = []
    for _ in range(12):
        assert _place_benign(kind, floor, rng, stock)
        laid.append(stock[kind])
    assert any(a is b for a, b in pairwise(laid)) is several


@pytest.mark.parametrize("seed", range(3))
def test_packing_stops_at_a_threat_that_does_not_fit_and_starts_again_with_it(seed: int) -> None:
    recipe, parcel = replace(RECIPE, dense_share=1.0), _parcel(seed)
    bar = Threat((Phantom("barrel/long", (box((5000, 10, 10), "steel"),), label="barrel"),))
    stopped, full = (
        _pack_once(np.random.default_rng(seed), recipe, parcel, [bar], close_up=False, threats_first=first)
        for first in (False, True)
    )
    assert len(stopped[0]) < len(full[0])
    contents, _, placed = pack(np.random.default_rng(seed), recipe, parcel, [bar], close_up=False)
    assert not placed
    assert len(contents) > len(stopped[0]), "what was packed again is packed to the end"


def _turned_away(phantom: Phantom) -> float:
    corners = np.concatenate([solid.triangles_mm.reshape(-1, 3) for solid in phantom.solids])
    return view_difficulty(corners, np.eye(3)[AXIS_OF_VIEW["top"]])


def test_many_firearms_show_their_edge_or_a_tilted_side() -> None:
    recipe = Recipe(firearm_share=1, part_share=0, ammunition_share=0, mixed_share=0, concealed_share=0)
    rng = np.random.default_rng(1)
    away = [
        _turned_away(phantom)
        for _ in range(120)
        for threat in draw_threats(rng, recipe, close_up=True)[1]
        for phantom in threat.phantoms
        if phantom.label in {"handgun", "revolver"}
    ]
    assert float(np.mean(np.array(away) < 0.2)) > 0.4  # most lie flat
    assert float(np.mean(np.array(away) > 0.4)) > 0.15


def test_a_threat_keeps_its_attitude_whatever_the_parcel() -> None:
    gun = random_threat("handgun", np.random.default_rng(2))
    upright = gun.moved(np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]))
    rng = np.random.default_rng(3)
    for threat in (Threat((gun,)), Threat((upright,))):
        parcel = draw_parcel(rng, RECIPE, [bounds_of(threat.phantoms)], close_up=True)
        contents, _, placed = pack(rng, RECIPE, parcel, [threat], close_up=True)
        assert placed == [threat]
        height = np.subtract(*bounds_of(threat.phantoms)[::-1])[2]
        laid = [phantom for phantom in contents if phantom.label == "handgun"]
        assert np.subtract(*bounds_of(laid)[::-1])[2] == pytest.approx(height, abs=0.01)


def test_decoys_are_look_alikes_that_are_hidden_as_threats_are() -> None:
    rng = np.random.default_rng(4)
    decoys = [draw_decoy(rng, replace(RECIPE, concealed_share=0.5)) for _ in range(40)]
    assert not any(decoy.sought for decoy in decoys)
    assert all(decoy.phantoms[0].kind.split("/")[1] in LOOK_ALIKES for decoy in decoys)
    hidden = [decoy.concealment for decoy in decoys if decoy.concealment]
    assert 8 < len(hidden) < 32
    assert len(set(hidden)) > 4


def test_what_hides_a_threat_is_found_in_harmless_parcels_too() -> None:
    recipe = Recipe(
        max_triangles=30_000, firearm_share=0, part_share=0, ammunition_share=0, mixed_share=0, concealed_share=1,
        hard_negative_share=1, dense_share=0,
    )  # fmt: skip
    scenes = [compose(np.random.default_rng(seed), recipe) for seed in range(12)]
    assert not any(phantom.label for scene in scenes for phantom in scene.phantoms)
    assert any(phantom.kind.startswith("concealment/") for scene in scenes for phantom in scene.phantoms)
    assert not any(scene.facts["concealments"] for scene in scenes)

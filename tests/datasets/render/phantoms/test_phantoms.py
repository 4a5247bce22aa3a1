"""Every family of every label, over many seeds: closed, positive, sized like its label, and never less than nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.materials import MATERIALS
from datasets.render.phantoms import FAMILIES, cartridge_group, random_threat, shotshell_group, threat_group
from datasets.render.phantoms.assembly import Assembly
from datasets.render.phantoms.outlines import room_inside
from datasets.render.phantoms.pistol_pieces import draw_pistol, slide_of
from datasets.render.solids import Phantom, Solid
from detector.taxonomy import ATTRIBUTES, LABELS

EVERY_FAMILY = [(label, family) for label, families in FAMILIES.items() for family in families]
SEEDS = range(40)

# shortest, longest and thickest, millimetres
SIZES = {
    "handgun": (80, 400, 60),
    "revolver": (110, 430, 90),
    "long_gun": (300, 1101, 80),
    "barrel": (60, 720, 80),
    "frame_receiver": (80, 380, 50),
    "slide": (70, 260, 40),
    "cylinder": (30, 80, 70),
    "bolt": (70, 330, 50),
    "suppressor": (85, 290, 55),
    "magazine": (30, 280, 100),
    "cartridge": (12, 105, 20),
    "shotshell": (25, 80, 26),
}


def volume_mm3(solid: Solid) -> float:
    a, b, c = solid.triangles_mm.astype(np.float64).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def path_lengths_mm(phantom: Phantom, rays_xy: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the length of vertical rays (R, 2) inside each material, by signed depths."""
    paths: dict[str, NDArray[np.float64]] = {}
    x, y = rays_xy.T[:, :, None]
    for solid in phantom.solids:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = solid.triangles_mm.astype(np.float64).transpose(1, 2, 0)
        double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        seen = np.abs(double_area) > 1e-9
        scale = np.where(seen, 1 / np.where(seen, double_area, 1), 0)
        v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * scale
        w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * scale
        inside = seen & (v >= 0) & (w >= 0) & (v + w <= 1)
        depth = np.where(inside, (az + v * (bz - az) + w * (cz - az)) * np.sign(double_area), 0).sum(axis=1)
        paths[solid.material] = paths.get(solid.material, 0) + solid.weight * depth
    return paths


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(turn * np.linalg.det(turn))


@pytest.mark.parametrize(("label", "family"), EVERY_FAMILY)
def test_family_is_sound_for_every_seed(label: str, family: str) -> None:
    shortest, longest, thickest = SIZES[label]
    for seed in SEEDS:
        phantom = FAMILIES[label][family](np.random.default_rng(seed))
        assert phantom.kind == f"{label}/{family}"
        assert phantom.label == label
        assert set(phantom.attributes) <= set(ATTRIBUTES)

        low, high = phantom.bounds_mm()
        size = high - low
        np.testing.assert_allclose(low + high, 0, atol=1e-2)
        assert shortest <= size[0] <= longest, (seed, size)
        assert size[1] <= size[0] * 1.001
        assert size[2] <= thickest, (seed, size)

        balance: dict[str, float] = {}
        for solid in phantom.solids:
            assert solid.material in MATERIALS
            assert solid.weight in (1.0, -1.0)
            assert np.isfinite(solid.triangles_mm).all()
            a, b, c = solid.triangles_mm.astype(np.float64).transpose(1, 0, 2)
            areas = np.cross(b - a, c - a) / 2
            np.testing.assert_allclose(areas.sum(axis=0), 0, atol=1e-5 * np.abs(areas).sum() + 1e-3)  # closed
            volume = volume_mm3(solid)
            assert volume > 0, (seed, solid.material)
            balance[solid.material] = balance.get(solid.material, 0) + solid.weight * volume
        assert min(balance.values()) > 0, (seed, balance)


@pytest.mark.parametrize(("label", "family"), EVERY_FAMILY)
def test_no_ray_meets_less_than_nothing(label: str, family: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        phantom = FAMILIES[label][family](rng)
        for turn in (np.eye(3), random_rotation(rng)):
            turned = phantom.moved(turn).centred()
            low, high = turned.bounds_mm()
            rays = rng.uniform(low[:2], high[:2], (60, 2))
            for material, path in path_lengths_mm(turned, rays).items():
                assert path.min() > -0.02, (seed, material, float(path.min()))
                assert path.max() < 2 * float(np.linalg.norm(high - low))


def test_ray_through_a_known_hollow_box() -> None:
    from datasets.render.phantoms.assembly import Assembly

    assembly = Assembly()
    assembly.shell([(0, 0), (40, 0), (40, 20), (0, 20)], 10.0, 2.0, "steel", radius_mm=0.1, edge=(0, 0))
    rays = np.array([(0.013, 0.007), (-19.1, 0.3), (30.0, 0.0)])  # middle, rim, outside
    np.testing.assert_allclose(path_lengths_mm(assembly.phantom("x/y", "slide"), rays)["steel"], [4, 10, 0], atol=1e-4)


def test_edges_are_round_so_that_metal_thins_out_towards_its_outline() -> None:
    hollow, solid = Assembly(), Assembly()
    square = [(0, 0), (60, 0), (60, 60), (0, 60)]
    hollow.shell(square, 20.0, 3.0, "steel", radius_mm=0, rim_mm=5.0, edge=(0.25, 0.6))
    solid.plate(square, 10.0, "steel")
    rays = np.array([(-29.9, 1.0), (-28.0, 1.0), (-25.5, 1.0), (0.0, 1.0)])  # the outline is at x = -30
    rim = path_lengths_mm(hollow.phantom("shell", "slide"), rays)["steel"]
    assert rim == pytest.approx([20 * (1 - 0.6) + 1.1, 17.0, 20.0, 6.0], abs=1.2)
    assert rim[0] < rim[1] < rim[2]
    plate = path_lengths_mm(solid.phantom("plate", "slide"), rays)["steel"]
    assert plate[0] < 5.5 < plate[1] < plate[2] == plate[3] == pytest.approx(10.0)


def test_no_hole_reaches_the_round_edge_of_its_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    apart: list[float] = []
    plate = Assembly.plate

    def watched(
        self: Assembly,
        outline: NDArray[np.float64],
        thick: float,
        metal: str,
        *,
        z: float = 0.0,
        holes: Sequence[NDArray[np.float64]] = (),
        margin_mm: float = 0.0,
    ) -> None:
        for hole in holes if margin_mm else ():
            edge = np.asarray(outline, np.float32)
            apart.extend(cv2.pointPolygonTest(edge, (float(x), float(y)), True) - margin_mm for x, y in hole)
        plate(self, outline, thick, metal, z=z, holes=holes, margin_mm=margin_mm)

    monkeypatch.setattr(Assembly, "plate", watched)
    for family in FAMILIES["revolver"].values():
        for seed in SEEDS:
            family(np.random.default_rng(seed))
    assert len(apart) > 1000
    assert min(apart) > 0, min(apart)


def test_a_plate_that_closes_to_a_line_keeps_its_right_side_out() -> None:
    for turn in np.linspace(0, 3, 50):
        assembly = Assembly()
        cos, sin = np.cos(turn), np.sin(turn)
        band = np.array([(0, 0), (40, 0), (40, 6), (0, 6)]) @ np.array([(cos, sin), (-sin, cos)])
        assembly.plate(band, 12.0, "steel")
        (solid,) = assembly.phantom("band", "slide").solids
        assert 2000 < volume_mm3(solid) < 40 * 6 * 12


def test_an_outline_without_room_keeps_its_edge() -> None:
    square, sliver = [(0, 0), (10, 0), (10, 10), (0, 10)], [(0, 0), (10, 0), (10, 0.1), (0, 0.1)]
    assert room_inside(square, 3.0) == 3.0
    assert room_inside(square, 9.0) == pytest.approx(4.5)  # half of what was wanted, where the square would close
    assert room_inside(sliver, 3.0) == 0.0
    bridge = [(0, 0), (90, 0), (90, 20), (60, 20), (60, 8), (30, 8), (30, 20), (0, 20)]
    assert room_inside(bridge, 6.0) == pytest.approx(3.0)  # at 4.2 its thin middle would turn inside out


def test_stamped_copies_lie_where_they_are_put() -> None:
    from datasets.render.phantoms.assembly import Assembly

    one, many = Assembly(), Assembly()
    one.rod((0, 0), 10.0, 1.0, "brass")
    many.stamp(one, [(0, 0, 0), (0, 20, 5)], [0.0, np.pi / 2])
    low, high = many.phantom("x/y", "cartridge").bounds_mm()
    # the second stands upright from y = 20 to 30; the longest axis was laid along x
    np.testing.assert_allclose(high - low, (31, 11, 7), atol=0.1)


def test_every_label_has_families_and_the_order_of_the_taxonomy() -> None:
    assert tuple(FAMILIES) == LABELS
    for label, least in {"handgun": 8, "revolver": 5, "long_gun": 7}.items():
        assert len(FAMILIES[label]) >= least


@pytest.mark.parametrize("label", LABELS)
def test_equal_seeds_give_equal_phantoms_and_others_do_not(label: str) -> None:
    one, same, other = (random_threat(label, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one.kind == same.kind
    for a, b in zip(one.solids, same.solids, strict=True):
        assert (a.material, a.weight) == (b.material, b.weight)
        np.testing.assert_array_equal(a.triangles_mm, b.triangles_mm)
    assert not np.array_equal(one.bounds_mm()[1], other.bounds_mm()[1])


def test_families_can_be_chosen_and_held_out() -> None:
    rng = np.random.default_rng(0)
    assert {random_threat("handgun", rng, {"pocket"}).kind for _ in range(5)} == {"handgun/pocket"}
    held_out = {"closed", "alloy"}
    kinds = {random_threat("slide", rng, exclude=held_out).kind for _ in range(30)}
    assert kinds == {"slide/open_top", "slide/pocket"}


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown label 'sword'; known labels: handgun"):
        random_threat("sword", rng)
    with pytest.raises(ValueError, match=r"unknown families \['nope'\] of slide; known families: closed"):
        random_threat("slide", rng, {"nope"})
    with pytest.raises(ValueError, match="no family of slide is left"):
        random_threat("slide", rng, exclude=set(FAMILIES["slide"]))


@pytest.mark.parametrize("label", LABELS)
def test_groups_keep_their_label_and_lie_about_the_origin(label: str) -> None:
    for seed in range(8):
        group = threat_group(np.random.default_rng(seed), label)
        assert {phantom.label for phantom in group} == {label}
        lows, highs = zip(*(phantom.bounds_mm() for phantom in group), strict=True)
        np.testing.assert_allclose(np.min(lows, axis=0) + np.max(highs, axis=0), 0, atol=0.05)


def test_ammunition_groups_are_many_and_of_one_kind() -> None:
    for make, label in ((cartridge_group, "cartridge"), (shotshell_group, "shotshell")):
        groups = [make(np.random.default_rng(seed)) for seed in range(12)]
        assert max(len(group) for group in groups) >= 10
        assert min(len(group) for group in groups) >= 2
        for group in groups:
            assert len({phantom.kind for phantom in group}) == 1
            assert group[0].label == label


def test_printed_and_converted_guns_say_so() -> None:
    rng = np.random.default_rng(3)
    assert random_threat("handgun", rng, {"printed"}).attributes == ("polymer", "printed")
    assert random_threat("handgun", rng, {"converted"}).attributes == ("converted",)


def test_a_loaded_magazine_holds_lead_and_a_gun_is_not_one_block() -> None:
    materials = {
        s.material for seed in range(20) for s in random_threat("magazine", np.random.default_rng(seed)).solids
    }
    assert {"lead", "brass", "propellant"} <= materials
    rng = np.random.default_rng(1)
    for family in ("service", "pocket", "open_top"):
        for seed in range(4):
            gun = FAMILIES["handgun"][family](np.random.default_rng(seed))
            low, high = gun.bounds_mm()
            paths = path_lengths_mm(gun, rng.uniform(low[:2], high[:2], (150, 2)))
            metals = ("steel", "stainless", "zinc_alloy", "aluminium")
            metal = np.sum([paths.get(name, np.zeros(150)) for name in metals], axis=0)
            assert np.median(metal[metal > 0.5]) < 16


def test_a_heavy_pistol_casts_the_darker_shadow() -> None:
    drawn = [draw_pistol(np.random.default_rng(seed)) for seed in SEEDS]
    assert 0.4 < np.mean([pistol.heavy for pistol in drawn]) < 0.8
    more, darker = [], []
    for pistol in drawn:
        steel, shadow = [], []
        for heavy in (False, True):
            slide = Assembly()
            slide_of(slide, np.random.default_rng(1), replace(pistol, heavy=heavy), "steel", wall=2.0)
            phantom = slide.phantom("slide/test", "slide")
            steel.append(sum(volume_mm3(solid) for solid in phantom.solids))
            low, high = phantom.bounds_mm()
            rays = np.random.default_rng(2).uniform(low[:2], high[:2], (400, 2))
            paths = path_lengths_mm(phantom, rays)["steel"]
            shadow.append(float(np.median(paths[paths > 0.5])))
        more.append(steel[1] / steel[0])
        darker.append(shadow[1] / shadow[0])
    assert min(darker) > 1.0 - 1e-6  # by volume it may be the lighter one: its edges are rounder
    assert np.median(darker) > 1.25
    assert np.median(more) > 1.25

"""Every kind of benign object and every container is a sound body of a plausible size."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render import clutter
from datasets.render.clutter import CLUTTER, random_clutter
from datasets.render.clutter.containers import CONTAINERS, Container
from datasets.render.clutter.drapery import crumpled_foil, drapery
from datasets.render.materials import MATERIALS
from datasets.render.solids import Phantom, Solid, box

INNER_MM = (310.0, 230.0, 90.0)
SEEDS = (3, 4)


def lengths_mm(phantom: Phantom, rays: int = 20) -> dict[str, NDArray[np.float64]]:
    """Return the path lengths (rays, rays) of vertical rays over the phantom, one array a material."""
    low, high = (np.asarray(corner, np.float64) for corner in phantom.bounds_mm())
    steps = np.arange(rays) / rays
    # Off the diagonals, on which edges of symmetrical meshes lie.
    x = low[0] + (steps + 0.5137 / rays) * (high[0] - low[0])
    y = low[1] + (steps + 0.4619 / rays) * (high[1] - low[1])
    total: dict[str, NDArray[np.float64]] = {}
    for solid in phantom.solids:
        sums = total.setdefault(solid.material, np.zeros((rays, rays)))
        corners = solid.triangles_mm.astype(np.float64)
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        least, most = corners.min(axis=1), corners.max(axis=1)
        first_x, last_x = np.searchsorted(x, least[:, 0]), np.searchsorted(x, most[:, 0])
        first_y, last_y = np.searchsorted(y, least[:, 1]), np.searchsorted(y, most[:, 1])
        hit = (last_x > first_x) & (last_y > first_y) & (np.abs(area) > 1e-9)
        for k in np.nonzero(hit)[0]:
            window = slice(first_x[k], last_x[k]), slice(first_y[k], last_y[k])
            ray_x, ray_y = x[window[0], None], y[None, window[1]]
            s = ((ray_x - a[k, 0]) * (c[k, 1] - a[k, 1]) - (ray_y - a[k, 1]) * (c[k, 0] - a[k, 0])) / area[k]
            t = ((b[k, 0] - a[k, 0]) * (ray_y - a[k, 1]) - (b[k, 1] - a[k, 1]) * (ray_x - a[k, 0])) / area[k]
            depth = a[k, 2] + s * (b[k, 2] - a[k, 2]) + t * (c[k, 2] - a[k, 2])
            inside = (s >= 0) & (t >= 0) & (s + t < 1)
            sums[window] += np.where(inside, depth * np.sign(area[k]) * solid.weight, 0.0)
    return total


def assert_sound(phantom: Phantom) -> None:
    """Check that the phantom is finite, closed, faces outward and takes nothing away that is not there."""
    for solid in phantom.solids:
        assert solid.material in MATERIALS
        corners = solid.triangles_mm.astype(np.float64)
        assert np.isfinite(corners).all()
        areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert np.abs(areas.sum(axis=0)).max() < 1e-4 * np.abs(areas).sum(), "not closed"
        assert np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) > 0, "faces inward"
    for material, lengths in lengths_mm(phantom).items():
        assert lengths.min() > -0.01, f"{material} has negative lengths"


def contained(container: Container) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    bounds = [phantom.bounds_mm() for phantom in container.phantoms]
    return np.min([low for low, _ in bounds], axis=0), np.max([high for _, high in bounds], axis=0)


def test_the_ray_sum_sees_a_cavity_and_an_overdrawn_one() -> None:
    solid, hole = box((20, 20, 10), "steel"), box((10, 10, 4), "steel")
    sound = lengths_mm(Phantom("test/box", (solid, hole.cavity())))["steel"]
    assert np.unique(sound.round(3)).tolist() == [6.0, 10.0]
    broken = lengths_mm(Phantom("test/box", (solid, hole.scaled((1, 1, 4)).cavity())))["steel"]
    assert broken.min() == pytest.approx(-6.0)


@pytest.mark.parametrize("kind", CLUTTER)
def test_an_object_is_sound_centred_and_of_a_plausible_size(kind: str) -> None:
    for seed in SEEDS:
        phantom = CLUTTER[kind](np.random.default_rng(seed))
        assert phantom.label is None
        assert phantom.attributes == ()
        assert phantom.kind.endswith(f"/{kind}")
        assert_sound(phantom)
        low, high = phantom.bounds_mm()
        np.testing.assert_allclose(low + high, 0, atol=0.01)
        size = high - low
        assert 20 < size.max() < 620
        assert size[0] >= size[1] * 0.6  # the longest side lies along x, or nearly where the pose is kept
        assert size.min() > 0.3
        assert sum(len(solid.triangles_mm) for solid in phantom.solids) <= 16_000


@pytest.mark.parametrize("kind", CLUTTER)
def test_a_seed_repeats_an_object_and_another_changes_it(kind: str) -> None:
    first, again, other = (CLUTTER[kind](np.random.default_rng(seed)) for seed in (11, 11, 12))

    def content(phantom: Phantom) -> list[tuple[str, float, bytes]]:
        return [(solid.material, solid.weight, solid.triangles_mm.tobytes()) for solid in phantom.solids]

    assert content(first) == content(again)
    assert content(first) != content(other)


def test_there_are_many_kinds_and_every_group_names_some() -> None:
    assert len(CLUTTER) >= 135
    groups = (
        clutter.SOFT, clutter.ELECTRONICS, clutter.KITCHEN, clutter.TOOLS, clutter.TOILETRY, clutter.TOYS,
        clutter.SMALL_METAL, clutter.LOOK_ALIKES,
    )  # fmt: skip
    for group in groups:
        assert len(group) == len(set(group)) >= 9
    assert {name for group in groups for name in group} | set(clutter.HARDWARE) == set(CLUTTER)


def test_a_kind_is_drawn_from_the_given_ones() -> None:
    rng = np.random.default_rng(0)
    drawn = {random_clutter(rng, kinds=("book", "soap")).kind for _ in range(12)}
    assert drawn == {"soft/book", "toiletry/soap"}
    assert random_clutter(rng, "hammer").kind == "tools/hammer"
    with pytest.raises(KeyError):
        random_clutter(rng, "howitzer")


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_sound_and_surrounds_the_asked_room(name: str) -> None:
    for seed in SEEDS:
        container = CONTAINERS[name](np.random.default_rng(seed), INNER_MM)
        for phantom in container.phantoms:
            assert phantom.label is None
            assert_sound(phantom)
        np.testing.assert_allclose(container.inner_high_mm - container.inner_low_mm, INNER_MM)
        low, high = contained(container)
        # Faces of cloth are pinched a little at their edges.
        slack = 0.06 * np.asarray(INNER_MM) if name == "carrier_bag" else np.zeros(3)
        assert (low[:2] <= container.inner_low_mm[:2] + slack[:2]).all()
        assert (high[:2] >= container.inner_high_mm[:2] - slack[:2]).all()
        assert low[2] <= container.inner_low_mm[2]
        assert (high - low - INNER_MM < 300).all()


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_follows_a_room_that_is_longer_along_the_belt(name: str) -> None:
    container = CONTAINERS[name](np.random.default_rng(5), (200.0, 400.0, 80.0))
    low, high = contained(container)
    assert high[1] - low[1] > high[0] - low[0]


def assert_hollow(solids: tuple[Solid, ...]) -> None:
    assert any(solid.weight < 0 for solid in solids)


@pytest.mark.parametrize("kind", ["bottle", "thermos", "can", "toy_car", "laptop"])
def test_shells_have_cavities(kind: str) -> None:
    assert_hollow(CLUTTER[kind](np.random.default_rng(1)).solids)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("room_mm", [(420.0, 300.0, 150.0), (90.0, 320.0, 20.0)])
def test_cloth_reaches_the_walls_and_is_never_of_one_thickness(seed: int, room_mm: tuple[float, float, float]) -> None:
    phantom = drapery(np.random.default_rng(seed), room_mm)
    assert_sound(phantom)
    low, high = phantom.bounds_mm()
    size = high - low
    assert (size[:2] > 0.9 * np.array(room_mm[:2])).all()
    assert (size[:2] < 1.2 * np.array(room_mm[:2])).all()
    total = sum(lengths_mm(phantom, rays=40).values())
    assert (np.asarray(total) > 0.1).mean() > 0.7  # hardly a gap
    assert np.unique(np.round(total, 2)).size > 200


def test_crumpled_foil_shows_facets_and_is_nowhere_thinner_than_the_sheet() -> None:
    rng = np.random.default_rng(1)
    foil = Phantom("foil", (crumpled_foil(rng, (220.0, 160.0), 0.3, "aluminium"),))
    assert_sound(foil)
    inside = lengths_mm(foil, rays=60)["aluminium"][8:-8, 8:-8]
    assert inside.min() > 0.299
    assert np.percentile(inside, 95) > 1.15 * np.percentile(inside, 5)

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from datasets.catalogue import Catalogue
from datasets.checks import check_catalogue
from datasets.errors import JobError
from datasets.render.recipe import Recipe
from datasets.render.reference import SEED, Quotas, build_reference, planned_parcels
from datasets.render.sample import parcel_rng
from datasets.render.scene import compose, planned_labels
from detector.taxonomy import LABELS

RECIPE = Recipe(
    name="small", views=2, long_side_px=(96, 128), max_triangles=8000, firearm_share=0.5, close_up_share=0.5
)
NOTHING = Quotas(label=0, scanner=0, difficulty=0)


def test_the_plan_is_what_is_composed_but_for_what_did_not_fit() -> None:
    for index in range(6):
        planned = planned_labels(parcel_rng(3, index), RECIPE)
        placed = {phantom.label for phantom in compose(parcel_rng(3, index), RECIPE).phantoms if phantom.label}
        assert placed <= {*planned, "magazine"}  # a magazine may lie beside a firearm
        assert bool(placed) == bool(planned)


def test_plans_level_the_labels_and_keep_some_parcels_benign() -> None:
    recipe = Recipe.load("reference")
    indices = list(islice(planned_parcels(recipe, SEED), 200))
    assert len(set(indices)) == 200
    counts = Counter(
        label for index in indices for label in set(planned_labels(parcel_rng(SEED, index), recipe)) or {"benign"}
    )
    assert min(counts[label] for label in LABELS) > 0.8 * max(counts[label] for label in LABELS)
    assert counts["benign"] > 5


def test_an_interrupted_build_goes_on_and_gives_the_same_catalogue(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    seen: list[tuple[int, int]] = []
    with pytest.raises(KeyboardInterrupt):
        build_reference(tmp_path / "a", parcels=5, recipe=RECIPE, quotas=NOTHING, on_progress=stop)
    first = build_reference(
        tmp_path / "a",
        parcels=5,
        recipe=RECIPE,
        quotas=NOTHING,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[0][0] >= 2
    assert seen[-1] == (6, 6)
    second = build_reference(tmp_path / "b", parcels=5, jobs=2, recipe=RECIPE, quotas=NOTHING)
    assert first.version == second.version
    assert len({record.parcel_id for record in first.records}) == 5
    assert sorted(path.name for path in (tmp_path / "a/images").iterdir()) == sorted(r.file_name for r in first.records)
    assert Counter(record.view for record in first.records) == {"top": 5, "side": 5}
    assert all(record.difficulty and record.complexity is not None for record in first.records)
    assert all(mark.difficulty and mark.superposition is not None for _, marks in first.items() for mark in marks)
    assert [problem for problem in check_catalogue(first.folder) if not problem.warning] == []
    assert Catalogue.load(first.folder).items() == first.items()
    with pytest.raises(JobError, match="already holds a catalogue"):
        build_reference(tmp_path / "a", parcels=5, recipe=RECIPE, quotas=NOTHING)


def test_quotas_that_the_recipe_cannot_reach_are_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"give only .*0 of 1 for label bolt;.* change its shares"):
        build_reference(
            tmp_path / "out",
            parcels=1,
            recipe=Recipe(name="guns", views=1, long_side_px=(64, 64), max_triangles=1000, part_share=0, mixed_share=0),
            quotas=Quotas(label=1, scanner=0, difficulty=0),
        )

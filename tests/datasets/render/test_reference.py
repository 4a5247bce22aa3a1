from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue
from datasets.checks import check_catalogue
from datasets.errors import JobError
from datasets.records import ImageRecord
from datasets.render.recipe import Recipe
from datasets.render.reference import SEED, Quotas, build_reference, choose_parcels, planned_parcels, shows
from datasets.render.sample import parcel_rng
from datasets.render.scene import compose, planned_labels
from datasets.samples import Annotation
from detector.taxonomy import LABELS

RECIPE = Recipe(
    name="small", views=2, long_side_px=(96, 128), max_triangles=8000, firearm_share=0.5, close_up_share=1.0
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


def test_the_choice_keeps_what_is_rare() -> None:
    def images(parcel: int, label: str, scanner: str) -> tuple[tuple[ImageRecord, tuple[Annotation, ...]], ...]:
        record = ImageRecord(f"{parcel}.png", 9, 9, "0" * 64, str(parcel), scanner=scanner, difficulty="easy")
        return ((record, (Annotation(label, (1, 1, 5, 5)),)),)

    rendered = {number: images(number, "handgun", "vivid") for number in range(8)}
    rendered |= {8: images(8, "bolt", "vivid"), 9: images(9, "handgun", "line_grey")}
    chosen = choose_parcels(rendered, 4)
    assert len(chosen) == 4
    assert {8, 9} <= set(chosen)
    assert choose_parcels(dict(reversed(rendered.items())), 4) == chosen


def test_a_picture_that_is_black_or_burnt_out_at_its_threats_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    record = ImageRecord("a.png", 64, 48, "0" * 64, "a")
    inside, beside = Annotation("handgun", (10, 10, 30, 30)), Annotation("bolt", (44, 4, 60, 20))
    for level, seen in ((0, False), (8, False), (40, True)):
        image = np.zeros((48, 64), np.uint8)
        image[14:26, 14:26] = level
        image[:, :2] = 255  # the open beam beside the parcel is no contrast of the threat
        cv2.imwrite(str(tmp_path / "images/a.png"), image)
        assert shows(tmp_path, record, [inside]) == seen
        assert shows(tmp_path, record, [beside, inside]) == seen
    assert shows(tmp_path, record, [])


def test_an_interrupted_build_goes_on_and_gives_the_same_catalogue(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    def show(done: int, total: int) -> None:
        seen.append((done, total))

    seen: list[tuple[int, int]] = []
    with pytest.raises(KeyboardInterrupt):
        build_reference(tmp_path / "a", parcels=2, recipe=RECIPE, quotas=NOTHING, on_progress=stop)
    first = build_reference(tmp_path / "a", parcels=2, recipe=RECIPE, quotas=NOTHING, on_progress=show)
    assert seen[0][0] >= 1
    assert seen[-1] == (2, 2)
    second = build_reference(tmp_path / "b", parcels=2, jobs=2, recipe=RECIPE, quotas=NOTHING)
    assert first.version == second.version
    assert Counter(record.view for record in first.records) == {"top": 2, "side": 2}
    assert all(record.difficulty and record.complexity is not None for record in first.records)
    marks = [mark for _, marks in first.items() for mark in marks]
    assert marks
    assert all(mark.difficulty and mark.superposition is not None for mark in marks)
    assert [problem for problem in check_catalogue(first.folder) if not problem.warning] == []
    assert Catalogue.load(first.folder).items() == first.items()
    with pytest.raises(JobError, match="already holds a catalogue"):
        build_reference(tmp_path / "a", parcels=2, recipe=RECIPE, quotas=NOTHING)


def test_quotas_that_the_recipe_cannot_reach_are_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"give only .*0 of 1 for label bolt;.* change its shares"):
        build_reference(
            tmp_path / "out",
            parcels=1,
            recipe=Recipe(name="guns", views=1, long_side_px=(64, 64), max_triangles=1000, part_share=0, mixed_share=0),
            quotas=Quotas(label=1, scanner=0, difficulty=0),
        )

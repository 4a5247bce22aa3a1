from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.errors import CatalogueError
from datasets.records import ImageRecord
from datasets.split import split_records


def records(parcels: int, views: int = 2) -> list[ImageRecord]:
    return [
        ImageRecord(f"{parcel}-{view}.png", 10, 10, f"{parcel:060x}{view:04x}", f"p{parcel}", scanner=f"s{parcel % 4}")
        for parcel in range(parcels)
        for view in range(views)
    ]


@given(st.integers(3, 80), st.integers(0, 1000))
def test_parcels_stay_together_and_no_split_with_a_share_is_empty(parcels: int, seed: int) -> None:
    images = split_records(records(parcels), (0.8, 0.1, 0.1), seed=seed)
    splits: dict[str, set[str]] = defaultdict(set)
    for image in images:
        splits[image.parcel_id].add(image.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {image.split for image in images} == {"train", "val", "test"}
    assert [image.file_name for image in images] == [image.file_name for image in records(parcels)]


def test_shares_are_met_and_the_seed_decides() -> None:
    images = split_records(records(4000, views=1), (0.7, 0.2, 0.1), seed=1)
    counts = Counter(image.split for image in images)
    assert counts["train"] == pytest.approx(2800, abs=90)
    assert counts["val"] == pytest.approx(800, abs=75)
    assert images == split_records(records(4000, views=1), (0.7, 0.2, 0.1), seed=1)
    assert images != split_records(records(4000, views=1), (0.7, 0.2, 0.1), seed=2)


def test_a_parcel_stays_in_its_split_when_the_catalogue_grows() -> None:
    small = {image.parcel_id: image.split for image in split_records(records(200), (0.8, 0.1, 0.1))}
    large = {image.parcel_id: image.split for image in split_records(records(400), (0.8, 0.1, 0.1))}
    assert {parcel: large[parcel] for parcel in small} == small


def test_scanners_stay_together() -> None:
    images = split_records(records(40), (0.6, 0.2, 0.2), by="scanner")
    splits: dict[str, set[str]] = defaultdict(set)
    for image in images:
        splits[image.scanner].add(image.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {image.split for image in images} == {"train", "val", "test"}


def test_a_share_of_zero_stays_empty() -> None:
    assert {image.split for image in split_records(records(30), (0, 0, 1))} == {"test"}
    assert {image.split for image in split_records(records(30), (0.5, 0, 0.5))} == {"train", "test"}


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_shares_that_do_not_add_up_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(CatalogueError, match="add up to 1"):
        split_records(records(3), shares)

from __future__ import annotations

from pathlib import Path

import pytest

from training.budget import EpochOrder, Progress, planned_epochs


def test_epochs_that_fit_are_planned() -> None:
    assert planned_epochs(Progress(10, 600.0, 60.0), 1200.0) == 20
    assert planned_epochs(Progress(10, 600.0, 60.0), 1229.0) == 20
    assert planned_epochs(Progress(10, 600.0, 60.0), 1231.0) == 21
    assert planned_epochs(Progress(10, 600.0, 60.0), 0.0) == 11  # at least the one that runs


def test_progress_survives_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    assert Progress.load(path) == Progress()
    Progress(3, 12.5, 4.0).save(path)
    assert Progress.load(path) == Progress(3, 12.5, 4.0)
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]


@pytest.mark.parametrize("epoch_images", [3, 7, 10, 24])
def test_no_image_comes_twice_before_all_came_once(epoch_images: int) -> None:
    order = EpochOrder(10, epoch_images, seed=4)
    seen = [index for _ in range(10) for index in order]
    assert len(seen) == 10 * epoch_images
    for turn in range(len(seen) // 10):
        assert sorted(seen[turn * 10 : turn * 10 + 10]) == list(range(10))


def test_a_resumed_run_goes_on_where_the_first_stopped() -> None:
    whole = EpochOrder(10, 4, seed=1)
    epochs = [list(whole) for _ in range(6)]
    assert [list(EpochOrder(10, 4, seed=1, first_epoch=3))] == [epochs[3]]
    assert list(EpochOrder(10, 4, seed=2)) != epochs[0]

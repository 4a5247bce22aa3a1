from __future__ import annotations

from pathlib import Path

from training.budget import Progress, planned_epochs


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

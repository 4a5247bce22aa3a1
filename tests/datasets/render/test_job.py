import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.catalogue import Catalogue
from datasets.errors import JobError
from datasets.render.job import render_catalogue
from datasets.render.recipe import Recipe
from datasets.render.sample import render_parcel
from detector.images import decode, decode_dual_energy
from parcelray import main

RECIPE = Recipe(
    name="small", long_side_px=(96, 128), max_triangles=20_000, views=2, firearm_share=0.5, split={"train": 1, "val": 1}
)
COUNT = 4
SEED = 5


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one") / "catalogue"
    render_catalogue(folder, RECIPE, COUNT, SEED, 1)
    return folder


def test_same_bytes_whatever_the_number_of_jobs(rendered: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    render_catalogue(
        tmp_path / "two", RECIPE, COUNT, SEED, 2, on_progress=lambda done, total: seen.append((done, total))
    )
    assert contents(tmp_path / "two") == contents(rendered)
    assert seen == [(done, COUNT) for done in range(COUNT + 1)]


def test_catalogue_holds_every_view_with_its_provenance(rendered: Path) -> None:
    catalogue = Catalogue.load(rendered)
    assert len(catalogue.records) == COUNT * 2
    for record in catalogue.records:
        assert hashlib.sha256(catalogue.path_of(record).read_bytes()).hexdigest() == record.sha256
        assert record.recipe == RECIPE.digest()
        assert record.seed == SEED
        assert record.split == RECIPE.split_of(record.parcel_id)
        for annotation in catalogue.annotations_of(record):
            x0, y0, x1, y1 = annotation.xyxy
            assert 0 <= x0 < x1 <= record.width
            assert 0 <= y0 < y1 <= record.height
    views = {(record.parcel_id, record.view) for record in catalogue.records}
    assert len(views) == COUNT * 2
    assert not (rendered / ".parts").exists()


def test_finished_job_is_left_alone_and_other_jobs_are_refused(rendered: Path) -> None:
    before = contents(rendered)
    assert render_catalogue(rendered, RECIPE, COUNT, SEED, 1).version == Catalogue.load(rendered).version
    with pytest.raises(JobError, match="another catalogue"):
        render_catalogue(rendered, RECIPE, COUNT + 1, SEED, 1)
    assert contents(rendered) == before


def test_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(JobError, match="not empty"):
        render_catalogue(tmp_path, RECIPE, 1, 0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("count", "seed", "jobs"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
def test_numbers_out_of_range_are_refused(tmp_path: Path, count: int, seed: int, jobs: int) -> None:
    with pytest.raises(JobError, match="at least"):
        render_catalogue(tmp_path / "out", RECIPE, count, seed, jobs)


def test_raw_dual_energy_goes_through_the_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = replace(RECIPE, name="raw", image_format="dual_tiff", pseudo_colour_share=0.0)
    catalogue = render_catalogue(tmp_path / "raw", recipe, 2, SEED)
    for index, parcel in enumerate(sorted({record.parcel_id for record in catalogue.records})):
        for sample in render_parcel(recipe, SEED, index):
            record = next(
                one for one in catalogue.images() if (one.parcel_id, one.view) == (parcel, sample.provenance["view"])
            )
            data = catalogue.path_of(record).read_bytes()
            measured = decode_dual_energy(data)
            assert measured is not None
            assert sample.transmissions is not None
            assert np.abs(measured - sample.transmissions.clip(0, 1)).max() < 1e-4
            assert (record.energy, record.output) == ("dual", "colour")
            assert decode(data).shape == (record.height, record.width, 3)
    assert main(["catalogue", "check", str(tmp_path / "raw")]) == 0
    assert main(["catalogue", "stats", str(tmp_path / "raw")]) == 0
    assert main(["catalogue", "sheet", str(tmp_path / "raw"), str(tmp_path / "sheet.png")]) == 0
    assert main(["catalogue", "export", str(tmp_path / "raw"), str(tmp_path / "yolo"), "--format", "yolo"]) == 0
    exported = sorted((tmp_path / "yolo").rglob("*.png"))
    assert len(exported) == len(catalogue.records)
    decoded = {decode(catalogue.path_of(record).read_bytes()).tobytes() for record in catalogue.records}
    assert {decode(path.read_bytes()).tobytes() for path in exported} == decoded

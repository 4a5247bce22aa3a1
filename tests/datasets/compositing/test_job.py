"""Insertion into whole catalogues, through the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.compositing.benign import Benign
from datasets.compositing.job import InsertOptions, insert_into_catalogue
from datasets.compositing.look import Look
from datasets.encoding import encode_dual_energy
from datasets.errors import JobError
from datasets.records import ImageRecord
from datasets.samples import Annotation
from parcelray import main


def parcel_bytes(seed: int) -> bytes:
    """Return a raw scan of a carton with blocks of random thickness."""
    rng = np.random.default_rng(seed)
    attenuation = np.zeros((96, 128), np.float32)
    attenuation[8:88, 8:120] = 0.08
    for _ in range(8):
        row, column = rng.integers(8, 60), rng.integers(8, 90)
        attenuation[row : row + 25, column : column + 28] += rng.uniform(0.05, 0.5)
    noise = rng.normal(1.0, 0.005, (2, 96, 128)).astype(np.float32)
    return encode_dual_energy(np.exp(-np.stack([1.2 * attenuation, attenuation])) * noise)


@pytest.fixture
def benign(tmp_path: Path) -> Catalogue:
    """Return a research-only catalogue of six benign scans and one with a threat."""
    items: list[tuple[ImageRecord, list[Annotation]]] = []
    (tmp_path / "benign/images").mkdir(parents=True)
    for number in range(7):
        data = parcel_bytes(number)
        name = f"{number}.tiff"
        (tmp_path / "benign/images" / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        split = "val" if number == 5 else "train"
        record = ImageRecord(name, 128, 96, digest, f"parcel-{number}", split, "top", "site-1", "site", "site licence")  # type: ignore[arg-type]
        items.append((record, [Annotation("handgun", (20, 20, 60, 50))] if number == 6 else []))
    return write_catalogue(
        tmp_path / "benign", items, CatalogueInfo("site", "site licence", "real", research_only=True)
    )


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_inserted_catalogue_inherits_parcel_split_licence_and_says_where_it_comes_from(
    benign: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look, out = tmp_path / "look.json", tmp_path / "out"
    Look("site-1", pixel_mm=(2.0, 3.0)).save(look)
    words = ["catalogue", "insert", str(benign.folder), str(out), "--count", "8", "--seed", "4", "--look", str(look)]
    assert main([*words, "--labels", "slide", "magazine"]) == 0
    assert "site licence, research only" in capsys.readouterr().out
    made = Catalogue.load(out)
    assert made.info == CatalogueInfo(
        "site-inserted", "site licence", "composited", research_only=True, created_by=made.info.created_by
    )
    by_hash = {record.sha256[:16]: record for record in benign.records}
    used = set()
    for record in made.records:
        origin = by_hash[record.source.split()[3]]
        used.add(origin.parcel_id)
        assert not benign.annotations_of(origin)
        assert (record.parcel_id, record.split, record.scanner, record.view, record.licence) == (
            *(origin.parcel_id, origin.split, "site-1", "top"),
            "site licence",
        )
        assert record.seed == 4
        assert record.recipe
        marks = made.annotations_of(record)
        assert marks
        assert all(mark.label in {"slide", "magazine"} and mark.difficulty is not None for mark in marks)
    assert len(used) == 6  # every benign scan has its turn
    assert main(["catalogue", "check", str(out)]) == 0
    assert Look.load(out / "look.json") == Look.load(look)


def test_same_bytes_whatever_the_jobs_and_after_a_stop(benign: Catalogue, tmp_path: Path) -> None:
    scans = Benign.open(benign.folder)
    options = InsertOptions(count=5, look=Look("site-1", pixel_mm=(2.0, 3.0)), seed=1)
    insert_into_catalogue(scans, tmp_path / "one", options, 1)

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        insert_into_catalogue(scans, tmp_path / "two", options, 2, on_progress=stop)
    assert not (tmp_path / "two/catalogue.json").exists()
    with pytest.raises(JobError, match="half-done job of another seed"):
        insert_into_catalogue(scans, tmp_path / "two", InsertOptions(count=5, look=options.look, seed=2), 1)
    seen: list[int] = []
    insert_into_catalogue(scans, tmp_path / "two", options, 2, on_progress=lambda done, _: seen.append(done))
    assert seen[0] >= 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    with pytest.raises(JobError, match="not empty"):
        insert_into_catalogue(scans, tmp_path / "two", options, 1)


def test_a_folder_of_images_needs_a_licence_and_lists_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.tiff").write_bytes(parcel_bytes(number))
    (folder / "broken.png").write_bytes(b"\x89PNG nothing")
    words = ["catalogue", "insert", str(folder), str(tmp_path / "out"), "--count", "3"]
    assert main(words) == 2
    assert "state their licence with --licence" in capsys.readouterr().err
    assert main([*words, "--licence", "own", "--pixel-mm", "2", "3"]) == 0
    printed = capsys.readouterr().out
    assert "left out: broken.png" in printed
    made = Catalogue.load(tmp_path / "out")
    assert (made.info.licence, made.info.source_kind, len(made.records)) == ("own", "composited", 3)
    look = json.loads((tmp_path / "out/look.json").read_text())
    assert look["kind"] == "raw"
    assert any("scans are few" in line for line in look["assumed"])


def test_an_unusable_request_says_what_to_do(
    benign: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["catalogue", "insert", str(benign.folder), str(tmp_path / "out"), "--count", "2"]
    for more, told in (
        (["--look", "nowhere.json"], "parcelray catalogue look"),
        (["--look", "line_grey", "--labels", "sword"], "known labels: handgun"),
        (["--look", "line_grey"], "no scan takes a threat"),
        (["--pixel-mm", "3", "1"], "LOW <= HIGH"),
        (["--scanner", "other"], "holds no benign scan"),
    ):
        assert main([*words, *more]) == 2, more
        assert told in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["catalogue", "look", str(empty), str(tmp_path / "look.json")]) == 2
    assert "holds no benign scan" in capsys.readouterr().err
    cv2.imwrite(str(empty / "one.png"), np.full((40, 40, 3), 200, np.uint8))
    assert main(["catalogue", "look", str(empty), str(tmp_path / "look.json")]) == 2
    assert "at least 10" in capsys.readouterr().err

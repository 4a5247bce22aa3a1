from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue, write_catalogue
from datasets.checks import check_catalogue
from datasets.errors import CatalogueError
from datasets.hashing import difference_hash, hash_distances, sha256_of_file
from datasets.samples import Annotation

Make = Callable[..., Catalogue]
Write = Callable[[Path, int], None]


def reasons(folder: Path, file: str) -> list[str]:
    return [problem.reason for problem in check_catalogue(folder) if problem.file == file]


def test_a_sound_catalogue_has_no_problem_and_reports_progress(make_catalogue: Make) -> None:
    steps: list[tuple[int, int]] = []
    folder = make_catalogue().folder
    assert check_catalogue(folder, on_progress=lambda done, total: steps.append((done, total))) == []
    assert steps == [(done, 12) for done in range(1, 13)]


def test_each_fault_is_named_with_its_file(make_catalogue: Make, write_image: Write) -> None:
    catalogue = make_catalogue()
    images = catalogue.folder / "images"
    write_image(images / "0/top.png", 99)
    (images / "0/side.png").unlink()
    (images / "1/top.png").write_bytes((images / "1/top.png").read_bytes()[:200])
    assert "SHA-256" in reasons(catalogue.folder, "0/top.png")[0]
    assert "cannot be read (No such file" in reasons(catalogue.folder, "0/side.png")[0]
    assert "SHA-256" in reasons(catalogue.folder, "1/top.png")[0]
    assert reasons(catalogue.folder, "1/side.png") == []


def test_a_file_that_never_was_an_image_is_named(make_catalogue: Make) -> None:
    catalogue = make_catalogue()
    path = catalogue.folder / "images/0/top.png"
    for data in (b"", b"not an image", path.read_bytes()[:300]):
        path.write_bytes(data)
        items = [
            (replace(image, sha256=sha256_of_file(path)) if image.file_name == "0/top.png" else image, marks)
            for image, marks in catalogue.items()
        ]
        write_catalogue(catalogue.folder, items, catalogue.info)
        assert "cannot be decoded" in reasons(catalogue.folder, "0/top.png")[0]


def test_boxes_and_sizes_are_held_against_the_image(make_catalogue: Make) -> None:
    catalogue = make_catalogue(marks=[Annotation("bolt", (50, 5, 64.5, 20))])
    assert "box (50.0, 5.0, 64.5, 20.0) of bolt leaves the image of 64 x 48 pixels" in reasons(
        catalogue.folder, "5/side.png"
    )
    items = [(replace(image, width=640, height=480), marks) for image, marks in catalogue.items()]
    write_catalogue(catalogue.folder, items, catalogue.info)
    assert reasons(catalogue.folder, "5/side.png") == ["is 64 x 48 pixels, the record says 640 x 480"]


def test_the_same_image_twice_is_a_problem_and_a_likeness_across_splits_a_warning(make_catalogue: Make) -> None:
    catalogue = make_catalogue()
    images = catalogue.folder / "images"
    same, near = images / "3/top.png", images / "1/side.jpg"
    same.write_bytes((images / "0/top.png").read_bytes())
    picture = cv2.imread(str(images / "0/side.png"))
    assert picture is not None
    cv2.imwrite(str(near), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    items = []
    for image, marks in catalogue.items():
        name = "1/side.jpg" if image.file_name == "1/side.png" else image.file_name
        items.append((replace(image, file_name=name, sha256=sha256_of_file(images / name)), marks))
    write_catalogue(catalogue.folder, items, catalogue.info)
    problems = check_catalogue(catalogue.folder)
    assert [(p.file, p.warning) for p in problems] == [("3/top.png", False), ("1/side.jpg", True)]
    assert "same image as 0/top.png" in problems[0].reason
    assert "looks almost the same as 0/side.png of train" in problems[1].reason


def test_an_edited_annotation_file_is_listed_with_every_bad_entry(make_catalogue: Make) -> None:
    folder = make_catalogue().folder
    path = folder / "annotations/train.json"
    document = json.loads(path.read_text("utf-8"))
    document["categories"][0]["name"] = "pistol"
    document["images"][0]["file_name"] = "../../outside.png"
    path.write_text(json.dumps(document), "utf-8")
    listed = [str(problem) for problem in check_catalogue(folder)]
    assert any("was changed after" in line for line in listed)
    assert any("leaves its folder" in line for line in listed)
    assert sum("unknown label 'pistol'" in line for line in listed) == 3


def test_a_parcel_in_two_splits_and_empty_splits_are_listed(make_catalogue: Make) -> None:
    catalogue = make_catalogue()
    path = catalogue.folder / "annotations/val.json"
    path.write_bytes(path.read_bytes().replace(b'"parcel-1"', b'"parcel-0"'))
    assert any(
        "parcel 'parcel-0' is in train and val" in problem.reason for problem in check_catalogue(catalogue.folder)
    )
    write_catalogue(catalogue.folder, [(i, m) for i, m in catalogue.items() if i.split == "test"], catalogue.info)
    assert [(p.file, p.warning) for p in check_catalogue(catalogue.folder)] == [
        ("annotations/train.json", True),
        ("annotations/val.json", True),
    ]
    write_catalogue(catalogue.folder, [], catalogue.info)
    assert [p.warning for p in check_catalogue(catalogue.folder)] == [False, False, False]


def test_a_link_out_of_the_catalogue_is_not_followed(make_catalogue: Make, tmp_path: Path) -> None:
    catalogue = make_catalogue()
    path = catalogue.folder / "images/0/top.png"
    path.rename(tmp_path / "elsewhere.png")
    path.symlink_to(tmp_path / "elsewhere.png")
    assert "leaves the catalogue" in reasons(catalogue.folder, "0/top.png")[0]


def test_a_folder_that_is_no_catalogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"has no catalogue\.json"):
        check_catalogue(tmp_path)


def test_the_perceptual_hash_survives_noise_and_tells_pictures_apart() -> None:
    rng = np.random.default_rng(3)
    pictures = [
        cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (320, 256), interpolation=cv2.INTER_CUBIC)
        for _ in range(12)
    ]
    hashes = np.stack([difference_hash(np.asarray(picture, np.uint8)) for picture in pictures])
    for number, picture in enumerate(pictures):
        noisy = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
        distances = hash_distances(hashes, difference_hash(noisy))
        assert distances[number] <= 6
        assert np.delete(distances, number).min() > 60

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets.catalogue import Catalogue
from datasets.checks import check_catalogue
from datasets.errors import CatalogueError, UnknownLabelError
from datasets.importing import ImportOptions, import_images

Make = Callable[..., Catalogue]
Write = Callable[[Path, int], None]
OWN = ImportOptions(licence="own")


@pytest.fixture
def export(tmp_path: Path, write_image: Write) -> tuple[Path, dict[str, Any]]:
    """An export as the review desk writes it: six scans, one box each but for the last."""
    folder = tmp_path / "export"
    names = ["handgun", "magazine"]
    document: dict[str, Any] = {
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
        "images": [],
        "annotations": [],
    }
    for number in range(6):
        write_image(folder / f"images/{number}.png", number)
        document["images"].append(
            {
                "id": number,
                "file_name": f"images/{number}.png",
                "width": 64,
                "height": 48,
                "parcel_id": f"scan-{number}",
                "view": "top",
                "scanner": "lane-1",
                "source": "parcelray-review",
                "licence": "site data",
                "energy": "unknown",
                "sha256": "0" * 64,  # of the posted file, not of the PNG in the export
                "review": "confirmed",
            }
        )
        if number < 5:
            box = {"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": [4, 5, 20, 10]}
            document["annotations"].append(box)
    save(folder, document)
    return folder, document


def save(folder: Path, document: dict[str, Any]) -> None:
    (folder / "annotations.json").write_text(json.dumps(document), "utf-8")


def test_an_export_becomes_a_sound_catalogue(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = export
    catalogue, problems = import_images("coco", folder, tmp_path / "out", OWN)
    assert problems == []
    assert not [problem for problem in check_catalogue(tmp_path / "out") if not problem.warning]
    read = Catalogue.load(tmp_path / "out")
    assert read.items() == catalogue.items()
    assert len(read.images()) == 6
    image = next(image for image in read.images() if image.parcel_id == "scan-1")
    (mark,) = read.annotations_of(image)
    assert (mark.label, mark.xyxy, mark.area) == ("magazine", (4.0, 5.0, 24.0, 15.0), 200.0)
    assert (image.licence, image.source, image.output) == ("own", "parcelray-review", "colour")
    assert (image.scanner, image.view, image.energy) == ("lane-1", "top", "dual")
    assert read.info.source_kind == "imported"
    assert not read.info.research_only


def test_our_own_annotation_files_import_to_the_same_content(make_catalogue: Make, tmp_path: Path) -> None:
    ours = make_catalogue()
    document = ours.folder / "train.json"
    document.write_bytes((ours.folder / "annotations/train.json").read_bytes())
    copy, problems = import_images("coco", document, tmp_path / "copy", ImportOptions(licence="CC0-1.0"))
    assert problems == []
    by_hash = {image.sha256: (image, ours.annotations_of(image)) for image in ours.images("train")}
    assert len(copy.images("train")) == len(by_hash)
    for image, marks in copy.items():
        assert marks == by_hash[image.sha256][1]
        assert image.parcel_id == by_hash[image.sha256][0].parcel_id


def test_an_unknown_label_says_how_to_map_it(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, document = export
    document["categories"] = [{"id": 1, "name": "Pistol"}, {"id": 2, "name": "Knife"}, {"id": 3, "name": "unused"}]
    save(folder, document)
    with pytest.raises(UnknownLabelError, match=r"unknown labels: Knife, Pistol; .*--map 'Knife=none' 'Pistol=none'"):
        import_images("coco", folder, tmp_path / "out", OWN)
    assert not (tmp_path / "out" / "catalogue.json").exists()
    mapped = ImportOptions(licence="own", mapping={"Pistol": "handgun", "Knife": "none"})
    catalogue, problems = import_images("coco", folder, tmp_path / "out", mapped)
    assert problems == []
    assert [mark.label for _, marks in catalogue.items() for mark in marks] == ["handgun"] * 3
    assert len(catalogue.images()) == 6
    with pytest.raises(UnknownLabelError, match="--map: gun is not ours"):
        import_images("coco", folder, tmp_path / "other", ImportOptions(licence="own", mapping={"Pistol": "gun"}))


def test_damaged_images_are_listed_and_left_out(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, document = export
    (folder / "images/0.png").write_bytes(b"")
    (folder / "images/1.png").write_bytes((folder / "images/1.png").read_bytes()[:150])
    (folder / "images/2.png").unlink()
    (folder / "images/3.png").write_bytes((folder / "images/4.png").read_bytes())
    (tmp_path / "secret.png").write_bytes((folder / "images/5.png").read_bytes())
    document["images"] += [
        {"id": 10, "file_name": "../secret.png"},
        {"id": 11, "file_name": "images/link.png"},
        {"id": 12, "file_name": "images/4.png", "width": 65},
        {"file_name": "images/4.png"},
        "nothing",
    ]
    (folder / "images/link.png").symlink_to(tmp_path / "secret.png")
    save(folder, document)
    catalogue, problems = import_images("coco", folder, tmp_path / "out", OWN)
    assert sorted(image.parcel_id for image in catalogue.images()) == ["scan-3", "scan-5"]
    listed = {problem.file: problem.reason for problem in problems}
    assert set(listed) == {
        *(f"images/{number}.png" for number in (0, 1, 2, 4)),
        "annotations.json image 6",
        "images/link.png",
        "annotations.json image 10",
    }
    assert "the file is missing" in listed["images/2.png"]
    assert "leaves its folder" in listed["annotations.json image 6"]
    assert "link that leaves" in listed["images/link.png"]


@pytest.mark.parametrize(
    "change",
    [
        {"bbox": [math.nan, 1, 2, 3]},
        {"bbox": [1, 2]},
        {"bbox": [100, 100, 5, 5]},
        {"bbox": [1, 1, 0, 5]},
        {"attributes": ["golden"]},
        {"bbox": None},
    ],
)
def test_an_image_with_a_bad_box_is_left_out_whole(
    export: tuple[Path, dict[str, Any]], tmp_path: Path, change: dict[str, Any]
) -> None:
    folder, document = export
    document["annotations"][2].update(change)
    save(folder, document)
    catalogue, problems = import_images("coco", folder, tmp_path / "out", OWN)
    assert [problem.file for problem in problems] == ["images/2.png"]
    assert "scan-2" not in {image.parcel_id for image in catalogue.images()}


def test_boxes_over_the_border_are_clipped_and_said(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, document = export
    document["annotations"][0]["bbox"] = [-0.5, 0, 20, 20]
    document["annotations"][1]["bbox"] = [50, 30, 30, 30]
    save(folder, document)
    catalogue, problems = import_images("coco", folder, tmp_path / "out", OWN)
    assert [(problem.file, problem.warning) for problem in problems] == [("images/1.png", True)]
    boxes = {image.parcel_id: marks[0].xyxy for image, marks in catalogue.items() if marks}
    assert boxes["scan-0"] == (0, 0, 19.5, 20)
    assert boxes["scan-1"] == (50, 30, 64, 48)


def test_attributes_as_cvat_writes_them(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, document = export
    document["annotations"][0]["attributes"] = {"occluded": True, "polymer": False, "rotation": 0.0}
    save(folder, document)
    catalogue, _ = import_images("coco", folder, tmp_path / "out", OWN)
    (mark,) = next(marks for image, marks in catalogue.items() if image.parcel_id == "scan-0")
    assert mark.attributes == ("occluded",)


def test_what_cannot_be_imported_is_said(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, document = export
    with pytest.raises(CatalogueError, match=r"holds no annotations\.json"):
        import_images("coco", tmp_path / "nowhere", tmp_path / "out", OWN)
    import_images("coco", folder, tmp_path / "out", ImportOptions(licence="own", research_only=True))
    assert Catalogue.load(tmp_path / "out").info.research_only
    with pytest.raises(CatalogueError, match="is a catalogue already"):
        import_images("coco", folder, tmp_path / "out", OWN)
    document["images"] = []
    save(folder, document)
    with pytest.raises(CatalogueError, match="no image is usable"):
        import_images("coco", folder, tmp_path / "empty", OWN)
    (folder / "annotations.json").write_bytes(b"{" * 100_000)
    with pytest.raises(CatalogueError, match="is not JSON"):
        import_images("coco", folder, tmp_path / "broken", OWN)

"""Every published layout is read from a tiny made-up folder of it, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue
from datasets.checks import check_catalogue
from datasets.cli_exchange import EXPORTS, IMPORTS
from datasets.exporting import export_catalogue
from datasets.formats.layouts import LAYOUTS, WRITERS
from datasets.importing import ImportOptions, import_images
from parcelray import main

WIDTH, HEIGHT = 64, 48


def picture(path: Path, seed: int) -> None:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.resize(blocks, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST))


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def _coco(root: Path, document: str, folder: str, labels: list[str], seed: int) -> None:
    """One image for each label, with one box of it and a mask."""
    categories = [{"id": number, "name": label} for number, label in enumerate(labels, start=1)]
    images, annotations = [], []
    for number, category in enumerate(categories, start=1):
        name = f"xray_{number:05}.png"
        picture(root / folder / name, seed + number)
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        mask = [[4, 5, 24, 5, 24, 15]]
        found = {"image_id": number, "category_id": category["id"], "bbox": [4, 5, 20, 10], "area": 100}
        annotations.append({"id": number, "iscrowd": 0, "segmentation": mask, **found})
    write(root / document, {"images": images, "annotations": annotations, "categories": categories})


def voc_object(label: str, box: str = "4 5 24 15") -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box.split(), strict=True)
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in corners)
    return f"<object><name>{label}</name><bndbox>{inner}</bndbox></object>"


def voc_file(*objects: str) -> str:
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
    return f"<annotation><folder>VOC</folder>{size}{''.join(objects)}</annotation>"


def pidray(root: Path) -> None:
    for seed, (document, folder) in enumerate(
        (("train", "train"), ("test_easy", "easy"), ("test_hard", "hard"), ("test_hidden", "hidden"))
    ):
        _coco(root, f"annotations/xray_{document}.json", folder, ["Gun", "Bullet", "Knife", "Powerbank"], 100 * seed)


def clcxray(root: Path) -> None:
    for seed, split in enumerate(("train", "val", "test")):
        _coco(root, f"annotations/instances_{split}2017.json", f"{split}2017", ["blade", "SwissArmyKnife"], 100 * seed)


def pixray(root: Path) -> None:
    for seed, split in enumerate(("train", "test")):
        _coco(root, f"annotations/pixray_{split}.json", split, ["Gun", "Saw_blade", "Pressure_vessel"], 100 * seed)


def sixray(root: Path) -> None:
    for number, (name, folder) in enumerate((("P00001", "20"), ("P00002", "20"), ("N00001", "0"), ("P00003", "20"))):
        picture(root / folder / f"{name}.jpg", number)
    write(root / "Annotation/P00001.xml", voc_file(voc_object("Gun"), voc_object("Knife", "1 1 9 9")))
    write(root / "Annotation/P00002.xml", voc_file(voc_object("Pliers")))
    header = "name,Gun,Knife,Wrench,Pliers,Scissors\n"
    write(root / "ImageSet/10/train.csv", header + "P00001,1,1,-1,-1,-1\nN00001,-1,-1,-1,-1,-1\n")
    write(root / "ImageSet/10/test.csv", header + "P00002,-1,-1,-1,1,-1\nP00003,1,-1,-1,-1,-1\n")


def opixray(root: Path) -> None:
    for seed, split in enumerate(("train", "test")):
        picture(root / split / f"{split}_image" / "009651.jpg", seed)
        line = "009651.jpg Folding_Knife 4 5 24 15\n009651.jpg Multi-tool_Knife 1 1 9 9\n"
        write(root / split / f"{split}_annotation" / "009651.txt", line)
        write(root / split / f"{split}_knife.txt", "009651\n")


def dvxray(root: Path) -> None:
    for seed, name in enumerate(("DvXray_Positive_Samples/P00001", "DvXray_Positive_Samples/P00002")):
        picture(root / f"{name}_OL.png", 10 * seed)
        picture(root / f"{name}_SD.png", 10 * seed + 1)
    picture(root / "DvXray_Negative_Samples/N00001_OL.png", 50)
    picture(root / "DvXray_Negative_Samples/N00001_SD.png", 51)
    gun = {"label": "Gun", "ol_bb": [4, 5, 24, 15], "sd_bb": [30, 5, 34, 40]}
    hidden = {"label": "Gun", "ol_bb": [24, 15, 4, 5], "sd_bb": "difficult"}
    knife = {"label": "Knife", "ol_bb": "difficult", "sd_bb": "difficult"}
    write(root / "DvXray_Positive_Samples/P00001.json", {"name": "P00001", "objects": [gun, knife]})
    write(root / "DvXray_Positive_Samples/P00002.json", {"name": "P00002", "objects": [hidden]})
    write(root / "DvXray_Negative_Samples/N00001.json", {"name": "N00001", "objects": "None"})


def gdxray(root: Path) -> None:
    for number in (1, 2):
        picture(root / f"Baggages/B0049/B0049_{number:04}.png", number)
        picture(root / f"Baggages/B0001/B0001_{number:04}.png", 10 + number)
    write(root / "Baggages/B0049/ground_truth.txt", "   1.0000000e+00   4   2.4e+01   1.5000000e+01   5\n")
    write(root / "Baggages/B0001/BoundingBox.mat", "MATLAB 5.0")


def stcray(root: Path) -> None:
    labels = {"Class 2_Gun": "Gun", "Class_3_3D Gun": "3D Gun", "Class 20_Bullet": "Bullet", "Class 6_Blade": "Blade"}
    for seed, part in enumerate(("STCray_TrainSet", "STCray_TestSet")):
        for number, (folder, label) in enumerate(labels.items()):
            picture(root / part / "Images" / folder / f"{number}.jpg", 10 * seed + number)
            shape = {"label": label, "points": [[24, 15], [4, 5]], "shape_type": "rectangle"}
            document = {"imagePath": f"{number}.jpg", "imageWidth": WIDTH, "imageHeight": HEIGHT, "shapes": [shape]}
            write(root / part / "Json_BB" / folder / f"{number}.json", document)
        picture(root / part / "Images" / "Class 22_Non Threat" / "clean.jpg", 10 * seed + 9)


MADE: dict[str, Callable[[Path], None]] = {
    "clcxray": clcxray,
    "dvxray": dvxray,
    "gdxray": gdxray,
    "opixray": opixray,
    "pidray": pidray,
    "pixray": pixray,
    "sixray": sixray,
    "stcray": stcray,
}

BOX = (4.0, 5.0, 24.0, 15.0)
# Parcel (or file), view, split, labels of what is kept.
EXPECTED: dict[str, list[tuple[str, str, str, list[str]]]] = {
    "pidray": [
        (f"{folder}/xray_{number:05}.png", "unknown", split, labels)
        for folder, split in (("easy", "test"), ("hard", "test"), ("hidden", "test"), ("train", "train"))
        for number, labels in enumerate((["handgun"], ["cartridge"], [], []), start=1)
    ],
    "clcxray": [
        (f"{split}2017/xray_{number:05}.png", "unknown", split, [])
        for split in ("test", "train", "val")
        for number in (1, 2)
    ],
    "pixray": [
        (f"{split}/xray_{number:05}.png", "unknown", split, labels)
        for split in ("test", "train")
        for number, labels in enumerate((["handgun"], [], []), start=1)
    ],
    "sixray": [
        ("0/N00001.jpg", "unknown", "train", []),
        ("20/P00001.jpg", "unknown", "train", ["handgun"]),
        ("20/P00002.jpg", "unknown", "test", []),
    ],
    "opixray": [
        ("test/test_image/009651.jpg", "unknown", "test", []),
        ("train/train_image/009651.jpg", "unknown", "train", []),
    ],
    "dvxray": [
        ("DvXray_Negative_Samples/N00001", "side", "", []),
        ("DvXray_Negative_Samples/N00001", "top", "", []),
        ("DvXray_Positive_Samples/P00001", "side", "", ["handgun"]),
        ("DvXray_Positive_Samples/P00001", "top", "", ["handgun"]),
        ("DvXray_Positive_Samples/P00002", "top", "", ["handgun"]),
    ],
    "gdxray": [
        ("Baggages/B0049/B0049_0001.png", "unknown", "", ["handgun"]),
        ("Baggages/B0049/B0049_0002.png", "unknown", "", []),
    ],
    "stcray": [
        (f"STCray_{part}Set/Images/{file}", "unknown", part.lower(), labels)
        for part in ("Test", "Train")
        for file, labels in (
            ("Class 2_Gun/0.jpg", ["handgun"]),
            ("Class 20_Bullet/2.jpg", ["cartridge"]),
            ("Class 22_Non Threat/clean.jpg", []),
            ("Class 6_Blade/3.jpg", []),
            ("Class_3_3D Gun/1.jpg", ["handgun"]),
        )
    ],
}
# What cannot be used in these folders, and is said.
LEFT_OUT = {
    "sixray": ["20/P00003.jpg: left out: holds a prohibited item, but there is no XML file"],
    "dvxray": ["DvXray_Positive_Samples/P00002_SD.png: left out: holds 'Gun', which its annotators could not make out"],
    "gdxray": ["Baggages/B0001: left out, 2 images: ground_truth.txt: the file is missing; write the rows of Bound"],
}


@pytest.mark.parametrize("layout", sorted(MADE))
def test_a_set_becomes_a_research_only_catalogue(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    MADE[layout](tmp_path / "set")
    # --shares without val: the split that the set comes with is then kept as it is.
    words = ["catalogue", "import", layout, str(tmp_path / "set"), str(tmp_path / "out"), "--shares", ".5", "0", ".5"]
    expected_lines = LEFT_OUT.get(layout, [])
    assert main(words) == bool(expected_lines)
    *problems, _, _ = capsys.readouterr().out.splitlines()
    assert len(problems) == len(expected_lines)
    assert all(line.startswith(start) for line, start in zip(problems, expected_lines, strict=True))
    catalogue = Catalogue.load(tmp_path / "out")
    assert catalogue.info.research_only
    assert catalogue.info.licence == LAYOUTS[layout].licence
    assert catalogue.info.source_kind == "imported"
    own_split = EXPECTED[layout][0][2] != ""
    got = sorted(
        (record.parcel_id, record.view, record.split if own_split else "", [mark.label for mark in marks])
        for record, marks in catalogue.items()
    )
    assert got == sorted(EXPECTED[layout])
    assert not [problem for problem in check_catalogue(catalogue.folder) if not problem.warning]
    for record, marks in catalogue.items():
        for mark in marks:
            side_view = layout == "dvxray" and record.view == "side"
            assert mark.xyxy == ((30.0, 5.0, 34.0, 40.0) if side_view else BOX)
            assert mark.area == (100.0 if layout in {"pidray", "pixray"} else 140.0 if side_view else 200.0)
            printed = "3D Gun" in record.parcel_id
            assert mark.attributes == (("polymer", "printed") if printed else ())


def stranger(layout: str, root: Path) -> None:
    """Make a folder of a layout that names no set, as another tool would write it: without the file of our own."""
    pixray(root / "made")
    catalogue, _ = import_images("pixray", root / "made", root / "catalogue", ImportOptions())
    export_catalogue(catalogue, layout, root / "set")
    (root / "set/parcelray.json").unlink()


@pytest.mark.parametrize("writer", sorted(WRITERS))
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_what_was_read_in_any_layout_goes_through_every_exporter_unchanged(
    layout: str, writer: str, tmp_path: Path
) -> None:
    if layout in MADE:
        MADE[layout](tmp_path / "set")
        # Two sets hold none of our labels: their boxes are kept as one of them.
        blades = {"clcxray": {"blade": "slide"}, "opixray": {"Folding_Knife": "slide"}}
        options = ImportOptions(mapping=blades.get(layout, {}))
    else:
        stranger(layout, tmp_path)
        options = ImportOptions(licence="own")
    catalogue, _ = import_images(layout, tmp_path / "set", tmp_path / "in", options)
    assert any(marks for _, marks in catalogue.items())
    export_catalogue(catalogue, writer, tmp_path / "export")
    back, problems = import_images(writer, tmp_path / "export", tmp_path / "back", ImportOptions())
    assert problems == []
    assert content(back) == content(catalogue)
    assert (back.info.licence, back.info.research_only) == (catalogue.info.licence, catalogue.info.research_only)


def content(catalogue: Catalogue) -> list[tuple[object, ...]]:
    """Return what every layout must keep: image, parcel, view, split, labels and boxes."""
    return sorted(
        (record.sha256, record.parcel_id, record.view, record.split, [(mark.label, mark.xyxy) for mark in marks])
        for record, marks in catalogue.items()
    )


def test_a_set_without_val_gives_part_of_train_to_val(tmp_path: Path) -> None:
    stcray(tmp_path / "set")
    assert main(["catalogue", "import", "stcray", str(tmp_path / "set"), str(tmp_path / "out")]) == 0
    catalogue = Catalogue.load(tmp_path / "out")
    assert {split: len(catalogue.images(split)) > 0 for split in ("train", "val")} == {"train": True, "val": True}
    assert all("TestSet" in record.parcel_id for record in catalogue.images("test"))
    assert len(catalogue.images("test")) == 5


def test_an_ambiguous_label_stops_the_import_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gdxray(tmp_path / "set")
    picture(tmp_path / "set/Baggages/B0046/B0046_0001.png", 7)
    write(tmp_path / "set/Baggages/B0046/ground_truth.txt", "1 4 24 5 15\n1 1 9 1 9\n")
    words = ["catalogue", "import", "gdxray", str(tmp_path / "set"), str(tmp_path / "out")]
    assert main(words) == 2
    assert "unknown labels: B0046; " in (said := capsys.readouterr().err)
    assert "--map 'B0046=none'" in said
    assert not (tmp_path / "out").exists()
    assert main([*words, "--map", "B0046=handgun+occluded", "B0049=revolver"]) == 1
    marks = [mark for _, found in Catalogue.load(tmp_path / "out").items() for mark in found]
    assert sorted((mark.label, mark.attributes) for mark in marks) == [
        ("handgun", ("occluded",)),
        ("handgun", ("occluded",)),
        ("revolver", ()),
    ]


def test_research_only_is_lifted_only_with_a_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opixray(tmp_path / "set")
    words = ["catalogue", "import", "opixray", str(tmp_path / "set"), str(tmp_path / "out"), "--no-research-only"]
    assert main(words) == 2
    assert "name with --licence the terms" in capsys.readouterr().err
    assert main([*words, "--licence", "agreement of 2026-03-01"]) == 0
    assert not Catalogue.load(tmp_path / "out").info.research_only


def replace_in_annotations(root: Path, old: str, new: str) -> None:
    """Replace a text in every annotation file, which must hold it somewhere."""
    files = [path for path in root.rglob("*") if path.suffix in {".json", ".xml", ".txt"} and old in path.read_text()]
    assert files
    for path in files:
        path.write_text(path.read_text().replace(old, new))


# What each layout says of an image that is gone though something is annotated in it, and how a name there can climb.
GONE = {
    "clcxray": ("val2017/xray_00002.png", "val2017/xray_00002.png: left out: the file is missing"),
    "dvxray": ("DvXray_Positive_Samples/P00001_SD.png", "P00001_SD.png: left out: the file is missing"),
    "gdxray": ("Baggages/B0049/B0049_0001.png", "boxes of 1 images that are missing left out: 1; restore the images"),
    "opixray": ("train/train_image/009651.jpg", "train_annotation/009651.txt: left out: its image is missing; restore"),
    "pidray": ("hidden/xray_00001.png", "hidden/xray_00001.png: left out: the file is missing"),
    "pixray": ("test/xray_00001.png", "test/xray_00001.png: left out: the file is missing"),
    "sixray": ("20/P00001.jpg", "Annotation/P00001.xml: left out: its image is missing; restore the image or remove"),
    "stcray": (
        "STCray_TestSet/Images/Class 2_Gun/0.jpg",
        "Class 2_Gun/0.json: left out: its image is missing; restore",
    ),
}
CLIMBING = {
    "clcxray": ('"xray_00002.png"', "_val2017.json image 1: left out: file name '../../secret.png' leaves its folder"),
    "pidray": ('"xray_00002.png"', "_train.json image 1: left out: file name '../../secret.png' leaves its folder"),
    "pixray": ('"xray_00002.png"', "_train.json image 1: left out: file name '../../secret.png' leaves its folder"),
    "opixray": ("009651.jpg", "009651.jpg: left out: line 1: is of the image '\"../../secret.png\"'; correct the file"),
}


@pytest.mark.parametrize("layout", sorted(MADE))
def test_what_is_damaged_or_gone_is_said_and_the_rest_is_imported(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    MADE[layout](root)
    gone, said = GONE[layout]
    (root / gone).unlink()
    cut = next(path for path in sorted(root.rglob("*")) if path.suffix in {".png", ".jpg"} and path != root / gone)
    two_only = layout in {"gdxray", "opixray"}  # of its two usable images one must stay
    if not two_only:
        cut.write_bytes(cut.read_bytes()[:100])
    assert main(["catalogue", "import", layout, str(root), str(tmp_path / "out")]) == 1
    out = capsys.readouterr().out
    assert said in out
    if not two_only:
        assert f"{cut.relative_to(root)}: left out: the {cut.suffix[1:].replace('jpg', 'jpeg').upper()} is cut" in out
    assert not [problem for problem in check_catalogue(tmp_path / "out") if not problem.warning]


@pytest.mark.parametrize("layout", sorted(CLIMBING))
def test_a_name_that_climbs_is_refused_in_every_layout_that_states_names(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    MADE[layout](root)
    picture(tmp_path.parent / "secret.png", 77)
    old, said = CLIMBING[layout]
    replace_in_annotations(root, old, '"../../secret.png"')
    words = ["catalogue", "import", layout, str(root), str(tmp_path / "out")]
    if layout == "opixray":  # its labels are all left out, and with them their faults, unless they are wanted
        words += ["--map", "Folding_Knife=slide"]
        assert main(words) == 2
        assert said in capsys.readouterr().err
        return
    assert main(words) == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_folder_of_another_layout_is_refused_with_what_was_looked_for(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    words = ["catalogue", "import", layout, str(tmp_path / "set"), str(tmp_path / "out"), "--licence", "own"]
    assert main(words) == 2
    assert "name the" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_line_names_every_layout() -> None:
    assert sorted(IMPORTS) == sorted(LAYOUTS)
    assert sorted(EXPORTS) == sorted(WRITERS)

"""Damaged and hostile files, and a process that is killed: listed and skipped, and the old version stays whole."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue
from datasets.checks import check_catalogue
from datasets.errors import CatalogueError
from datasets.importing import ImportOptions, import_images
from parcelray import main

ROOT = Path(__file__).parents[2]
Write = Callable[[Path, int], None]
OWN = ImportOptions(licence="own", mapping={"Gun": "handgun"})
BOX = "<bndbox><xmin>4</xmin><ymin>5</ymin><xmax>24</xmax><ymax>15</ymax></bndbox>"
GOOD = f"<annotation><object><name>Gun</name>{BOX}</object></annotation>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
BOMB = f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><annotation><object><name>&l11;</name></object></annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>'


def huge_png() -> bytes:
    """A PNG of a few bytes that says it has 100,000 x 100,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


def make_voc(folder: Path, write_image: Write, names: list[str]) -> None:
    (folder / "Annotations").mkdir(parents=True)
    for number, name in enumerate(names):
        write_image(folder / "JPEGImages" / f"{name}.png", number)
        (folder / "Annotations" / f"{name}.xml").write_text(GOOD)


XML_FAULTS = {
    "nothing": ("", "is not XML"),
    "cut": (GOOD[:60], "is not XML"),
    "bomb": (BOMB, "declares a document type or entities"),
    "outside": (OUTSIDE, "declares a document type or entities"),
    "deep": ("<a>" * 300_000, "is not XML"),
    "encoding": ('<?xml version="1.0" encoding="no-such"?><annotation/>', "is not XML"),
    "nan": (GOOD.replace("<xmin>4<", "<xmin>nan<"), "expected a number, got 'nan'"),
    "infinite": (GOOD.replace("<xmax>24<", "<xmax>1e999<"), "expected a number"),
    "flat": (GOOD.replace("<xmax>24<", "<xmax>4<"), "expected a box"),
    "far": (GOOD.replace("<xmin>4<", "<xmin>400<").replace("<xmax>24<", "<xmax>500<"), "outside the image"),
    "no-box": (GOOD.replace(BOX, ""), "expected a number"),
    "no-name": (GOOD.replace("Gun", " "), "has no name"),
    "another-size": (GOOD.replace("<object>", "<size><width>65</width></size><object>"), "the record says width 65"),
    "too-large": ("<!--" + "x" * (4 << 20) + "-->" + GOOD, "is larger than"),
}


def test_bad_annotations_are_listed_one_by_one(tmp_path: Path, write_image: Write) -> None:
    folder = tmp_path / "set"
    make_voc(folder, write_image, ["good", *XML_FAULTS])
    for name, (text, _) in XML_FAULTS.items():
        (folder / "Annotations" / f"{name}.xml").write_text(text)
    catalogue, problems = import_images("voc", folder, tmp_path / "out", OWN)
    assert [record.parcel_id for record in catalogue.records] == ["JPEGImages/good.png"]
    said = {Path(problem.file).stem: str(problem) for problem in problems}
    assert len(problems) == len(said) == len(XML_FAULTS)
    for name, (_, reason) in XML_FAULTS.items():
        assert reason in said[name]
        assert not said[name].startswith("/")


def test_bad_images_and_links_are_listed_one_by_one(tmp_path: Path, write_image: Write) -> None:
    folder, images = tmp_path / "set", tmp_path / "set/JPEGImages"
    names = ["empty", "cut", "huge", "text", "gone", "out", "loop", "again", "pipe", "strange"]
    make_voc(folder, write_image, ["good", *names, "note"])
    (images / "empty.png").write_bytes(b"")
    (images / "cut.png").write_bytes((images / "cut.png").read_bytes()[:150])
    (images / "huge.png").write_bytes(huge_png())
    (images / "text.png").write_text("no picture")
    (images / "again.png").write_bytes((images / "good.png").read_bytes())
    (tmp_path / "secret.png").write_bytes((images / "out.png").read_bytes())
    for name in ("gone", "out", "loop", "pipe"):
        (images / f"{name}.png").unlink()
    (images / "out.png").symlink_to(tmp_path / "secret.png")
    (images / "loop.png").symlink_to(images / "loop.png")
    os.mkfifo(images / "pipe.png")
    # A name that no terminal should print as it is, and one that is no text at all.
    for part, ending in (("JPEGImages", ".png"), ("Annotations", ".xml")):
        (folder / part / f"strange{ending}").rename(folder / part / f"a\x1b[31m\n{ending}")
        (folder / part / f"note{ending}").rename(folder / part / os.fsdecode(b"\xff" + ending.encode()))
    catalogue, problems = import_images("voc", folder, tmp_path / "out", OWN)
    good = {"JPEGImages/again.png", "JPEGImages/a\\x1b[31m\\x0a.png", "JPEGImages/\\udcff.png"}
    assert {record.parcel_id for record in catalogue.records} == good
    assert not [problem for problem in check_catalogue(catalogue.folder) if not problem.warning]
    said = {Path(problem.file).stem: str(problem) for problem in problems}
    assert sorted(said) == sorted(["cut", "empty", "gone", "good", "huge", "loop", "out", "pipe", "text"])
    assert "over the limit" in said["huge"]
    assert "link that leaves the folder" in said["out"]
    assert "cannot be read" in said["loop"]
    assert all("is missing" in said[name] for name in ("gone", "pipe"))
    assert "is the same image as JPEGImages/again.png" in said["good"]
    assert all(str(problem).isprintable() for problem in problems)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a\\..\\b.png", "a\0.png", "c:x.png", "", "x" * 5000])
def test_a_name_that_climbs_is_refused(tmp_path: Path, write_image: Write, name: str) -> None:
    folder = tmp_path / "set"
    write_image(tmp_path / "secret.png", 1)
    write_image(folder / "good.png", 2)
    images = [{"id": 1, "file_name": "good.png"}, {"id": 2, "file_name": name}]
    document = {"images": images, "annotations": [], "categories": []}
    (folder / "annotations.json").write_text(json.dumps(document))
    catalogue, (problem,) = import_images("coco", folder, tmp_path / "out", OWN)
    assert [record.parcel_id for record in catalogue.records] == ["good.png"]
    assert problem.file == "annotations.json image 1"
    assert not problem.warning


def test_what_comes_out_never_lies_in_what_goes_in(tmp_path: Path, write_image: Write) -> None:
    make_voc(tmp_path / "set", write_image, ["a"])
    with pytest.raises(CatalogueError, match="lies in the folder that is imported"):
        import_images("voc", tmp_path / "set", tmp_path / "set" / "out", OWN)


def make_slow_yolo(folder: Path, first: int) -> None:
    """A folder that takes a while to import: large images of noise, all different."""
    (folder / "images").mkdir(parents=True)
    noise = np.random.default_rng(first).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    for number in range(60):
        noise[0, 0] = first, number, 0
        cv2.imwrite(str(folder / "images" / f"{number}.bmp"), noise)
    (folder / "data.yaml").write_text("train: images\nnames: [handgun]\n")


def import_and_kill(source: Path, out: Path, *words: str) -> None:
    """Kill a real import, with no chance to clean up, after it has stored a few images of many."""
    before = len(list((out / "images").glob("[!.]*")))
    command = [sys.executable, "-m", "parcelray", "catalogue", "import", "yolo", str(source), str(out), *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(list((out / "images").glob("[!.]*"))) < before + 3:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"


def test_a_killed_import_leaves_the_old_version_and_can_be_run_again(tmp_path: Path) -> None:
    old_set, new_set, out = tmp_path / "old", tmp_path / "new", tmp_path / "out"
    make_slow_yolo(old_set, 1)
    make_slow_yolo(new_set, 2)
    import_and_kill(old_set, out, "--licence", "own")
    assert not (out / "catalogue.json").exists()
    old, problems = import_images("yolo", old_set, out, OWN)
    assert problems == []
    with pytest.raises(CatalogueError, match=r"is a catalogue already; .* --replace"):
        import_images("yolo", new_set, out, OWN)

    import_and_kill(new_set, out, "--licence", "own", "--replace")
    still = Catalogue.load(out)
    assert still.version == old.version
    assert still.items() == old.items()
    assert not [problem for problem in check_catalogue(out) if not problem.warning]

    words = ["catalogue", "import", "yolo", str(new_set), str(out), "--licence", "own", "--replace"]
    assert main(words) == 0
    new = Catalogue.load(out)
    assert new.version != old.version
    assert not [problem for problem in check_catalogue(out) if not problem.warning]
    names = {path.name for path in (out / "images").iterdir()}
    assert names == {record.file_name for record in new.records}

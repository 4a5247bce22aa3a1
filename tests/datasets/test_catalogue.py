from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, require_trainable, write_catalogue
from datasets.errors import AnnotationError, CatalogueError, ResearchOnlyError, UnknownLabelError
from datasets.hashing import sha256_of
from datasets.samples import Annotation
from detector.taxonomy import LABELS

Make = Callable[..., Catalogue]


def test_a_catalogue_reads_back_as_it_was_written(make_catalogue: Make) -> None:
    written = make_catalogue()
    read = Catalogue.load(written.folder)
    assert read.items() == written.items()
    assert (read.info, read.version) == (written.info, written.version)
    assert [len(read.images(split)) for split in ("train", "val", "test")] == [4, 4, 4]
    assert all(read.path_of(image).is_file() for image in read.images())


def test_the_files_are_coco_with_our_labels_as_categories(make_catalogue: Make) -> None:
    folder = make_catalogue().folder
    document = json.loads((folder / "annotations" / "train.json").read_text("utf-8"))
    assert [category["name"] for category in document["categories"]] == list(LABELS)
    assert document["categories"][3]["supercategory"] == "part"
    (mark,) = [entry for entry in document["annotations"] if entry["image_id"] == 1]
    assert mark["bbox"] == [4.0, 5.0, 26.5, 15.25]
    assert mark["iscrowd"] == 0
    head = json.loads((folder / "catalogue.json").read_text("utf-8"))
    assert head["images"] == {"train": 4, "val": 4, "test": 4}
    assert head["source_kind"] == "rendered"


def test_equal_content_gives_the_same_version_whatever_its_order_and_names(make_catalogue: Make) -> None:
    first = make_catalogue("first")
    renamed = [(replace(image, file_name=f"x/{image.file_name}"), marks) for image, marks in reversed(first.items())]
    assert write_catalogue(first.folder.parent / "second", renamed, first.info).version == first.version


@pytest.mark.parametrize(
    "change",
    [
        {"label": "revolver"},
        {"xyxy": (4.0, 5.0, 30.5, 20.5)},
        {"attributes": ()},
        {"visibility": 0.79},
    ],
)
def test_any_change_of_an_annotation_changes_the_version(make_catalogue: Make, change: dict[str, object]) -> None:
    first = make_catalogue("first")
    (image, (mark,)), *rest = first.items()
    changed = [(image, (replace(mark, **change),)), *rest]  # type: ignore[arg-type]
    assert write_catalogue(first.folder, changed, first.info).version != first.version


def test_the_split_and_the_images_change_the_version(make_catalogue: Make) -> None:
    first = make_catalogue("first")
    (image, marks), *rest = first.items()
    for other in (replace(image, sha256="0" * 64), replace(image, parcel_id="alone", split="test")):
        assert write_catalogue(first.folder, [(other, marks), *rest], first.info).version != first.version


def test_killing_the_writer_leaves_one_whole_version(make_catalogue: Make) -> None:
    old = make_catalogue()
    new = write_catalogue(old.folder, old.items()[:7], old.info)
    script = """
import sys
from datasets.catalogue import Catalogue, write_catalogue
catalogue = Catalogue.load(sys.argv[1])
print("ready", flush=True)
while True:
    write_catalogue(sys.argv[1], catalogue.items()[:7], catalogue.info)
    write_catalogue(sys.argv[1], catalogue.items(), catalogue.info)
"""
    for delay_s in (0.003, 0.0085, 0.0171, 0.0293):
        write_catalogue(old.folder, old.items(), old.info)
        with subprocess.Popen([sys.executable, "-c", script, str(old.folder)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(delay_s)
            writer.kill()
        assert Catalogue.load(old.folder).version in {old.version, new.version}
    assert write_catalogue(old.folder, old.items(), old.info).version == old.version
    assert sorted(path.name for path in (old.folder / "annotations").iterdir()) == [
        "test.json",
        "train.json",
        "val.json",
    ]


def test_a_version_that_was_not_renamed_yet_is_read_and_survives_the_next_write(make_catalogue: Make) -> None:
    old, new = make_catalogue("old"), make_catalogue("new", seed=5)
    for split in ("train", "val", "test"):
        data = (new.folder / "annotations" / f"{split}.json").read_bytes()
        (old.folder / "annotations" / f".{split}-{sha256_of(data)[:16]}.json").write_bytes(data)
    assert Catalogue.load(old.folder).version == old.version
    shutil.copy(new.folder / "catalogue.json", old.folder / "catalogue.json")
    assert Catalogue.load(old.folder).version == new.version
    assert write_catalogue(old.folder, new.items()[:6], new.info).items() == Catalogue.load(old.folder).items()


def test_a_changed_annotation_file_is_not_taken_for_the_version(make_catalogue: Make) -> None:
    folder = make_catalogue().folder
    path = folder / "annotations" / "val.json"
    path.write_bytes(path.read_bytes().replace(b"handgun", b"handgum"))
    with pytest.raises(CatalogueError, match=r"val\.json: was changed .* import the folder again"):
        Catalogue.load(folder)
    path.unlink()
    with pytest.raises(CatalogueError, match=r"val\.json: is missing"):
        Catalogue.load(folder)


def test_a_parcel_in_two_splits_is_refused(make_catalogue: Make) -> None:
    catalogue = make_catalogue()
    (image, marks), *rest = catalogue.items()
    with pytest.raises(CatalogueError, match="parcel 'parcel-0' is in 'train' and in 'val'"):
        write_catalogue(catalogue.folder, [(replace(image, split="val"), marks), *rest], catalogue.info)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"file_name": "../../etc/passwd"}, "leaves its folder"),
        ({"file_name": "/etc/passwd"}, "leaves its folder"),
        ({"file_name": "a\\b.png"}, "leaves its folder"),
        ({"file_name": "a\nb.png"}, "a text"),
        ({"file_name": ""}, "a text"),
        ({"file_name": "0/side.png"}, "two records"),
        ({"width": 0}, "an integer in 1"),
        ({"width": 10**9}, "an integer in 1"),
        ({"sha256": "../" * 21 + "a"}, "64 hex digits"),
        ({"parcel_id": ""}, "a text"),
        ({"energy": "triple"}, "one of dual, single"),
        ({"seed": -1}, "an integer in 0"),
    ],
)
def test_a_wrong_record_is_refused(make_catalogue: Make, change: dict[str, object], reason: str) -> None:
    catalogue = make_catalogue()
    *rest, (image, marks) = catalogue.items()
    with pytest.raises(AnnotationError, match=reason):
        write_catalogue(
            catalogue.folder,
            [*rest, (replace(image, **change), marks)],  # type: ignore[arg-type]
            catalogue.info,
        )
    assert Catalogue.load(catalogue.folder).version == catalogue.version


@pytest.mark.parametrize(
    ("mark", "error"),
    [
        (Annotation("pistol", (1, 1, 9, 9)), UnknownLabelError),
        (Annotation("handgun", (math.nan, 1, 9, 9)), AnnotationError),
        (Annotation("handgun", (1, 1, math.inf, 9)), AnnotationError),
        (Annotation("handgun", (9, 1, 9, 9)), AnnotationError),
        (Annotation("handgun", (1, 1, 1.0001, 9)), AnnotationError),
        (Annotation("handgun", (1, 1, 9, 9), ("golden",)), AnnotationError),
        (Annotation("handgun", (1, 1, 9, 9), (), 1.5), AnnotationError),
        (Annotation("handgun", (1, 1, 9, 9), (), math.nan), AnnotationError),
        (Annotation("handgun", (1, 1, 9, 9), area=-1), AnnotationError),
    ],
)
def test_a_wrong_annotation_is_refused(make_catalogue: Make, mark: Annotation, error: type[Exception]) -> None:
    with pytest.raises(error):
        make_catalogue(marks=[mark])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"[]",
        b"{}",
        b'"' + b"x" * 1000,
        b"[" * 100_000,
        b'{"format": ' + b"9" * 5000 + b"}",
        b'{"format": 1e999}',
        b'{"format": true}',
        b'{"format": 2}',
        b'{"format": 1, "sha256": {"train": "../../../etc/passwd"}}',
        b'{"format": 1, "sha256": [1]}',
        b"\xff\xfe\x00",
    ],
)
def test_a_hostile_head_is_a_clear_error(make_catalogue: Make, head: bytes) -> None:
    folder = make_catalogue().folder
    (folder / "catalogue.json").write_bytes(head)
    with pytest.raises(CatalogueError):
        Catalogue.load(folder)


def test_a_folder_without_a_catalogue_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="parcelray catalogue render"):
        Catalogue.load(tmp_path)


def test_research_only_needs_the_users_word(make_catalogue: Make) -> None:
    closed = make_catalogue("closed", info=CatalogueInfo("bags", "research", "imported", research_only=True))
    with pytest.raises(ResearchOnlyError, match="allow_research_only"):
        require_trainable(Catalogue.load(closed.folder), allow_research_only=False)
    require_trainable(closed, allow_research_only=True)
    require_trainable(make_catalogue("open"), allow_research_only=False)


def test_the_records_of_a_large_catalogue_come_back(make_catalogue: Make, tmp_path: Path) -> None:
    (image, marks), *_ = make_catalogue().items()
    many = [
        (replace(image, file_name=f"{n:05d}.png", sha256=sha256_of(b"%d" % n), parcel_id=f"p{n}"), marks * 3)
        for n in range(3000)
    ]
    written = write_catalogue(tmp_path / "large", many, CatalogueInfo("large", "CC0-1.0", "rendered"))
    assert Catalogue.load(tmp_path / "large").items() == written.items()

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.catalogue import Catalogue, write_catalogue
from datasets.duplicates import near_pairs
from datasets.hashing import hash_distances, sha256_of_file
from datasets.records import SPLITS, ImageRecord
from parcelray import main

Make = Callable[..., Catalogue]


def test_near_pairs_finds_what_was_planted_among_many() -> None:
    rng = np.random.default_rng(4)
    hashes = rng.integers(0, 2**63, (3000, 4), dtype=np.uint64)
    hashes[2000] = hashes[17] ^ np.array([0b101, 0, 0, 1], np.uint64)
    hashes[2500] = hashes[17]
    hashes[40] = hashes[41] = 0  # blank pictures are all alike
    records = [ImageRecord(f"{i}.png", 1, 1, f"{i:064x}", f"p{i}", SPLITS[i == 2500]) for i in range(3000)]
    pairs = near_pairs(records, list(hashes))
    assert [(p.first.file_name, p.second.file_name, p.bits, p.crosses_splits) for p in pairs] == [
        ("17.png", "2000.png", 3, False),
        ("17.png", "2500.png", 0, True),
    ]
    assert near_pairs(records, list(hashes), bits=2) == pairs[1:]


def test_many_copies_give_few_pairs() -> None:
    copies = [np.full(4, 2**40 - 1, np.uint64)] * 300
    records = [ImageRecord(f"{i}.png", 1, 1, f"{i:064x}", f"p{i}", SPLITS[i % 3]) for i in range(300)]
    pairs = near_pairs(records, copies)
    assert len(pairs) <= 3 * 300
    assert {p.second.file_name for p in pairs} == {f"{i}.png" for i in range(1, 300)}
    assert hash_distances(np.stack(copies), copies[0]).max() == 0


def test_the_command_lists_pairs_and_exits_1_where_they_cross_splits(
    make_catalogue: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = make_catalogue()
    folder = catalogue.folder
    assert main(["catalogue", "duplicates", str(folder)]) == 0
    assert capsys.readouterr().out == "0 pairs, 0 of them across splits\n"
    for target, quality in (("1/top.png", 95), ("3/top.png", 80)):  # 0 and 3 are in train, 1 is in val
        picture = cv2.imread(str(folder / "images/0/top.png"))
        assert picture is not None
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        (folder / "images" / target).write_bytes(data.tobytes())
    items = [
        (replace(record, sha256=sha256_of_file(catalogue.path_of(record))), marks)
        for record, marks in catalogue.items()
    ]
    write_catalogue(folder, items, catalogue.info)
    assert main(["catalogue", "duplicates", str(folder), "--json"]) == 1
    pairs = json.loads(capsys.readouterr().out)["pairs"]
    files = {tuple(pair["files"]) for pair in pairs}
    assert ("0/top.png", "3/top.png") in files
    assert any("1/top.png" in pair for pair in files)
    (folder / "images/0/top.png").unlink()
    assert main(["catalogue", "duplicates", str(folder)]) == 1
    assert "0/top.png: cannot be read" in capsys.readouterr().out

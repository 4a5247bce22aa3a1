from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from datasets.catalogue import Catalogue, write_catalogue
from datasets.diff import difference
from datasets.samples import Annotation
from parcelray import main

Make = Callable[..., Catalogue]
GUN = Annotation("handgun", (4.0, 5.0, 30.5, 20.25), ("polymer",), 0.8, 300.0)


def test_equal_catalogues_do_not_differ(make_catalogue: Make, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make_catalogue("a"), make_catalogue("b")
    assert not difference(first, second)
    assert main(["catalogue", "diff", str(first.folder), str(second.folder)]) == 0
    assert capsys.readouterr().out.startswith("no difference, version")


def test_every_kind_of_change_is_told_apart(make_catalogue: Make, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make_catalogue("a"), make_catalogue("b")
    items = {record.file_name: (record, marks) for record, marks in second.items()}
    moved = replace(GUN, xyxy=(5.0, 5.0, 30.5, 20.25), label="revolver")
    items["0/top.png"] = (items["0/top.png"][0], (moved, Annotation("bolt", (40, 30, 50, 40))))
    items["0/side.png"] = (replace(items["0/side.png"][0], scanner="new"), ())
    record, marks = items.pop("1/top.png")
    items["new"] = (replace(record, file_name="new.png", sha256="0" * 64), marks)
    record, marks = items["2/top.png"]
    items["2/top.png"] = (replace(record, sha256="1" * 64), marks)
    second = write_catalogue(second.folder, items.values(), replace(second.info, licence="own"))
    found = difference(first, second)
    assert found.about == {"licence": ("CC0-1.0", "own")}
    assert (found.added, found.removed, found.replaced) == (("new.png",), ("1/top.png",), ("2/top.png",))
    side, top = found.changed
    assert (side.removed, side.added, side.metadata) == ((GUN,), (), {"scanner": ("scanner-0", "new")})
    assert [mark.label for mark in top.added] == ["bolt"]
    assert top.changed == ((GUN, moved),)
    assert not top.metadata
    words = ["catalogue", "diff", str(first.folder), str(second.folder)]
    assert main(words) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "~ 0/side.png: scanner 'scanner-0' -> 'new'" in lines
    assert lines[-1] == (
        "images: 1 added, 1 removed, 1 replaced, 1 with other metadata; annotations: 1 added, 1 removed, 1 changed"
    )
    assert main([*words, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["changed"][1]["changed"][0][1]["label"] == "revolver"
    assert difference(second, first).added == found.removed

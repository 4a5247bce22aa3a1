from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.merge import merge_catalogues
from datasets.samples import Annotation
from parcelray import main

Make = Callable[..., Catalogue]
NASTY = "<script>alert(1)</script>"


def test_the_page_holds_every_count_and_needs_no_other_file(make_catalogue: Make, tmp_path: Path) -> None:
    made = make_catalogue(info=CatalogueInfo(NASTY, "own", "real", research_only=True))
    out = tmp_path / "stats.html"
    assert main(["catalogue", "stats", str(made.folder), "--html", str(out)]) == 0
    page = out.read_text("utf-8")
    assert NASTY not in page
    assert "research only" in page
    # What a browser would fetch: only pictures that are in the page.
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links
    assert all(link.startswith("data:image/jpeg;base64,") for link in links)
    assert "url(" not in page
    for row in ("handgun", "scanner-3", "top", "16 to 32 px", "0.8 to 1.0", "polymer"):
        assert f'<th title="{row}">' in page
    assert page.count('class="sample"') == 1  # one label is there, and no image is empty
    assert '<rect x="4.0" y="5.0" width="26.5" height="15.25"' in page


def test_pictures_show_each_label_once_and_an_empty_image(make_catalogue: Make, tmp_path: Path) -> None:
    made = make_catalogue(marks=[])
    marks = {"0/top.png": "bolt", "1/top.png": "slide"}
    items = [
        (record, (Annotation(marks[record.file_name], (1, 1, 20, 20)),) if record.file_name in marks else ())
        for record in made.records
    ]
    write_catalogue(made.folder, items, made.info)
    out = tmp_path / "stats.html"
    assert main(["catalogue", "stats", str(made.folder), "--html", str(out)]) == 0
    captions = re.findall(r"<figcaption><b>([^<]*)</b>.*?<br>([^<]*)</figcaption>", out.read_text("utf-8"), re.DOTALL)
    assert captions[:2] == [("slide", "1/top.png"), ("bolt", "0/top.png")]
    assert captions[2][0] == "nothing to find"


def test_a_mixed_catalogue_is_counted_by_kind_use_and_difficulty(
    make_catalogue: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = make_catalogue("a")
    graded = [(replace(record, difficulty="hard", complexity=0.5), marks) for record, marks in first.items()]
    first = write_catalogue(first.folder, graded, first.info)
    second = make_catalogue("b", parcels=3, seed=50, info=CatalogueInfo("b", "own", "real", research_only=True))
    merge_catalogues(tmp_path / "out", [first, second])
    assert main(["catalogue", "stats", "--json", str(tmp_path / "out")]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]

    def sums(title: str) -> dict[str, int]:
        return {name: sum(row.values()) for name, row in counts[title].items() if sum(row.values())}

    assert sums("kind") == {"rendered": 12, "real": 6}
    assert sums("use") == {"free to train on": 12, "research only": 6}
    assert sums("difficulty") == {"hard": 12, "not measured": 6}

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from parcelray import main

Make = Callable[..., Catalogue]
GAP = "**To fill in:**"


def test_a_rendered_catalogue_has_few_gaps_and_every_version_a_sheet_of_its_own(
    make_catalogue: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_catalogue()
    assert main(["catalogue", "datasheet", str(made.folder)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == made.folder / f"datasheet-{made.version[:12]}.md"
    text = path.read_text("utf-8")
    assert made.version in text
    assert "12 images of 6 parcels, 12 annotated objects" in text
    assert "| handgun | firearm | 12 | 12 |" in text
    assert "recipes 0123abcd; seeds 7" in text
    rendered_gaps = text.count(GAP)
    path.write_text("filled in by hand", "utf-8")
    assert main(["catalogue", "datasheet", str(made.folder)]) == 2
    assert "may have been filled in" in capsys.readouterr().err
    assert path.read_text("utf-8") == "filled in by hand"
    changed = write_catalogue(made.folder, made.items()[:4], made.info)
    assert main(["catalogue", "datasheet", str(made.folder)]) == 0
    assert changed.version[:12] in capsys.readouterr().out
    real = make_catalogue("real", info=CatalogueInfo("a | b <i>", "own", "real", research_only=True))
    assert main(["catalogue", "datasheet", str(real.folder), "--out", str(real.folder / "sheet.md")]) == 0
    text = (real.folder / "sheet.md").read_text("utf-8")
    assert text.startswith("# Datasheet: a \\| b \\<i\\>\n")
    assert "**Research only:** 12 of 12 images" in text
    assert text.count(GAP) > rendered_gaps
    assert "Rendered images" not in text

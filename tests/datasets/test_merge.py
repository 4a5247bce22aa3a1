from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.catalogue import Catalogue, CatalogueInfo, require_trainable, write_catalogue
from datasets.checks import check_catalogue
from datasets.errors import AnnotationError, CatalogueError, ResearchOnlyError
from datasets.hashing import sha256_of_file
from datasets.merge import merge_catalogues
from datasets.samples import Annotation
from datasets.split import split_records
from parcelray import main

Make = Callable[..., Catalogue]
REAL = CatalogueInfo("lane 4", "own", "real")
CLOSED = CatalogueInfo("study", "CC-BY-NC-4.0", "imported", research_only=True)


def other_source(catalogue: Catalogue, source: str) -> Catalogue:
    items = [(replace(record, source=source), marks) for record, marks in catalogue.items()]
    return write_catalogue(catalogue.folder, items, catalogue.info)


def test_each_image_says_what_it_is_and_the_whole_says_that_it_is_mixed(make_catalogue: Make, tmp_path: Path) -> None:
    parts = [make_catalogue("a"), make_catalogue("b", seed=50, info=REAL), make_catalogue("c", seed=90, info=CLOSED)]
    merge_catalogues(tmp_path / "out", parts)
    merged = Catalogue.load(tmp_path / "out")
    assert merged.info.source_kind == "mixed"
    assert merged.info.licence == "CC0-1.0 AND own AND CC-BY-NC-4.0"
    assert merged.info.research_only
    seen: dict[str, set[tuple[object, object]]] = defaultdict(set)
    for record in merged.records:
        seen[record.file_name.split("/")[0]].add((record.source_kind, record.research_only))
    assert seen == {"1-tiny": {("rendered", False)}, "2-lane_4": {("real", False)}, "3-study": {("imported", True)}}
    assert [p for p in check_catalogue(merged.folder) if not p.warning] == []
    with pytest.raises(ResearchOnlyError):
        require_trainable(merged, allow_research_only=False)
    with pytest.raises(CatalogueError, match="imported and real and rendered images"):
        merged.one_source_kind("test")


def test_parcels_that_only_share_an_id_stay_apart_also_when_split_again(make_catalogue: Make, tmp_path: Path) -> None:
    first, second = make_catalogue("a"), other_source(make_catalogue("b", seed=50), "elsewhere")
    merged = merge_catalogues(tmp_path / "out", [first, second])
    assert len({record.parcel_id for record in merged.catalogue.records}) == 12
    assert (str(second.folder / "parcel-0"), "elsewhere:parcel-0") in merged.renamed
    for by in ("parcel", "scanner"):
        again = split_records(merged.catalogue.records, (0.5, 0.25, 0.25), by=by, seed=1)
        assert again == split_records(merged.catalogue.records, (0.5, 0.25, 0.25), by=by, seed=1)
        groups: dict[str, set[str]] = defaultdict(set)
        for record in again:
            groups[record.parcel_id if by == "parcel" else record.scanner].add(record.split)
        assert all(len(splits) == 1 for splits in groups.values())


def test_a_parcel_known_by_its_image_is_one_parcel_and_goes_to_the_strictest_split(
    make_catalogue: Make, tmp_path: Path
) -> None:
    first, second = make_catalogue("a"), other_source(make_catalogue("b", seed=50), "elsewhere")
    path = second.folder / "images/2/top.png"  # parcel-2 is for testing there
    path.write_bytes(first.path_of(first.records[0]).read_bytes())
    items = [
        (replace(record, sha256=sha256_of_file(path)) if record.file_name == "2/top.png" else record, marks)
        for record, marks in second.items()
    ]
    second = write_catalogue(second.folder, items, second.info)
    merged = merge_catalogues(tmp_path / "out", [first, second])
    (duplicate,) = merged.duplicates
    assert (duplicate.kept, duplicate.same_annotations) == (f"1-tiny/{first.records[0].file_name}", True)
    parcel = first.records[0].parcel_id
    together = [record for record in merged.catalogue.records if record.parcel_id == parcel]
    assert {record.file_name for record in together} == {"1-tiny/0/side.png", "1-tiny/0/top.png", "2-tiny/2/side.png"}
    assert {record.split for record in together} == {"test"}
    assert merged.moved == ((parcel, "test"),)


def test_the_command_lists_what_it_did_and_exits_1_where_annotations_disagree(
    make_catalogue: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = make_catalogue("a"), make_catalogue("b", marks=[Annotation("slide", (1, 1, 9, 9))], info=REAL)
    words = ["catalogue", "merge", str(tmp_path / "out"), str(first.folder), str(second.folder)]
    assert main(words) == 1
    printed = capsys.readouterr().out
    assert printed.count("their annotations differ, those of the kept one count") == 12
    assert "12 images: rendered, CC0-1.0" in printed
    assert main(words) == 2
    assert "is a catalogue already" in capsys.readouterr().err
    assert main([*words[:2], str(tmp_path / "other"), str(first.folder)]) == 2
    assert "at least two" in capsys.readouterr().err


def test_a_changed_image_is_not_taken_over(make_catalogue: Make, tmp_path: Path) -> None:
    first, second = make_catalogue("a"), make_catalogue("b", seed=50)
    (second.folder / "images/0/top.png").write_bytes(b"changed")
    with pytest.raises(CatalogueError, match=r"0/top\.png: was changed"):
        merge_catalogues(tmp_path / "out", [first, second])
    assert not (tmp_path / "out/catalogue.json").exists()


def test_a_restricted_image_cannot_hide_in_a_free_catalogue(make_catalogue: Make) -> None:
    catalogue = make_catalogue()
    items = [(replace(record, research_only=True), marks) for record, marks in catalogue.items()]
    with pytest.raises(AnnotationError, match="is for research only; so must the catalogue be"):
        write_catalogue(catalogue.folder, items, catalogue.info)
    items = [(replace(record, source_kind="real"), marks) for record, marks in catalogue.items()]
    with pytest.raises(AnnotationError, match="is real, the catalogue rendered"):
        write_catalogue(catalogue.folder, items, catalogue.info)
    with pytest.raises(AnnotationError, match="has no source kind"):
        write_catalogue(catalogue.folder, catalogue.items(), replace(catalogue.info, source_kind="mixed"))

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from datasets.catalogue import Catalogue, write_catalogue
from datasets.errors import CatalogueError
from datasets.hashing import sha256_of
from detector.detector import Detector
from detector.images import decode
from parcelray import main
from training.errors import TrainingError
from training.mining import mine

Make = Callable[..., Catalogue]


def score_of(detector: Detector, path: Path) -> float:
    return max((one.score for one in detector.detect(decode(path.read_bytes()))), default=0.0)


def test_the_benign_images_that_score_highest_are_kept(
    shapes: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mine", str(shapes.folder), str(tmp_path / "hard"), "--count", "3"]) == 0
    said = capsys.readouterr().out
    hard = Catalogue.load(tmp_path / "hard")
    benign = [record for record in shapes.images("train") if not shapes.annotations_of(record)]
    assert f"of {len(benign)} images without a threat" in said
    detector = Detector.load()
    ranked = sorted((score_of(detector, shapes.path_of(record)) for record in benign), reverse=True)
    kept = [score_of(detector, hard.path_of(record)) for record in hard.images("train")]
    assert sorted(kept, reverse=True) == ranked[:3]
    assert len(hard.records) == 3
    assert not any(hard.annotations_of(record) for record in hard.records)
    assert {record.parcel_id for record in hard.records} <= {record.parcel_id for record in benign}
    assert (hard.info.licence, hard.info.source_kind) == (shapes.info.licence, shapes.info.source_kind)
    assert all(sha256_of(hard.path_of(record).read_bytes()) == record.sha256 for record in hard.records)

    assert main(["mine", str(shapes.folder), str(tmp_path / "hard")]) == 2
    assert "choose another folder" in capsys.readouterr().err


def test_research_only_stays_research_only_and_other_splits_stay_out(make_shapes: Make, tmp_path: Path) -> None:
    catalogue = make_shapes(tmp_path / "c", research_only=True)
    mined = mine(tmp_path / "hard", catalogue, Detector.load(), 1000)
    assert mined.catalogue.info.research_only
    assert {record.split for record in mined.catalogue.records} == {"train"}
    assert mined.looked_at == len(mined.catalogue.records)
    assert mined.highest >= mined.lowest


def test_a_changed_image_and_a_catalogue_of_threats_alone_are_refused(make_shapes: Make, tmp_path: Path) -> None:
    catalogue = make_shapes(tmp_path / "c", count=2)  # one benign parcel, one with a threat
    benign, threat = catalogue.items()
    write_catalogue(catalogue.folder, [threat], catalogue.info)
    with pytest.raises(TrainingError, match="no parcel without an annotation"):
        mine(tmp_path / "hard", Catalogue.load(catalogue.folder), Detector.load(), 5)
    changed = catalogue.path_of(benign[0])
    other = cv2.imread(str(changed))
    assert other is not None
    cv2.imwrite(str(changed), 255 - other)
    with pytest.raises(CatalogueError, match="was changed"):
        mine(tmp_path / "hard", catalogue, Detector.load(), 5)
    assert not (tmp_path / "hard" / "catalogue.json").exists()

"""What an authority reads: rates, breakdowns, failure sheets, the page, and strangers' models and data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from datasets.samples import Annotation
from detector.model_card import ModelCard
from detector.taxonomy import LABELS
from parcelray import main
from training.breakdown import breakdown, facts_of_mark
from training.errors import EvaluationError
from training.failures import worst_false_alarms, worst_misses
from training.foreign_model import load_foreign, parse_labels
from training.metrics import ScoredImage
from training.rates import positive_predictive_value, rates_at, sensitivity_index

Make = Callable[..., ScoredImage]
BOX = (10.0, 10.0, 30.0, 30.0)
FAR = (60.0, 60.0, 80.0, 80.0)


def test_the_published_rates_are_worth_as_little_as_published() -> None:
    # Gaus et al. 2025 at the prevalence of Operation Armstrong VII: 1.7 % of alarms are right.
    assert positive_predictive_value(0.7776, 0.0198, 4.5e-4) == pytest.approx(0.0174, abs=2e-4)
    assert positive_predictive_value(0.5, 0.5, 0.3) == pytest.approx(0.3)  # an alarm by coin says nothing
    assert sensitivity_index(0.3, 0.3) == 0.0
    assert sensitivity_index(0.8413447, 0.1586553) == pytest.approx(2.0, abs=1e-5)


def test_no_false_alarm_seen_is_no_claim_of_perfection(scored: Make) -> None:
    images = [scored(f"t{n}", [(BOX, 0)], [(BOX, 0, 0.9)]) for n in range(20)]
    images += [scored(f"b{n}") for n in range(99)]
    row = rates_at(images, dict.fromkeys(LABELS, 0.5), 0, 1e-3)
    assert row["false_alarms_per_100_parcels"]["value"] == 0.0
    assert row["parcel_recall"]["value"] == 1.0
    expected = positive_predictive_value(20.5 / 21, 0.5 / 100, 1e-3)
    assert row["positive_predictive_value"]["value"] == pytest.approx(expected, abs=1e-4)
    assert 0 < row["d_prime"]["value"] < 6


def test_a_breakdown_finds_where_recall_is_lost(scored: Make) -> None:
    images = []
    for number in range(40):
        near = number % 2 == 0
        one = scored(f"t{number}", [(BOX, 0)], [(BOX, 0, 0.9)] if near else [(FAR, 0, 0.9)])
        facts = {"scanner": "new" if near else "old", "view": "top"}
        images.append(replace(one, facts=facts, truth_facts=({"size": "small" if near else "large"},)))
        images.append(replace(scored(f"b{number}", [], [(BOX, 3, 0.1 if near else 0.95)]), facts=facts))
    rows = breakdown(images, 0)
    assert set(rows) == {"scanner", "size"}  # all views are the same: nothing to break down
    assert rows["scanner"]["new"]["2%"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert rows["scanner"]["old"]["10%"]["value"] == 0.0
    lower = [replace(image, scores=image.scores * (0.1 if not len(image.truth_ids) else 1)) for image in images]
    sizes = breakdown(lower, 0)["size"]
    assert (sizes["small"]["2%"]["value"], sizes["large"]["2%"]["value"]) == (1.0, 0.0)
    assert sizes["small"]["objects"] == 20


def test_facts_of_an_object() -> None:
    mark = Annotation("handgun", (0.0, 0.0, 30.0, 6.0), ("polymer", "occluded"), 0.45)
    assert facts_of_mark(mark, 400, 300) == {
        "size": "5 to 10 %",
        "visibility": "below .5",
        "occlusion": "occluded",
        "edge": "whole",
        "material": "polymer",
    }


def test_the_worst_come_first(scored: Make) -> None:
    large = (0.0, 0.0, 60.0, 60.0)
    images = [
        scored("found", [(BOX, 0)], [(BOX, 0, 0.9)]),
        scored("weak", [(BOX, 0)], [(BOX, 1, 0.2)]),  # the wrong label still leads a person there
        scored("small", [(BOX, 0)], [(FAR, 0, 0.9)]),
        scored("large", [(large, 0)]),
        scored("quiet", [], [(BOX, 0, 0.1)]),
        scored("loud", [], [(BOX, 0, 0.8)]),
        scored("silent"),
    ]
    misses = worst_misses(images, 3)
    assert [image.name for _, image, _ in misses] == ["large", "small", "weak"]
    assert misses[2][0] == 0.2
    assert [image.name for _, image, _ in worst_false_alarms(images)] == ["loud", "quiet"]


def test_a_report_for_people_stands_alone(tiny_model_path: Path, shapes: Catalogue, tmp_path: Path) -> None:
    assert main(["evaluate", str(tiny_model_path), str(shapes.folder), "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["operating_points"]["balanced"]["positive_predictive_value"]["base_rate"] == 4.5e-4
    page = (tmp_path / "report.html").read_text()
    assert "rendered images" in page
    assert page.count("data:image/png;base64,") == len(list(tmp_path.glob("*.png"))) >= 2
    assert "http" not in page.replace(shapes.folder.as_posix(), "")
    sheet = cv2.imread(str(tmp_path / "misses.png"))
    assert sheet is not None
    assert (sheet == (0, 120, 0)).all(axis=2).any()  # a missed object is framed


def test_research_only_images_stay_out_of_reports(
    tiny_model_path: Path, make_shapes: Callable[..., Catalogue], tmp_path: Path
) -> None:
    folder = make_shapes(tmp_path / "c", research_only=True).folder
    out = tmp_path / "out"
    assert main(["evaluate", str(tiny_model_path), str(folder), "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["evaluation.json", "report.html"]
    assert main(["evaluate", str(tiny_model_path), str(folder), "--out", str(out), "--sheets"]) == 0
    assert (out / "misses.png").exists()


def test_a_strangers_model_is_measured_by_its_own_class_order(
    build_network: Callable[[ModelCard], bytes], tiny_card: ModelCard, tmp_path: Path
) -> None:
    dark: NDArray[np.uint8] = np.full((64, 64, 3), 10, np.uint8)
    for head in ("raw", "end_to_end"):
        model = tmp_path / f"{head}.onnx"
        model.write_bytes(build_network(replace(tiny_card, head=head)))
        ours = parse_labels("revolver" + ",-" * 11)
        (found,) = load_foreign(model, ours, 64).detect(dark)
        assert (found.label, found.xyxy) == ("revolver", (16, 16, 48, 48))
        ignored = parse_labels("-,revolver" + ",-" * 10)
        assert len(load_foreign(model, ignored, 64).detect(dark)) == 0
    assert parse_labels("part, ammunition,-") == (LABELS.index("barrel"), LABELS.index("cartridge"), None)
    for text in ("gun", "-,-", ""):
        with pytest.raises(EvaluationError):
            parse_labels(text)
    with pytest.raises(EvaluationError, match="for the 2 names"):
        load_foreign(tmp_path / "raw.onnx", parse_labels("handgun,-"), 64)
    with pytest.raises(EvaluationError, match="--imgsz"):
        load_foreign(tmp_path / "raw.onnx", ours, 96)


def test_a_strangers_model_and_data_go_through_the_command(
    build_network: Callable[[ModelCard], bytes], tiny_card: ModelCard, shapes: Catalogue, tmp_path: Path
) -> None:
    model = tmp_path / "yolo.onnx"
    model.write_bytes(build_network(tiny_card))
    images = []
    for number, level in enumerate((20, 250, 20, 250)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64, 3), level, np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 64, "view": "ab"[number > 1]})
    marks = [{"image_id": number, "category_id": 5, "bbox": [16, 16, 32, 32]} for number in (0, 2)]
    categories = [{"id": 5, "name": "Long gun"}, {"id": 6, "name": "shoe"}]
    document = {"images": images, "annotations": marks, "categories": categories}
    (tmp_path / "coco.json").write_text(json.dumps(document))
    names = "firearm" + ",-" * 11
    options = ["--labels", names, "--imgsz", "64", "--out", str(tmp_path / "out")]
    assert main(["evaluate", str(model), "--coco", str(tmp_path / "coco.json"), *options]) == 0
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert report["sources"]["all"]["classes"]["firearm"]["ap50"]["value"] == 1.0
    assert set(report["sources"]["all"]["breakdown"]) == {"view"}
    assert not list((tmp_path / "out").glob("*.png"))
    assert main(["evaluate", str(model), str(shapes.folder), *options]) == 0
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert "handgun" not in report["classes"]
    assert report["groups"] == report["classes"]

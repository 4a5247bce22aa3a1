from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from detector.detector import Detector
from detector.model_card import ModelCard
from detector.taxonomy import LABELS, Group
from training.card import attach_reports, model_card_page
from training.errors import EvaluationError
from training.evaluate import evaluate_catalogue, evaluate_coco
from training.looking import by_group, look_at_catalogue, parse_group_map

SIDE_PX = 96


class BarFinder:
    """A network that finds the dark bars of the shapes: one box around all dark pixels, as `LABELS[0]`."""

    input_shape = (1, 3, SIDE_PX, SIDE_PX)
    output_shape = (1, 4 + len(LABELS), 2)

    def metadata(self) -> Mapping[str, str]:
        return {}

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        output = np.zeros((1, 4 + len(LABELS), 2), np.float32)
        rows, columns = np.nonzero(blob[0].max(axis=0) < 0.2)
        if len(rows):
            x0, x1, y0, y1 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
            output[0, :4, 0] = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
            output[0, 4, 0] = 0.9
        output[0, :4, 1] = 48, 48, 20, 20
        output[0, 14, 1] = 0.05  # a weak cartridge in every image
        return output


@pytest.fixture
def detector() -> Detector:
    points = {"balanced": 0.5, "high-recall": 0.01}
    card = ModelCard(
        name="bars",
        version="1",
        classes=LABELS,
        input_size_px=SIDE_PX,
        head="raw",
        thresholds={name: dict.fromkeys(LABELS, score) for name, score in points.items()},
        operating_point="balanced",
        data_version="none",
        created="2026-01-01T00:00:00+00:00",
    )
    return Detector(BarFinder(), card, "0" * 64)


def test_a_report_states_its_data_and_figures(detector: Detector, shapes: Catalogue) -> None:
    report = evaluate_catalogue(detector, shapes, "train", command="made by hand")
    again = evaluate_catalogue(detector, shapes, "train", command="made by hand")
    assert {**report, "created": ""} == {**again, "created": ""}
    json.dumps(report, allow_nan=False)
    images = shapes.images("train")
    assert report["data"]["kind"] == "rendered"
    assert report["data"]["version"] == shapes.version
    assert report["data"]["split"] == "train"
    assert report["data"]["images"] == len(images) == report["data"]["parcels"]
    assert report["classes"]["handgun"]["ap50"]["value"] > 0.3
    assert report["classes"]["revolver"]["ap50"]["value"] == 0.0
    assert report["groups"]["firearm"]["ap50"]["value"] > 0.1
    assert "cartridge" not in report["classes"]  # there is none in the data
    recall = report["image_recall_at_fpr"]["all"]
    assert recall["images_with_threat"] + recall["images_without"] == len(images)
    with_bar = sum(any(mark.label == "handgun" for mark in shapes.annotations_of(image)) for image in images)
    assert recall["2%"]["value"] == pytest.approx(with_bar / recall["images_with_threat"], abs=1e-4)
    assert recall["2%"]["low"] < recall["2%"]["value"] < recall["2%"]["high"]
    assert report["image_recall_at_fpr"]["colour"]["images_without"] < recall["images_without"]
    at = report["operating_points"]
    assert at["balanced"]["false_alarms_per_100_parcels"]["value"] == 0.0
    assert at["high-recall"]["false_alarms_per_100_parcels"]["value"] == 100.0
    assert at["high-recall"]["parcel_recall"]["value"] == 1.0


def test_a_split_without_images_is_refused(detector: Detector, shapes: Catalogue) -> None:
    empty = replace(shapes, records=())
    with pytest.raises(EvaluationError, match="is empty"):
        evaluate_catalogue(detector, empty, "test")


def test_one_object_found_under_two_labels_counts_once_for_its_group(detector: Detector, shapes: Catalogue) -> None:
    image = look_at_catalogue(detector, shapes, "train")[4]
    doubled = replace(
        image,
        found_xyxy=np.array([[0.0, 0, 40, 40], [1, 1, 40, 40], [60, 60, 90, 90]]),
        found_ids=np.array([0, 1, 1]),
        scores=np.array([0.9, 0.8, 0.7]),
    )
    (grouped,) = by_group([doubled])
    assert grouped.scores.tolist() == [0.9, 0.7]
    assert grouped.found_ids.tolist() == [0, 0]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a plain COCO file of two sources, with a category that is no firearm."""
    images, annotations = [], []
    for number in range(12):
        image = np.full((SIDE_PX, SIDE_PX, 3), 240, np.uint8)
        if number % 3:
            cv2.rectangle(image, (20, 30), (59, 39), (30, 30, 30), -1)
            category = number % 3  # 1 is a firearm, 2 is not
            annotations.append({"image_id": number, "category_id": category, "bbox": [20, 30, 40, 10]})
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
        images.append({"id": number, "file_name": f"{number}.png", "source": "ab"[number % 2]})
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path / "coco.json"


def test_plain_coco_is_measured_by_source(detector: Detector, outside: Path) -> None:
    report = evaluate_coco(detector, outside, outside.parent, {1: Group.FIREARM}, name="outside")
    assert report["data"]["kind"] == "real"
    assert "classes" not in report  # nothing mixes the sources
    assert set(report["sources"]) == {"a", "b"}
    part = report["sources"]["a"]
    assert part["image_recall_at_fpr"]["all"]["images_with_threat"] == 2
    # The bars of category 2 are false alarms: half of the images without a firearm score as high as those with one.
    assert part["image_recall_at_fpr"]["all"]["20%"]["value"] == 0.0
    assert part["boxes"]["found_iou_0.5"] == 0.0
    both = evaluate_coco(detector, outside, outside.parent, {1: Group.FIREARM, 2: Group.FIREARM})
    assert both["sources"]["b"]["boxes"] == {"at_fpr": 0.02, "objects": 4, "found_iou_0.3": 1.0, "found_iou_0.5": 1.0}


def test_a_file_that_is_not_coco_is_refused(detector: Detector, tmp_path: Path) -> None:
    for text in ("{}", "[1]", "no"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(EvaluationError, match="not a COCO file"):
            evaluate_coco(detector, tmp_path / "x.json", tmp_path, {})


def test_group_maps() -> None:
    assert parse_group_map(["1=firearm", "7=ammunition"]) == {1: Group.FIREARM, 7: Group.AMMUNITION}
    for text in ("firearm", "1=gun", "x=firearm", "1"):
        with pytest.raises(EvaluationError, match="expected ID=GROUP"):
            parse_group_map([text])


def test_rendered_and_real_figures_stay_apart_in_the_card(detector: Detector, shapes: Catalogue, outside: Path) -> None:
    rendered = evaluate_catalogue(detector, shapes, "test")
    real = evaluate_coco(detector, outside, outside.parent, {1: Group.FIREARM}, name="outside")
    metrics = attach_reports(attach_reports({"parity": 1}, detector.card, [rendered]), detector.card, [real])
    assert set(metrics["evaluations"]) == {"rendered: shapes, test", "real: outside, all"}
    assert metrics["parity"] == 1
    page = model_card_page(replace(detector.card, metrics={"evaluations": metrics["evaluations"]}))
    assert "## Measured on rendered: shapes, test" in page
    assert "## Measured on real: outside, all" in page
    assert "| 1% | 2% | 5% | 10% | 20% |" in page
    assert "AGPL-3.0-or-later" in page


def test_a_report_about_another_model_is_refused(detector: Detector, shapes: Catalogue) -> None:
    report = evaluate_catalogue(detector, shapes, "test")
    other = replace(detector.card, version="2")
    with pytest.raises(EvaluationError, match="the report is about"):
        attach_reports({}, other, [report])
    with pytest.raises(EvaluationError, match="not a report"):
        attach_reports({}, other, [{"model": {}}])

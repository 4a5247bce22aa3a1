"""Reviews are added, checked and exported as COCO that the catalogue takes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
import pytest

from datasets.importing import ImportOptions, import_images
from detector.taxonomy import LABELS, TAXONOMY

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait


def _post(client: httpx.Client, *images: bytes, **params: str) -> dict[str, Any]:
    parts: list[Any] = [(name, ("x", data, "image/png")) for name, data in zip(("top", "side"), images, strict=False)]
    parts.append(("metadata", ("m", json.dumps(params), "application/json")))
    answer = client.post("/v1/scans", files=parts)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _review(
    client: httpx.Client, scan: dict[str, Any], decision: str, *boxes: dict[str, Any], **more: str
) -> httpx.Response:
    body = {"decision": decision, "reviewer": "R. One", "annotations": list(boxes), **more}
    return client.post(scan["links"]["reviews"], json=body)


def _box(*xyxy: float, label: str = "barrel", **more: object) -> dict[str, Any]:
    return {"xyxy": xyxy, "label": label, **more}


def test_confirm_keeps_what_alarmed(client: httpx.Client, make_png: PngMaker) -> None:
    scan = _post(client, make_png(20), make_png(255))
    review = _review(client, scan, "confirm", note="clear as day").json()
    [annotation] = review["annotations"]
    found = scan["views"][0]["detections"][0]
    assert annotation == {
        "view": "top",
        "xyxy": found["xyxy"],
        "label": "handgun",
        "group": "firearm",
        "attributes": [],
    }
    assert client.get(scan["links"]["self"]).json() == {**scan, "review": "confirm"}


def test_reviews_follow_each_other(client: httpx.Client, make_png: PngMaker) -> None:
    scan = _post(client, make_png(20))
    first = _review(client, scan, "reject").json()
    second = _review(client, scan, "correct", _box(1, 2, 30, 40, attributes=["printed", "occluded"])).json()
    assert client.get(scan["links"]["reviews"]).json()["items"] == [first, second]
    assert second["annotations"][0]["attributes"] == ["occluded", "printed"]
    assert client.get(scan["links"]["self"]).json()["review"] == "correct"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "confirm"},
        {"decision": "maybe", "reviewer": "x"},
        {"decision": "confirm", "reviewer": "  "},
        {"decision": "confirm", "reviewer": "a\x07b"},
        {"decision": "confirm", "reviewer": "x" * 129},
        {"decision": "confirm", "reviewer": "x", "note": "y" * 4001},
        {"decision": "confirm", "reviewer": "x", "surprise": 1},
        {"decision": "confirm", "reviewer": "x", "annotations": [_box(1, 1, 9, 9)]},
        {"decision": "reject", "reviewer": "x", "annotations": [_box(1, 1, 9, 9)]},
        {"decision": "correct", "reviewer": "x"},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(9, 1, 1, 9)]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 1, 9)]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(-1, 1, 9, 9)]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 321, 9)]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 9)]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 9, "NaN")]},  # type: ignore[arg-type]
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 9, 9, label="knife")]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 9, 9, view="bottom")]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 9, 9, attributes=["shiny"])]},
        {"decision": "correct", "reviewer": "x", "annotations": [_box(1, 1, 9, 9)] * 501},
    ],
)
def test_reviews_are_checked(client: httpx.Client, make_png: PngMaker, body: dict[str, Any]) -> None:
    scan = _post(client, make_png(20))
    answer = client.post(scan["links"]["reviews"], json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.get(scan["links"]["reviews"]).json()["items"] == []


def test_a_box_names_its_view_where_there_are_two(client: httpx.Client, make_png: PngMaker) -> None:
    scan = _post(client, make_png(20), make_png(20))
    assert _review(client, scan, "correct", _box(1, 1, 9, 9)).status_code == 422
    assert _review(client, scan, "correct", _box(1, 1, 9, 9, view="side")).status_code == 201


def test_only_json_is_taken(client: httpx.Client, make_png: PngMaker) -> None:
    """A form on another site can send text without asking; it must not become a review."""
    scan = _post(client, make_png(20))
    body = json.dumps({"decision": "confirm", "reviewer": "mallory"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.post(scan["links"]["reviews"], content=body, headers={"Content-Type": kind})
        assert answer.status_code == 422, kind
    assert client.post(scan["links"]["reviews"], content=body).status_code == 422
    assert client.get(scan["links"]["reviews"]).json()["items"] == []


def test_there_is_nothing_to_confirm_before_the_model_looked(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    fake.gate.clear()
    with serve(fake) as client:
        scan = client.post(
            "/v1/scans", content=make_png(20), headers={"Content-Type": "image/png", "X-Budget-Ms": "100"}
        ).json()
        assert _review(client, scan, "confirm").status_code == 422
        fake.gate.set()
        wait(lambda: client.get(scan["links"]["self"]).json()["late_result"] is not None)
        assert [item["label"] for item in _review(client, scan, "confirm").json()["annotations"]] == ["handgun"]


def test_reviewed_scans_become_a_catalogue(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, tmp_path: Path
) -> None:
    with serve(fake) as client:
        two = _post(client, make_png(20, mark=1), make_png(255, mark=2), item_id="two", scanner_id="belt-1")
        empty = _post(client, make_png(20, mark=3))
        _post(client, make_png(20, mark=4))  # nobody looked: not exported
        box = _box(10.5, 20, 90.25, 44, view="side", attributes=["printed"])
        assert _review(client, two, "correct", box).status_code == 201
        assert _review(client, empty, "confirm").status_code == 201
        assert _review(client, empty, "reject").status_code == 201
        data = client.get("/v1/export/coco").content
    folder = tmp_path / "export"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    coco = json.loads((folder / "annotations.json").read_text())
    assert [(c["name"], c["supercategory"]) for c in coco["categories"]] == [
        (label, TAXONOMY[label].group) for label in LABELS
    ]
    assert [image["parcel_id"] for image in coco["images"]] == [empty["id"], two["id"], two["id"]]
    [annotation] = coco["annotations"]
    assert annotation["bbox"] == [10.5, 20, 79.75, 24]
    for image in coco["images"]:
        pixels = cv2.imdecode(np.fromfile(folder / image["file_name"], np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert pixels.shape[:2] == (image["height"], image["width"])
    options = ImportOptions(licence="own", source_kind="real")
    catalogue, problems = import_images("coco", folder, tmp_path / "catalogue", options)
    assert problems == []
    marks = [(record.parcel_id, record.view, [m.label for m in found]) for record, found in catalogue.items()]
    assert sorted(marks) == sorted([(two["id"], "top", []), (two["id"], "side", ["barrel"]), (empty["id"], "top", [])])

"""A scan goes in, an answer comes out, and both can be read back."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
import pytest

from serving.schemas import ScanOut

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread


PNG = {"Content-Type": "image/png"}


def test_a_raw_image_is_answered_and_read_back(client: httpx.Client, make_png: PngMaker) -> None:
    data = make_png(20)
    posted = client.post("/v1/scans", params={"item_id": "RR473124829CA", "lane": "A"}, content=data, headers=PNG)
    assert posted.status_code == 201, posted.text
    answer = posted.json()
    assert answer["verdict"] == "alarm"
    assert answer["reasons"] == ["above_threshold"]
    [view] = answer["views"]
    assert (view["width"], view["height"]) == (320, 240)
    assert view["sha256"] == hashlib.sha256(data).hexdigest()
    [found] = view["detections"]
    assert (found["label"], found["group"], found["alarm"]) == ("handgun", "firearm", True)
    assert set(answer["timings_ms"]) == {"decode", "queue", "inference", "store", "total"}
    assert answer["model"]["name"] == "tiny"
    assert answer["thresholds"]["handgun"] == 0.5
    assert answer["item_id"] == "RR473124829CA"
    assert posted.headers["Location"] == f"/v1/scans/{answer['id']}"
    assert client.get(posted.headers["Location"]).json() == answer


def test_a_white_image_is_clear(client: httpx.Client, make_png: PngMaker) -> None:
    answer = client.post(
        "/v1/scans", content=make_png(255), headers={"Content-Type": "application/octet-stream"}
    ).json()
    assert (answer["verdict"], answer["reasons"]) == ("clear", ["nothing_above_threshold"])
    assert answer["views"][0]["inferred"]


def test_a_turned_picture_is_boxed_and_shown_upright(serve: ServeInThread, fake: FakeDetector) -> None:
    lying = np.full((240, 320, 3), 20, np.uint8)
    jpeg = cv2.imencode(".jpg", lying)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)  # a quarter turn
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    with serve(fake) as client:
        answer = client.post("/v1/scans", content=turned, headers={"Content-Type": "image/jpeg"}).json()
        [view] = answer["views"]
        assert (view["width"], view["height"]) == (240, 320)
        assert view["detections"][0]["xyxy"] == [1, 2, 239, 318]
        shown = client.get(answer["links"]["image:view-1"])
        assert shown.headers["Content-Type"] == "image/png"
        picture = cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        assert picture.shape == (320, 240, 3)
        assert client.get(answer["links"]["image:view-1"], params={"form": "original"}).content == turned
    assert fake.seen == [(240, 320)]


def test_views_come_as_parts_with_metadata(client: httpx.Client, make_png: PngMaker) -> None:
    metadata = {"item_id": "CN1", "captured_at": "2026-11-22T01:02:03+01:00", "tags": {"origin": "CN"}}
    parts: dict[str, Any] = {
        "top": ("a.png", make_png(255), "image/png"),
        "side": ("b.png", make_png(10, 400, 200), "image/png"),
        "metadata": (None, json.dumps(metadata), "application/json"),
    }
    answer = client.post("/v1/scans", files=parts).json()
    assert [view["name"] for view in answer["views"]] == ["top", "side"]
    assert [len(view["detections"]) for view in answer["views"]] == [0, 1]
    assert answer["verdict"] == "alarm"
    assert answer["tags"] == {"origin": "CN"}
    assert client.get(answer["links"]["self"]).json() == answer


@pytest.mark.parametrize(
    ("files", "metadata", "names"),
    [
        ([("view", "top.png"), ("view", "side.png")], {}, ["top", "side"]),
        ([("view", "../../etc/passwd"), ("view", "a/../../b.png")], {}, ["passwd", "b"]),
        ([("view", "x.png"), ("view", "x.png")], {}, ["view-1", "view-2"]),
        ([("../up", "?"), ("a b", "!")], {}, ["view-1", "view-2"]),
        ([("view", "x.png"), ("view", "x.png")], {"views": ["upper", "lower"]}, ["upper", "lower"]),
    ],
)
def test_views_get_safe_names(
    client: httpx.Client, make_png: PngMaker, files: list[tuple[str, str]], metadata: dict[str, Any], names: list[str]
) -> None:
    parts: list[Any] = [(field, (name, make_png(255), "image/png")) for field, name in files]
    parts.append(("metadata", ("metadata.json", json.dumps(metadata), "application/json")))
    answer = client.post("/v1/scans", files=parts)
    assert answer.status_code == 201, answer.text
    assert [view["name"] for view in answer.json()["views"]] == names


def test_scans_are_listed_newest_first_page_by_page(client: httpx.Client, make_png: PngMaker) -> None:
    ids = []
    for number in range(5):
        level = 20 if number % 2 else 255
        params = {"scanner_id": "pages", "item_id": f"item-{number}"}
        ids.append(client.post("/v1/scans", params=params, content=make_png(level), headers=PNG).json()["id"])
    seen: list[str] = []
    cursor = None
    while True:
        params = {"scanner_id": "pages", "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/scans", params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    alarms = client.get("/v1/scans", params={"scanner_id": "pages", "verdict": "alarm"}).json()["items"]
    assert [item["id"] for item in alarms] == [ids[3], ids[1]]
    [one] = client.get("/v1/scans", params={"item_id": "item-4"}).json()["items"]
    assert one["id"] == ids[4]
    assert client.get("/v1/scans", params={"scanner_id": "pages", "reviewed": "true"}).json()["items"] == []


def test_images_come_back_as_posted_small_and_for_browsers(client: httpx.Client) -> None:
    rng = np.random.default_rng(1)
    low = rng.integers(2000, 60000, (200, 300), np.uint16)
    ok, data = cv2.imencodemulti(".tiff", [low, np.minimum(low + 3000, 65535).astype(np.uint16)])
    assert ok
    answer = client.post("/v1/scans", content=data.tobytes(), headers={"Content-Type": "image/tiff"}).json()
    address = answer["links"]["image:view-1"]
    original = client.get(address, params={"form": "original"})
    assert (original.content, original.headers["Content-Type"]) == (data.tobytes(), "image/tiff")
    shown = client.get(address)
    assert shown.headers["Content-Type"] == "image/png"
    picture = cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (200, 300, 3)
    for _ in range(2):  # made, then kept
        small = client.get(address, params={"form": "thumbnail"})
        assert small.headers["Content-Type"] == "image/jpeg"
    assert client.get(answer["links"]["self"] + "/views/other/image").status_code == 404


def test_boxes_refer_to_the_upright_view(client: httpx.Client) -> None:
    picture = np.full((100, 300, 3), 20, np.uint8)
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    tiff_header = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff_header
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    answer = client.post("/v1/scans", content=turned, headers={"Content-Type": "image/jpeg"}).json()
    assert (answer["views"][0]["width"], answer["views"][0]["height"]) == (100, 300)


def test_the_model_and_its_card_are_told(client: httpx.Client) -> None:
    model = client.get("/v1/model").json()
    assert model["card"]["name"] == model["name"] == "tiny"
    assert len(model["sha256"]) == 64
    assert model["operating_point"] == "balanced"


def test_the_openapi_document_names_every_answer(client: httpx.Client) -> None:
    document = client.get("/v1/openapi.json").json()
    assert {"ScanOut", "Problem", "ScanMetadata", "ReviewIn"} <= set(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert "HTTPValidationError" not in json.dumps(operation), (path, method)
            assert {"4XX", "5XX"} <= set(operation["responses"]), (path, method)
    ScanOut.model_validate(document["components"]["schemas"]["ScanOut"]["example"])


def test_the_zip_of_nothing_reviewed_is_a_zip(client: httpx.Client) -> None:
    data = client.get("/v1/export/coco").content
    assert io.BytesIO(data).read(2) == b"PK"

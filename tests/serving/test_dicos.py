"""A DICOS file in, a verdict and a threat detection report out, over HTTP."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import httpx
import numpy as np
import pydicom

from detector.dicos import read_dx
from detector.dicos_writing import write_dx
from detector.images import decode

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

DICOM = {"Content-Type": "application/dicom"}


def dx(level: int, item_id: str | None = "RR473124829CA") -> bytes:
    view = np.full((120, 160), 65535, np.uint16)
    view[20:100, 30:130] = level
    return write_dx(view, item_id=item_id)


def report_of(client: httpx.Client, scan_id: str) -> pydicom.Dataset:
    answer = client.get(f"/v1/scans/{scan_id}/tdr")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/dicom"
    return pydicom.dcmread(io.BytesIO(answer.content))


def test_a_dicos_file_is_screened_and_reported(client: httpx.Client) -> None:
    data = dx(200)
    answer = client.post("/v1/scans", content=data, headers=DICOM)
    assert answer.status_code == 201, answer.text
    scan = answer.json()
    assert (scan["verdict"], scan["item_id"]) == ("alarm", "RR473124829CA")
    assert (scan["views"][0]["width"], scan["views"][0]["height"]) == (160, 120)
    image = f"/v1/scans/{scan['id']}/views/view-1/image"
    original = client.get(image, params={"form": "original"})
    assert (original.content, original.headers["Content-Type"]) == (data, "application/dicom")
    shown = client.get(image)
    assert shown.headers["Content-Type"] == "image/png"
    picture = cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert np.array_equal(picture, decode(data))
    tdr = report_of(client, scan["id"])
    posted = read_dx(data)
    assert (tdr.AlarmDecision, tdr.PatientID, tdr.StudyInstanceUID) == ("ALARM", "RR473124829CA", posted.study_uid)
    representation = tdr.ThreatSequence[0].PTORepresentationSequence[0]
    assert representation.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == posted.sop_instance_uid
    x0, y0, x1, y1 = scan["views"][0]["detections"][0]["xyxy"]
    polygon = list(representation.BoundingPolygon)
    assert np.allclose([polygon[0], polygon[1], polygon[6], polygon[7]], [x0, y0, x1, y1])


def test_given_metadata_go_before_the_file(client: httpx.Client) -> None:
    answer = client.post("/v1/scans", content=dx(65535), headers=DICOM, params={"item_id": "A-1"})
    assert (answer.json()["verdict"], answer.json()["item_id"]) == ("clear", "A-1")
    assert report_of(client, answer.json()["id"]).PatientID == "A-1"
    nameless = client.post("/v1/scans", content=dx(65535, None), headers=DICOM)
    assert nameless.json()["item_id"] is None


def test_views_of_several_formats_make_one_report(client: httpx.Client, make_png: PngMaker) -> None:
    parts = {"top": ("top.dcs", dx(200), "application/dicom"), "side": ("side.png", make_png(255), "image/png")}
    answer = client.post("/v1/scans", files=parts)
    assert answer.status_code == 201, answer.text
    assert answer.json()["item_id"] == "RR473124829CA"
    tdr = report_of(client, answer.json()["id"])
    assert len(tdr.ReferencedStudySequence) == 2
    assert tdr.ReferencedStudySequence[1].ReferencedSOPInstanceUID.startswith("2.25.")


def test_an_exceeded_budget_is_reported_as_a_timeout(serve: ServeInThread, fake: FakeDetector) -> None:
    fake.gate.clear()
    with serve(fake) as client:
        answer = client.post("/v1/scans", content=dx(200), headers={**DICOM, "X-Budget-Ms": "80"})
        assert answer.json()["reasons"] == ["budget_exceeded"]
        tdr = report_of(client, answer.json()["id"])
        fake.gate.set()
    assert (tdr.AlarmDecision, tdr.AbortFlag, tdr.AbortReason) == ("UNKNOWN", "ABORT", "TIMEOUT")


def test_damaged_dicos_files_get_a_problem(client: httpx.Client) -> None:
    for data in (
        dx(1)[:2000],
        dx(1)[:140],
        bytes(128) + b"DICM" + bytes(500),
        dx(1).replace(b"MONOCHROME2", b"PALETTECOLO"),
    ):
        answer = client.post("/v1/scans", content=data, headers=DICOM)
        assert answer.status_code == 422, answer.text
        assert answer.json()["view"] == "view-1"
    assert client.get("/v1/scans/none/tdr").status_code == 404

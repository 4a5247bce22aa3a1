"""What was answered about a scan, as a DICOS Threat Detection Report."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Response

from detector.detections import Detection
from detector.dicos import DX_CLASSES, read_dx
from detector.dicos_writing import uid_of
from detector.errors import ImageError
from detector.threat_report import ReportedView, ThreatReport, write_tdr
from serving.access.gate import GuardedRoute, allow
from serving.access.keys import Scope
from serving.dependencies import ServicesDep, StoredScan
from serving.keeping import reading
from serving.schemas import ScanOut, ViewOut
from serving.store.images import ImageStore
from serving.store.models import Scan

__all__ = ["router"]

router = APIRouter(prefix="/v1/scans", tags=["scans"], route_class=GuardedRoute)

MEDIA_TYPE: Final = "application/dicom"
_FOR_PRESENTATION: Final = next(iter(DX_CLASSES))


@router.get(
    "/{scan_id}/tdr",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
    summary="Fetch the answer as a DICOS Threat Detection Report",
)
@allow(Scope.SCANNER, Scope.REVIEWER, Scope.TRAINER)
async def get_tdr(scan: StoredScan, services: ServicesDep) -> Response:
    """Return the verdict that was answered; late results and reviews do not change it.

    Views that came as DICOS are named by their own identifiers, others by one made from the image's hash.
    """
    with reading():
        data = await asyncio.to_thread(_report_of, scan, services.images)
    return Response(data, media_type=MEDIA_TYPE)


def _report_of(scan: Scan, images: ImageStore) -> bytes:
    answer = ScanOut.model_validate_json(scan.answer)
    media_types = {view.name: view.media_type for view in scan.views}
    views, study_uids = [], []
    for view in answer.views:
        sop_class, instance, study = _identifiers(view, media_types.get(view.name), images)
        threats = [Detection(found.xyxy, found.label, found.score) for found in view.detections if found.alarm]
        views.append(ReportedView(sop_class, instance or uid_of(f"image {view.sha256}"), threats))
        study_uids += [study] if study else []
    report = ThreatReport(
        report_id=answer.id,
        study_uid=study_uids[0] if study_uids else uid_of(f"scan {answer.id}"),
        item_id=answer.item_id,
        verdict=answer.verdict,
        reasons=answer.reasons,
        views=views,
        model_name=answer.model.name,
        model_version=answer.model.version,
        operating_point=answer.operating_point,
        started_at=answer.received_at,
        processing_ms=answer.timings_ms.total,
    )
    return write_tdr(report)


def _identifiers(view: ViewOut, media_type: str | None, images: ImageStore) -> tuple[str, str, str]:
    """Return SOP class, instance and study of a view; empty where there is none."""
    if media_type == MEDIA_TYPE:
        try:
            dx = read_dx(images.read(view.sha256))
        except (ImageError, FileNotFoundError):
            pass  # its retention time is over; the answer is kept longer
        else:
            return dx.sop_class_uid, dx.sop_instance_uid, dx.study_uid
    return _FOR_PRESENTATION, "", ""

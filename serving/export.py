"""Reviewed scans as a COCO catalogue, the way out of the service to training."""

from __future__ import annotations

import asyncio
import json
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any, Final

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from detector import __version__
from detector.errors import ImageError
from detector.images import decode
from detector.taxonomy import LABELS, TAXONOMY
from serving.access.gate import GuardedRoute, allow
from serving.access.keys import Scope
from serving.dependencies import ServicesDep
from serving.display import encoded
from serving.errors import StoreUnavailableError
from serving.reviews import annotations_of
from serving.services import Services
from serving.store.models import Scan, View
from serving.store.scans import ScanFilter

__all__ = ["router"]

router = APIRouter(prefix="/v1/export", tags=["export"], route_class=GuardedRoute)

_PAGE: Final = 100
_CHUNK_BYTES: Final = 1 << 20
_IN_MEMORY_BYTES: Final = 16 << 20


@router.get(
    "/coco",
    response_class=Response,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
    summary="Export reviewed scans as COCO",
)
@allow(Scope.TRAINER)
async def export_coco(services: ServicesDep) -> Response:
    """Return a zip of `annotations.json` and `images/`, as the last reviewer of each scan left it.

    Rejected scans are in it without annotations: they teach a model what is no weapon.
    """
    async with services.export_slot:
        try:
            file = await asyncio.to_thread(_build, services)
        except OSError as error:
            raise StoreUnavailableError("the images cannot be read, or the disk is full; try again") from error
    headers = {"Content-Disposition": 'attachment; filename="parcelray-coco.zip"'}
    return StreamingResponse(_chunks(file), headers=headers, media_type="application/zip")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _build(services: Services) -> IO[bytes]:
    coco: dict[str, Any] = {
        "info": {"description": "Scans reviewed in ParcelRay", "contributor": f"parcelray {__version__}"},
        "licenses": [],
        "categories": [
            {"id": number, "name": label, "supercategory": TAXONOMY[label].group.value}
            for number, label in enumerate(LABELS, 1)
        ],
        "images": [],
        "annotations": [],
    }
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it was sent
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for scan in _reviewed(services):
                _add_scan(services, archive, coco, scan)
            archive.writestr("annotations.json", json.dumps(coco, indent=1), zipfile.ZIP_DEFLATED)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _reviewed(services: Services) -> Iterator[Scan]:
    before: str | None = None
    while page := services.store.find(ScanFilter(reviewed=True), before=before, limit=_PAGE):
        yield from page
        before = page[-1].id


def _add_scan(services: Services, archive: zipfile.ZipFile, coco: dict[str, Any], scan: Scan) -> None:
    reviews = services.store.reviews(scan.id)
    if not reviews:
        return  # erased meanwhile
    review = reviews[-1]
    annotations = annotations_of(review)
    for view in scan.views:
        try:
            # As the model saw it: other readers know neither dual energy nor 16 bits nor EXIF orientation.
            image = encoded(decode(services.images.read(view.sha256)), ".png")
        except (ImageError, FileNotFoundError):
            continue  # never read by the model either; the review itself stays in the store
        image_id = len(coco["images"]) + 1
        name = f"{scan.id}-{view.position}.png"
        archive.writestr(f"images/{name}", image)
        coco["images"].append(_image_record(image_id, name, scan, view, review.decision))
        for item in annotations:
            if item.view != view.name:
                continue
            x0, y0, x1, y1 = item.xyxy
            coco["annotations"].append(
                {
                    "id": len(coco["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": LABELS.index(item.label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                    "attributes": item.attributes,
                }
            )


def _image_record(image_id: int, name: str, scan: Scan, view: View, decision: str) -> dict[str, Any]:
    return {
        "id": image_id,
        "file_name": f"images/{name}",
        "width": view.width,
        "height": view.height,
        "parcel_id": scan.id,
        "view": view.name,
        "scanner": scan.scanner_id or "unknown",
        "source": "parcelray-review",
        "licence": "site data",
        "energy": "unknown",
        "date_captured": (scan.captured_at or scan.received_at).isoformat(),
        "sha256": view.sha256,
        "verdict": scan.verdict,
        "review": decision,
    }

"""Scans: post one, read one back, list them, fetch their images."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from detector.errors import ImageError
from detector.policy import Reason, Verdict
from serving.access.gate import GuardedRoute, allow, caller_of
from serving.access.keys import Scope
from serving.clock import Clock
from serving.dependencies import NO_NUL, BudgetMs, IdempotencyKey, ServicesDep, StoredScan
from serving.display import display_form, thumbnail
from serving.errors import BadRequestError, NotFoundError, OverloadedError, StoreUnavailableError
from serving.intake import read_scan
from serving.keeping import reading
from serving.retention import erase_scan
from serving.schemas import LateResult, ReviewDecision, ScanMetadata, ScanOut, ScanPage, ScanSummary
from serving.screening import same_scan
from serving.services import Services
from serving.store.models import Scan
from serving.store.scans import ScanFilter

__all__ = ["router", "scan_out"]

router = APIRouter(prefix="/v1/scans", tags=["scans"], route_class=GuardedRoute)

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_BODY: Final[dict[str, Any]] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in (
            ("item_id", "Raw bodies only: the parcel's own number."),
            ("scanner_id", "Raw bodies only."),
            ("scan_number", "Raw bodies only: the scanner's own number of this scan, used once."),
            ("lane", "Raw bodies only."),
            ("view", "Raw bodies only: the view's name."),
        )
    ],
    "requestBody": {
        "required": True,
        "description": "One image, or one file part for each view (the part's name is the view's) and a JSON part "
        "named metadata. PNG, JPEG, TIFF (two pages: dual energy), BMP, WebP, DICOS DX (its Patient ID is the item id "
        "where none is given).",
        "content": {
            "image/*": _BINARY,
            "application/dicom": _BINARY,
            "application/octet-stream": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"metadata": {"$ref": "#/components/schemas/ScanMetadata"}},
                    "additionalProperties": {"type": "string", "format": "binary"},
                },
                "encoding": {"metadata": {"contentType": "application/json"}},
            },
        },
    },
}
EXTRA_SCHEMAS: Final = (ScanMetadata,)


@router.post("", status_code=201, response_model=ScanOut, openapi_extra=_BODY, summary="Screen one parcel's scan")
@allow(Scope.SCANNER)
async def post_scan(request: Request, services: ServicesDep, budget_ms: BudgetMs, key: IdempotencyKey) -> Response:
    """Answer with a verdict within the budget; what is answered is stored."""
    clock = Clock.start(budget_ms or services.settings.budget_ms)
    with _open_request(services, request):
        posted = await read_scan(request, services.settings)
        if budget_ms is None:
            clock = clock.within(services.scanners.of(posted.metadata.scanner_id).budget_ms)
        key = key or posted.own_key
        async with services.key_locks.setdefault(key, asyncio.Lock()) if key else nullcontext():
            first = await services.screening.first_answer(key) if key else None
            if first is not None:
                text, replayed = same_scan(first, posted), True
            else:
                text, replayed = await services.screening.screen(posted, clock, key)
    headers = {
        "Location": f"/v1/scans/{json.loads(text)['id']}",
        "Server-Timing": f"total;dur={clock.elapsed_ms():.1f}",
    }
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(text, 200 if replayed else 201, headers, "application/json")


@contextmanager
def _open_request(services: Services, request: Request) -> Iterator[None]:
    """Count a body that is held in memory from here on; one that hides its length counts as the longest."""
    settings = services.settings
    length = request.headers.get("content-length", "")
    held = min(int(length), settings.max_body_bytes) if length.isdecimal() else settings.max_body_bytes
    full = services.open_requests >= settings.max_requests or services.open_bytes + held > settings.max_open_bytes
    if full and services.open_requests:
        raise OverloadedError(f"{services.open_requests} scans are arriving; send again", retry_after_s=1)
    services.open_requests += 1
    services.open_bytes += held
    try:
        yield
    finally:
        services.open_requests -= 1
        services.open_bytes -= held


@router.get("", summary="List scans, newest first")
@allow(Scope.REVIEWER, Scope.TRAINER)
async def list_scans(  # noqa: PLR0917 - each is a named query parameter
    services: ServicesDep,
    verdict: Verdict | None = None,
    scanner_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    item_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    reviewed: bool | None = None,
    test: Annotated[bool, Query(description="Test scans instead of parcels; see GET /v1/monitor.")] = False,
    cursor: Annotated[
        str | None, Query(max_length=36, pattern=NO_NUL, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ScanPage:
    """Return one page; `next` is the cursor of the following one."""
    wanted = ScanFilter(
        verdicts=None if verdict is None else (verdict.value,),
        scanner_id=scanner_id,
        item_id=item_id,
        reviewed=reviewed,
        test=test,
    )
    found = await asyncio.to_thread(services.store.find, wanted, before=cursor, limit=limit + 1)
    page = found[:limit]
    return ScanPage(items=[_summary(scan) for scan in page], next=page[-1].id if len(found) > limit else None)


@router.get("/{scan_id}", summary="Read a scan back")
@allow(Scope.SCANNER, Scope.REVIEWER, Scope.TRAINER)
async def get_scan(scan: StoredScan) -> ScanOut:
    """Return the answer as it was given, with what has come since: late result and review."""
    return scan_out(scan)


@router.delete("/{scan_id}", status_code=204, summary="Erase a scan")
@allow(Scope.ADMIN)
async def delete_scan(
    request: Request,
    scan: StoredScan,
    services: ServicesDep,
    reason: Annotated[str, Query(min_length=1, max_length=500, pattern=NO_NUL, description="Why.")],
    by: Annotated[
        str | None, Query(min_length=1, max_length=128, pattern=NO_NUL, description="Who decided; else the key's name.")
    ] = None,
) -> None:
    """Erase a scan and its images; the evidence chain keeps when, by whom and why, and stays verifiable."""
    by = by or caller_of(request).name
    if by is None:
        raise BadRequestError("by: say who decided; in demo mode no key says it")
    try:
        await asyncio.to_thread(
            erase_scan, services.settings, services.store, services.images, scan.id, by=by, reason=reason
        )
    except OSError as error:
        raise StoreUnavailableError(
            "the scan is erased, its images could not be removed yet; the service tries again by itself"
        ) from error


@router.get(
    "/{scan_id}/views/{name}/image",
    response_class=Response,
    responses={200: {"content": {"image/*": _BINARY}, "description": "The image"}},
    summary="Fetch the image of a view",
)
@allow(Scope.REVIEWER, Scope.TRAINER)
async def get_image(
    scan: StoredScan,
    name: str,
    services: ServicesDep,
    form: Annotated[
        Literal["display", "original", "thumbnail"],
        Query(description="display: as the model saw it, for browsers; original: the posted bytes."),
    ] = "display",
) -> Response:
    """Return a view's image."""
    view = next((view for view in scan.views if view.name == name), None)
    if view is None:
        names = ", ".join(view.name for view in scan.views)
        raise NotFoundError(f"the scan has no view {name[:64]!r}; its views: {names}")
    # The bytes under one address never change, but a shared desk should not keep parcels for ever.
    headers = {"Cache-Control": "private, max-age=3600"}
    try:
        with reading():
            if form == "original":
                async with services.display_slots:
                    data = await asyncio.to_thread(services.images.read, view.sha256)
                return Response(data, 200, headers, view.media_type)
            make = thumbnail if form == "thumbnail" else display_form
            async with services.display_slots:
                data, media_type = await asyncio.to_thread(
                    make, services.images, view.sha256, view.media_type, services.thumbnails
                )
    except FileNotFoundError:
        raise NotFoundError("the image is no longer in the store") from None
    except ImageError:
        raise NotFoundError("the image is damaged and has no picture; fetch the posted bytes: form=original") from None
    return Response(data, 200, headers, media_type)


def scan_out(scan: Scan) -> ScanOut:
    """Return a stored scan as it was answered, with what has come since."""
    return ScanOut.model_validate_json(scan.answer).model_copy(
        update={
            "late_result": None if scan.late_result is None else LateResult.model_validate(scan.late_result),
            "review": _review(scan),
        }
    )


def _review(scan: Scan) -> ReviewDecision | None:
    return None if scan.review_state == "none" else ReviewDecision(scan.review_state)


def _summary(scan: Scan) -> ScanSummary:
    return ScanSummary(
        id=scan.id,
        verdict=Verdict(scan.verdict),
        reasons=[Reason(reason) for reason in scan.reasons],
        received_at=scan.received_at,
        item_id=scan.item_id,
        scanner_id=scan.scanner_id,
        lane=scan.lane,
        views=[view.name for view in scan.views],
        review=_review(scan),
        links={"self": f"/v1/scans/{scan.id}", "desk": f"/review/scans/{scan.id}"},
    )

"""Reviews: what people decided about a scan; added, never changed."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import TypeAdapter

from detector.taxonomy import group_of
from serving.access.gate import GuardedRoute, allow, caller_of
from serving.access.keys import Scope
from serving.dependencies import ServicesDep, StoredScan
from serving.errors import InvalidContentError
from serving.ids import IdMaker
from serving.scans import scan_out
from serving.schemas import AnnotationIn, AnnotationOut, ReviewDecision, ReviewIn, ReviewList, ReviewOut, ScanOut
from serving.store.models import Review, Scan

__all__ = ["annotations_of", "review_out", "router"]

router = APIRouter(prefix="/v1/scans/{scan_id}/reviews", tags=["reviews"], route_class=GuardedRoute)

_ANNOTATIONS = TypeAdapter(list[AnnotationOut])
_new_id = IdMaker()


@router.post("", status_code=201, summary="Review a scan")
@allow(Scope.REVIEWER)
async def post_review(request: Request, scan: StoredScan, review: ReviewIn, services: ServicesDep) -> ReviewOut:
    """Keep a reviewer's decision; the last one counts, all of them stay."""
    answer = scan_out(scan)
    if review.decision is ReviewDecision.CONFIRM:
        annotations = _alarms(answer)
    else:
        annotations = [_placed(number, item, scan) for number, item in enumerate(review.annotations)]
    stored = ReviewOut(
        id=_new_id(),
        scan_id=scan.id,
        created_at=datetime.now(UTC),
        decision=review.decision,
        reviewer=review.reviewer,
        note=review.note,
        annotations=annotations,
    )
    await asyncio.to_thread(services.store.add_review, stored, caller_of(request).key_id)
    return stored


@router.get("", summary="List the reviews of a scan")
@allow(Scope.REVIEWER, Scope.TRAINER)
async def list_reviews(scan: StoredScan, services: ServicesDep) -> ReviewList:
    """Return all reviews, oldest first."""
    found = await asyncio.to_thread(services.store.reviews, scan.id)
    return ReviewList(items=[review_out(review) for review in found])


def review_out(review: Review) -> ReviewOut:
    """Return a stored review."""
    return ReviewOut(
        id=review.id,
        scan_id=review.scan_id,
        created_at=review.created_at,
        decision=ReviewDecision(review.decision),
        reviewer=review.reviewer,
        note=review.note,
        annotations=annotations_of(review),
    )


def annotations_of(review: Review) -> list[AnnotationOut]:
    """Return what a review says is there."""
    return _ANNOTATIONS.validate_python(json.loads(review.annotations))


def _alarms(answer: ScanOut) -> list[AnnotationOut]:
    """Return what alarmed, in the late result where the model had not seen every view in time."""
    views = (
        answer.views
        if all(view.inferred for view in answer.views) or not answer.late_result
        else answer.late_result.views
    )
    if not all(view.inferred for view in views):
        raise InvalidContentError(
            "there is nothing to confirm: the model has not read every view of this scan; "
            "use correct or reject, or wait for the late result"
        )
    return [
        AnnotationOut(view=view.name, xyxy=found.xyxy, label=found.label, group=found.group, attributes=[])
        for view in views
        for found in view.detections
        if found.alarm
    ]


def _placed(number: int, item: AnnotationIn, scan: Scan) -> AnnotationOut:
    """Return an annotation on its view, or say why it cannot be there."""
    name = item.view if item.view is not None else scan.views[0].name if len(scan.views) == 1 else None
    view = next((view for view in scan.views if view.name == name), None)
    if view is None:
        names = ", ".join(view.name for view in scan.views)
        raise InvalidContentError(f"annotations.{number}: name one of the scan's views: {names}")
    x0, y0, x1, y1 = item.xyxy
    if x0 < 0 or y0 < 0 or x1 > view.width or y1 > view.height:
        raise InvalidContentError(
            f"annotations.{number}: the box {item.xyxy} leaves the view of {view.width} x {view.height} pixels"
        )
    return AnnotationOut(
        view=view.name, xyxy=item.xyxy, label=item.label, group=group_of(item.label), attributes=item.attributes
    )

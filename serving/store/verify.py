"""Walks the evidence chain and compares it with every row and image that it speaks about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from serving.store.evidence import GENESIS, canonical, head_of, link, sha256_of
from serving.store.images import ImageStore
from serving.store.models import Detection, Evidence, Review, Scan, View

__all__ = ["ChainReport", "check"]

_ANSWERED: Final = ("item_id", "scanner_id", "lane", "tags", "reasons")


@dataclass(frozen=True, slots=True)
class ChainReport:
    """Outcome of a check: how much was read, the head (number and hash), and what is wrong, one line each."""

    records: int
    images: int
    head: tuple[int, str]
    problems: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def check(
    session: Session,
    images: ImageStore | None = None,
    *,
    noted: tuple[int, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ChainReport:
    """Walk the whole chain.

    Args:
        session: one snapshot of the database.
        images: read and hash every image too.
        noted: number and hash of a record that was noted earlier, elsewhere; it must still be there.
        progress: called with the records done and all of them.

    Raises:
        OSError: the image storage does not answer, which says nothing about the images.
    """
    problems: list[str] = []
    seq, before, image_count = 0, GENESIS, 0
    reviews: set[str] = set()
    total = session.scalar(select(func.count()).select_from(Evidence)) or 0
    for record in session.scalars(select(Evidence).order_by(Evidence.seq).execution_options(yield_per=500)):
        seq += 1
        broken = list(_check_link(record, seq, before))
        problems.extend(broken)
        if noted is not None and record.seq == noted[0] and record.hash != noted[1]:
            problems.append(f"record {noted[0]}: not the one whose hash was noted")
        payload = _payload(record)
        if not broken and payload is not None:
            try:
                problems.extend(_check_rows(session, record, payload))
                if record.kind == "scan" and images is not None:
                    found, wrong = _check_images(session, images, record.scan_id)
                    image_count += found
                    problems.extend(wrong)
            except (ValueError, TypeError, KeyError, AttributeError):  # what no version of the service ever wrote
                problems.append(f"scan {record.scan_id}: its rows, or record {record.seq}, make no sense")
            if record.kind == "review":
                reviews.add(str(payload.get("review_id")))
        seq, before = record.seq, record.hash
        progress(seq, total)
    head = head_of(session)
    if head != (seq, before):
        problems.append(f"the head names record {head[0]}, the chain ends with record {seq}")
    if noted is not None and noted[0] > seq:
        problems.append(f"record {noted[0]}, whose hash was noted, is not there: the chain ends with record {seq}")
    problems.extend(_check_strays(session, reviews))
    return ChainReport(seq, image_count, head, tuple(problems))


def _payload(record: Evidence) -> Mapping[str, Any] | None:
    try:
        payload = json.loads(record.payload)
    except ValueError:
        return None  # already named: the hash cannot match
    return payload if isinstance(payload, dict) else None


def _check_link(record: Evidence, seq: int, before: str) -> Iterator[str]:
    if record.seq != seq:
        yield f"record {seq}: missing before record {record.seq}"
    if record.prev_hash != before:
        yield f"record {record.seq}: does not follow the record before it"
    if record.hash != link(record.seq, record.scan_id, record.kind, record.payload, record.prev_hash):
        yield f"record {record.seq}: its content does not match its hash"


def _check_rows(session: Session, record: Evidence, payload: Mapping[str, Any]) -> Iterator[str]:
    scan = session.get(Scan, record.scan_id)
    if record.kind == "scan":
        erased = session.scalar(
            select(Evidence.seq).where(Evidence.scan_id == record.scan_id, Evidence.kind == "erasure").limit(1)
        )
        if scan is None and erased is None:
            yield f"scan {record.scan_id}: it is gone, and no erasure was recorded"
        elif scan is not None and erased is not None:
            yield f"scan {record.scan_id}: record {erased} says it was erased, but it is there"
        if scan is not None:
            yield from _check_scan(session, scan, payload)
    elif record.kind == "late_result" and scan is not None:
        if scan.late_result is None or sha256_of(canonical(scan.late_result)) != payload.get("late_result_sha256"):
            yield f"scan {scan.id}: the late result is not the one that was recorded"
    elif record.kind == "review" and scan is not None:
        review = session.get(Review, payload.get("review_id", ""))
        same = review is not None and (
            review.scan_id == scan.id
            and review.decision == payload.get("decision")
            and review.reviewer == payload.get("reviewer")
            and review.created_at.isoformat() == payload.get("created_at")
            and sha256_of(review.annotations) == payload.get("annotations_sha256")
            and sha256_of(review.note) == payload.get("note_sha256")
        )
        if not same:
            yield f"scan {record.scan_id}: review {payload.get('review_id')} is not the one that was recorded"


def _check_scan(session: Session, scan: Scan, payload: Mapping[str, Any]) -> Iterator[str]:
    if sha256_of(scan.salt + scan.answer) != payload.get("answer_sha256"):
        yield f"scan {scan.id}: the stored answer is not the one that was recorded"
    else:
        answer = json.loads(scan.answer)
        captured = answer["captured_at"]
        same_time = scan.captured_at == (datetime.fromisoformat(captured) if captured else None)
        if not same_time or any(getattr(scan, name) != answer[name] for name in _ANSWERED):
            yield f"scan {scan.id}: item id, scanner, lane, tags, time or reasons are not the ones that were answered"
        yield from _check_views(scan, answer)
    if scan.verdict != payload.get("verdict"):
        yield f"scan {scan.id}: the verdict is not the one that was recorded"
    if scan.received_at.isoformat() != payload.get("received_at"):
        yield f"scan {scan.id}: the time of receipt is not the one that was recorded"
    recorded = {view["name"]: view["sha256"] for view in payload.get("views", [])}
    if {view.name: view.sha256 for view in scan.views} != recorded:
        yield f"scan {scan.id}: the image hashes are not the ones that were recorded"
    # Records of earlier versions lack these.
    if payload.get("media_types", media := [view.media_type for view in scan.views]) != media:
        yield f"scan {scan.id}: the media types are not the ones that were recorded"
    request = sha256_of(scan.salt + canonical([scan.request_sha256, scan.idempotency_key]))
    if payload.get("request_sha256", request) != request:
        yield f"scan {scan.id}: the request's hash or idempotency key is not the one that was recorded"
    if payload.get("late", late := scan.late_state != "none") != late:
        yield f"scan {scan.id}: its left-over work is not marked as it was recorded"
    if payload.get("test", False) != scan.test:
        yield f"scan {scan.id}: it is not marked as a test scan, or as none, as it was recorded"
    last = select(Review.decision).where(Review.scan_id == scan.id).order_by(Review.id.desc()).limit(1)
    if scan.review_state != (session.scalar(last) or "none"):
        yield f"scan {scan.id}: its state of review is not its last review's decision"


def _check_views(scan: Scan, answer: Mapping[str, Any]) -> Iterator[str]:
    """Compare the rows that lists and pages read with the answer, and with the late result."""
    later = {view["name"]: view for view in (scan.late_result or {}).get("views", [])}
    for row, view in zip(scan.views, answer["views"], strict=False):  # their number is checked by their hashes
        if (row.name, row.width, row.height) != (view["name"], view["width"], view["height"]):
            yield f"scan {scan.id}: view {row.name!r} is not as it was answered"
        found = [(_values(one), False) for one in view["detections"]]
        if not found and row.name in later:
            found = [(_values(one), True) for one in later[row.name]["detections"]]
        if [((one.x0, one.y0, one.x1, one.y1, one.label, one.score), one.late) for one in row.detections] != found:
            yield f"scan {scan.id}: the detections of view {row.name!r} are not the ones that were answered"


def _values(found: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*found["xyxy"], found["label"], found["score"])


def _check_images(session: Session, images: ImageStore, scan_id: str) -> tuple[int, list[str]]:
    scan = session.get(Scan, scan_id)
    problems: list[str] = []
    views = scan.views if scan is not None else []
    for view in views:
        try:
            data = images.read(view.sha256)
        except FileNotFoundError:
            problems.append(f"scan {scan_id}: the image of view {view.name!r} is missing ({view.sha256})")
        except ValueError:
            problems.append(f"scan {scan_id}: the image of view {view.name!r} has no possible name")
        else:
            if hashlib.sha256(data).hexdigest() != view.sha256:
                problems.append(f"scan {scan_id}: the image of view {view.name!r} was changed ({view.sha256})")
            elif len(data) != view.size_bytes:
                problems.append(f"scan {scan_id}: the size of view {view.name!r} is not the image's")
    return len(views), problems


def _check_strays(session: Session, reviews: set[str]) -> Iterator[str]:
    """Name rows that nothing in the chain speaks about."""
    for scan_id in session.scalars(select(Scan.id).where(Scan.id.not_in(_recorded("scan")))):
        yield f"scan {scan_id}: no record of its verdict"
    late = or_(Scan.late_state == "done", Scan.late_result.is_not(null()))
    for scan_id in session.scalars(select(Scan.id).where(late, Scan.id.not_in(_recorded("late_result")))):
        yield f"scan {scan_id}: no record of its late result"
    for review_id in session.scalars(select(Review.id)):
        if review_id not in reviews:
            yield f"review {review_id}: no record of it"
    if number := _count(session, View.scan_id.not_in(select(Scan.id)), View.id):
        yield f"{number} views belong to no scan"
    if number := _count(session, Detection.view_id.not_in(select(View.id)), Detection.id):
        yield f"{number} detections belong to no view"


def _recorded(kind: str) -> Any:  # noqa: ANN401 - a subquery's type is long and says nothing
    return select(Evidence.scan_id).where(Evidence.kind == kind)


def _count(session: Session, condition: ColumnElement[bool], column: InstrumentedAttribute[int]) -> int:
    return session.scalar(select(func.count(column)).where(condition)) or 0

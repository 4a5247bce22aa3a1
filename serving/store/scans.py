"""Writes and reads scans, reviews and late results; every write carries its evidence in the same transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from serving.errors import NotFoundError
from serving.schemas import LateResult, ReviewOut, ScanMetadata, ScanOut, ViewOut
from serving.store import erasure, evidence, outbox, verify
from serving.store.database import Database
from serving.store.evidence import canonical, sha256_of
from serving.store.images import ImageStore
from serving.store.models import Base, Detection, Evidence, EvidenceHead, Review, Scan, View
from serving.store.verify import ChainReport

__all__ = ["NewScan", "ScanFilter", "ScanStore", "verify_chain"]

# Scans are written as rows of tables: unit of work and identity map take longer than the database does.
_SCANS: Final = Base.metadata.tables[Scan.__tablename__]
_VIEWS: Final = Base.metadata.tables[View.__tablename__]
_DETECTIONS: Final = Base.metadata.tables[Detection.__tablename__]


@dataclass(frozen=True, slots=True)
class NewScan:
    """A scan to keep: its answer, the same as the very text that is sent, and what the answer does not say."""

    answer: ScanOut
    text: str
    metadata: ScanMetadata
    media_types: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    idempotency_key: str | None
    request_sha256: str
    software: str
    late: bool


@dataclass(frozen=True, slots=True)
class ScanFilter:
    """Which scans to list; None means any."""

    verdicts: tuple[str, ...] | None = None
    scanner_id: str | None = None
    item_id: str | None = None
    reviewed: bool | None = None
    test: bool | None = False  # no parcels: only who asks for them sees them

    def for_item(self, item_id: str | None) -> ScanFilter:
        """Return the same for one item id, or for any."""
        return replace(self, item_id=item_id)

    def unreviewed(self) -> ScanFilter:
        """Return the same for scans that wait for a person."""
        return replace(self, reviewed=False)


class ScanStore:
    """Scans in a database. All methods block; call them from a thread."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, new: NewScan, put_again: Callable[[str], None]) -> tuple[str, str] | None:
        """Keep a scan; returns None when it is durable, or the first answer (see there) if the key was used before.

        A connection that breaks is tried once more on a new one: the scan's id tells whether the first try was kept.

        Args:
            new: the scan.
            put_again: writes the image with this hash once more, where an erasure may just have removed it.
        """
        try:
            try:
                self._insert(new, put_again)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                self._insert(new, put_again)
        except IntegrityError:
            kept = self.get(new.answer.id)
            if kept is not None and kept.answer == new.text:
                return None
            first = self.first_answer(new.idempotency_key) if new.idempotency_key else None
            if first is None:
                raise
            return first
        return None

    def _insert(self, new: NewScan, put_again: Callable[[str], None]) -> None:
        with self.database.writing() as session:
            _insert_scan(session, new)
            # The record's append has waited for this writer's turn: whatever an erasure says now will stay so.
            erasure.rescue(session, {view.sha256 for view in new.answer.views}, put_again)

    def first_answer(self, idempotency_key: str) -> tuple[str, str] | None:
        """Return the request hash and the answer's text of the scan that first used a key."""
        with self.database.reading() as session:
            query = select(Scan.request_sha256, Scan.answer).where(Scan.idempotency_key == idempotency_key)
            row = session.execute(query).one_or_none()
            return None if row is None else (row[0], row[1])

    def get(self, scan_id: str) -> Scan | None:
        """Return a scan with its views and their detections."""
        with self.database.reading() as session:
            return session.get(Scan, scan_id)

    def find(self, wanted: ScanFilter, *, before: str | None, limit: int) -> Sequence[Scan]:
        """Return up to `limit` scans, newest first, older than the id `before`."""
        query = select(Scan).where(*_conditions(wanted)).order_by(Scan.id.desc()).limit(limit)
        if before is not None:
            query = query.where(Scan.id < before)
        with self.database.reading() as session:
            return session.scalars(query).all()

    def count(self, wanted: ScanFilter, *, limit: int) -> int:
        """Return how many scans there are, counting no further than `limit`."""
        some = select(Scan.id).where(*_conditions(wanted)).limit(limit).subquery()
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(some)) or 0

    def evidence(self, scan_id: str) -> Sequence[Evidence]:
        """Return the records of a scan in the evidence chain, oldest first."""
        query = select(Evidence).where(Evidence.scan_id == scan_id).order_by(Evidence.seq)
        with self.database.reading() as session:
            return session.scalars(query).all()

    def add_review(self, review: ReviewOut, key_id: str | None = None) -> None:
        """Keep a review, made with a key, and make it the scan's current one.

        Raises:
            NotFoundError: there is no such scan any more.
        """
        annotations = canonical([item.model_dump(mode="json") for item in review.annotations])
        with self.database.writing() as session:
            evidence.lock_head(session)  # before the scan, as who erases does: else they could wait for each other
            scan = session.get(Scan, review.scan_id)
            if scan is None:
                raise NotFoundError(f"scan {review.scan_id} was erased meanwhile")
            newer = select(Review.id).where(Review.scan_id == review.scan_id, Review.id > review.id).limit(1)
            if session.scalar(newer) is None:  # the last one made counts, in whatever order they arrive here
                scan.review_state = review.decision.value
            session.add(
                Review(
                    id=review.id,
                    scan_id=review.scan_id,
                    created_at=review.created_at,
                    decision=review.decision.value,
                    reviewer=review.reviewer,
                    note=review.note,
                    annotations=annotations,
                )
            )
            payload = {
                "review_id": review.id,
                "decision": review.decision.value,
                "reviewer": review.reviewer,
                "key_id": key_id,
                "annotations_sha256": sha256_of(annotations),
                "note_sha256": sha256_of(review.note),
                "created_at": review.created_at.isoformat(),
            }
            record = evidence.append(session, review.scan_id, "review", payload)
            if not scan.test:
                outbox.enqueue(session, record, scan.scanner_id)

    def reviews(self, scan_id: str) -> Sequence[Review]:
        """Return the reviews of a scan, oldest first."""
        with self.database.reading() as session:
            return session.scalars(select(Review).where(Review.scan_id == scan_id).order_by(Review.id)).all()

    def next_late(self, *, but: Collection[str]) -> str | None:
        """Return the oldest scan whose work was left over, other than those in `but`."""
        query = select(Scan.id).where(Scan.late_state == "pending", Scan.id.not_in(but)).order_by(Scan.id).limit(1)
        with self.database.reading() as session:
            return session.scalar(query)

    def count_late_attempt(self, scan_id: str) -> int:
        """Count one more try at a scan's left-over work, before it is made, and return the count."""
        with self.database.writing() as session:
            scan = session.get(Scan, scan_id, with_for_update=True)
            if scan is None:
                return 0  # erased meanwhile
            scan.late_attempts += 1
            return scan.late_attempts

    def add_late_result(self, scan_id: str, late: LateResult) -> None:
        """Keep what was found after the answer had to be given."""
        result = late.model_dump(mode="json")
        with self.database.writing() as session:
            evidence.lock_head(session)  # before the scan, as who erases does
            scan = session.get(Scan, scan_id)
            if scan is None or scan.late_state != "pending":
                return  # erased, or another worker was faster
            scan.late_state = "done"
            scan.late_result = result
            known = {view.name: view for view in scan.views}
            for view in late.views:
                if not known[view.name].detections:
                    _insert_detections(session, known[view.name].id, view, late=True)
            payload = {
                "verdict": result["verdict"],
                "model": result["model"],
                "thresholds": result["thresholds"],
                "finished_at": result["finished_at"],
                "late_result_sha256": sha256_of(canonical(result)),
            }
            record = evidence.append(session, scan_id, "late_result", payload)
            if not scan.test:
                outbox.enqueue(session, record, scan.scanner_id)

    def probe(self) -> None:
        """Write to the database and change nothing; raises when it does not answer, is full or takes no writes."""
        with self.database.writing() as session:
            evidence.lock_head(session)
            for step in (1, -1):  # SQLite writes no page where nothing changes
                session.execute(update(EvidenceHead).values(seq=EvidenceHead.seq + step))
            session.scalar(select(Scan.id).limit(1))


def _conditions(wanted: ScanFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.verdicts is not None:
        conditions.append(Scan.verdict.in_(wanted.verdicts))
    if wanted.scanner_id is not None:
        conditions.append(Scan.scanner_id == wanted.scanner_id)
    if wanted.item_id is not None:
        conditions.append(Scan.item_id == wanted.item_id)
    if wanted.reviewed is not None:
        conditions.append(Scan.review_state != "none" if wanted.reviewed else Scan.review_state == "none")
    if wanted.test is not None:
        conditions.append(Scan.test.is_(wanted.test))
    return conditions


def verify_chain(
    store: ScanStore,
    images: ImageStore | None = None,
    *,
    noted: tuple[int, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ChainReport:
    """Check the evidence chain of a store and what it speaks about (see `serving.store.verify.check`)."""
    with store.database.reading() as session:
        return verify.check(session, images, noted=noted, progress=progress)


def _insert_scan(session: Session, new: NewScan) -> None:
    answer, connection = new.answer, session.connection()
    salt = secrets.token_hex(32)
    connection.execute(
        insert(_SCANS),
        {
            "id": answer.id,
            "received_at": answer.received_at,
            "captured_at": new.metadata.captured_at,
            "item_id": new.metadata.item_id,
            "scanner_id": new.metadata.scanner_id,
            "lane": new.metadata.lane,
            "tags": dict(new.metadata.tags),
            "verdict": answer.verdict.value,
            "reasons": [reason.value for reason in answer.reasons],
            "answer": new.text,
            "idempotency_key": new.idempotency_key,
            "request_sha256": new.request_sha256,
            "salt": salt,
            "late_state": "pending" if new.late else "none",
            "test": answer.test,
        },
    )
    for position, view in enumerate(answer.views):
        row = {
            "scan_id": answer.id,
            "position": position,
            "name": view.name,
            "sha256": view.sha256,
            "media_type": new.media_types[position],
            "size_bytes": new.sizes_bytes[position],
            "width": view.width,
            "height": view.height,
        }
        view_id = connection.execute(insert(_VIEWS).returning(_VIEWS.c.id), row).scalar_one()
        _insert_detections(session, view_id, view, late=False)
    record = evidence.append(session, answer.id, "scan", _scan_payload(new, salt))
    if not answer.test:
        outbox.enqueue(session, record, new.metadata.scanner_id)


def _scan_payload(new: NewScan, salt: str) -> dict[str, Any]:
    answer = new.answer
    return {
        "verdict": answer.verdict.value,
        "reasons": [reason.value for reason in answer.reasons],
        "views": [{"name": view.name, "sha256": view.sha256} for view in answer.views],
        "model": answer.model.model_dump(),
        "operating_point": answer.operating_point,
        "thresholds": dict(answer.thresholds),
        "software": new.software,
        "received_at": answer.received_at.isoformat(),
        "timings_ms": answer.timings_ms.model_dump(),
        "budget_ms": answer.budget_ms,
        "media_types": list(new.media_types),
        "late": new.late,
        "test": answer.test,
        "answer_sha256": sha256_of(salt + new.text),
        "request_sha256": sha256_of(salt + canonical([new.request_sha256, new.idempotency_key])),
        "metadata_sha256": sha256_of(salt + canonical(new.metadata.model_dump(mode="json"))),
    }


def _insert_detections(session: Session, view_id: int, view: ViewOut, *, late: bool) -> None:
    rows = [
        {
            "view_id": view_id,
            "x0": found.xyxy[0],
            "y0": found.xyxy[1],
            "x1": found.xyxy[2],
            "y1": found.xyxy[3],
            "label": found.label,
            "score": found.score,
            "late": late,
        }
        for found in view.detections
    ]
    if rows:
        session.connection().execute(insert(_DETECTIONS), rows)

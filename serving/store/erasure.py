"""Erases scans and their images, and leaves a tombstone in the evidence chain: when, by whom and why.

The rows go in one transaction with the tombstone; the images after it. A file is removed only in a writer's turn and
only when no scan uses it, and whoever stores a scan asks in its own turn whether an image of it went meanwhile
(`rescue`): so the same picture posted again at the wrong moment is never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serving.store import evidence
from serving.store.database import Database
from serving.store.models import Base, Detection, ErasedImage, Review, Scan, View, WebhookDelivery

__all__ = ["Retention", "due", "erase", "purge_images", "rescue"]

# Far longer than any post takes between writing its images and its record.
_REMEMBERED: Final = timedelta(days=1)
_PAGE: Final = 100
_ERASED: Final = Base.metadata.tables[ErasedImage.__tablename__]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long scans are kept; None keeps them for ever."""

    clear: timedelta | None
    others: timedelta | None  # alarm, refer, and whatever a person or the late result called so


def erase(database: Database, scan_id: str, *, by: str, reason: str) -> bool:
    """Erase one scan's rows, with its tombstone; returns whether it was there. The images go with `purge_images`."""
    now = datetime.now(UTC)
    with database.writing() as session:
        evidence.lock_head(session)
        scan = session.get(Scan, scan_id)
        if scan is None:
            return False
        hashes = sorted({view.sha256 for view in scan.views})
        views = select(View.id).where(View.scan_id == scan_id)
        session.execute(delete(Detection).where(Detection.view_id.in_(views)))
        for table in (View, Review, WebhookDelivery):
            session.execute(delete(table).where(table.scan_id == scan_id))
        session.execute(delete(Scan).where(Scan.id == scan_id))
        for sha256 in hashes:
            session.merge(ErasedImage(sha256=sha256, erased_at=now, removed=False))
        payload = {"erased_at": now.isoformat(), "by": by, "reason": reason, "images": hashes}
        evidence.append(session, scan_id, "erasure", payload)
    return True


def purge_images(
    database: Database,
    remove: Callable[[str], None],
    *,
    ready: Callable[[], None] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Remove the images of erased scans that no other scan uses; returns how many.

    Args:
        database: where the images are marked.
        remove: removes one; everybody who writes waits for it.
        ready: called before each image, while nobody waits: raises OSError where the storage does not answer.
        stop: asked before each image; what is left is found by the next call.

    Raises:
        OSError: the storage failed; call again, what is left is still marked.
    """
    removed = 0
    with database.reading() as session:
        marked = session.scalars(select(ErasedImage.sha256).where(ErasedImage.removed.is_(False))).all()
    for sha256 in marked:
        if stop():
            break
        ready()
        with database.writing() as session:
            evidence.lock_head(session)
            row = session.get(ErasedImage, sha256)
            if row is None or row.removed:
                continue
            if session.scalar(select(View.id).where(View.sha256 == sha256).limit(1)) is not None:
                session.delete(row)
                continue
            remove(sha256)
            row.removed = True
            removed += 1
    with database.writing() as session:
        old = datetime.now(UTC) - _REMEMBERED
        session.execute(delete(ErasedImage).where(ErasedImage.removed, ErasedImage.erased_at < old))
    return removed


def rescue(session: Session, hashes: set[str], put_again: Callable[[str], None]) -> None:
    """Write those images again that an erasure has removed or is about to; call in a writer's turn."""
    connection = session.connection()
    for (sha256,) in connection.execute(select(_ERASED.c.sha256).where(_ERASED.c.sha256.in_(hashes))).all():
        put_again(sha256)
        connection.execute(delete(_ERASED).where(_ERASED.c.sha256 == sha256))


def due(database: Database, retention: Retention, now: datetime) -> Iterator[str]:
    """Give the ids of scans that have been kept long enough, oldest first."""
    spans = [span for span in (retention.clear, retention.others) if span is not None]
    if not spans:
        return
    after: tuple[datetime, str] | None = None
    youngest = now - min(spans)
    while True:
        query = select(Scan).where(Scan.received_at < youngest).order_by(Scan.received_at, Scan.id).limit(_PAGE)
        if after is not None:
            query = query.where((Scan.received_at > after[0]) | ((Scan.received_at == after[0]) & (Scan.id > after[1])))
        with database.reading() as session:
            page = session.scalars(query).all()
        if not page:
            return
        for scan in page:
            span = retention.clear if _is_clear(scan) else retention.others
            if span is not None and scan.received_at < now - span:
                yield scan.id
        after = page[-1].received_at, page[-1].id


def _is_clear(scan: Scan) -> bool:
    """Whether neither the model, in time or late, nor a person found anything; test scans are nobody's parcels."""
    if scan.test:
        return True
    late = scan.late_result["verdict"] if scan.late_result else "clear"
    return scan.verdict == late == "clear" and scan.review_state in ("none", "reject")

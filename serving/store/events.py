"""Reads events back from the evidence chain and its rows; an erased scan has none, nor has a test scan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from serving.events.schema import KIND_OF_RECORD, Event, EventBox, EventType
from serving.schemas import AnnotationOut, LateResult, ReviewDecision, ScanOut, ViewOut
from serving.store.evidence import head_of
from serving.store.models import Evidence, Review, Scan

__all__ = ["EventFilter", "erased_after", "event_at", "events_after"]

_RECORDS = {event: kind for kind, event in KIND_OF_RECORD.items()}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; empty and None mean any."""

    types: frozenset[EventType] = frozenset()
    scanner_id: str | None = None
    lane: str | None = None

    def wants(self, event: Event) -> bool:
        """Return whether an event is one of them."""
        return (
            (not self.types or event.type in self.types)
            and self.scanner_id in (None, event.scanner_id)
            and self.lane in (None, event.lane)
        )

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Give the same for a query of records and their scans."""
        yield Evidence.kind.in_([_RECORDS[wanted] for wanted in self.types or EventType])
        if self.scanner_id is not None:
            yield Scan.scanner_id == self.scanner_id
        if self.lane is not None:
            yield Scan.lane == self.lane


def events_after(session: Session, seq: int, wanted: EventFilter, limit: int) -> tuple[list[Event], int]:
    """Return up to `limit` wanted events behind record `seq`, and the record up to which there are no more."""
    head, _ = head_of(session)
    events = _events(session, [Evidence.seq > seq, Evidence.seq <= head, *wanted.conditions()], limit)
    return events, events[-1].sequence if len(events) == limit else max(head, seq)


def event_at(session: Session, seq: int) -> Event | None:
    """Return the event of one record."""
    events = _events(session, [Evidence.seq == seq, *EventFilter().conditions()], 1)
    return events[0] if events else None


def erased_after(session: Session, seq: int) -> Sequence[str]:
    """Return the scans that were erased behind record `seq`."""
    return session.scalars(select(Evidence.scan_id).where(Evidence.seq > seq, Evidence.kind == "erasure")).all()


def _events(session: Session, conditions: Iterable[ColumnElement[bool]], limit: int) -> list[Event]:
    # Columns, not rows: the views and detections of the scans are not needed.
    columns = (Evidence.seq, Evidence.kind, Evidence.payload, Scan.answer, Scan.late_result)
    parcels = Scan.test.is_(False)
    query = select(*columns).join(Scan, Scan.id == Evidence.scan_id).where(parcels, *conditions)
    found = session.execute(query.order_by(Evidence.seq).limit(limit)).all()
    return [_event(session, *row) for row in found]


def _event(  # noqa: PLR0917 - the columns of one row
    session: Session, seq: int, kind_of_record: str, payload: str, text: str, late: dict[str, Any] | None
) -> Event:
    kind, answer = KIND_OF_RECORD[kind_of_record], ScanOut.model_validate_json(text)
    event = Event(
        sequence=seq,
        type=kind,
        at=answer.received_at + timedelta(milliseconds=answer.timings_ms.total),
        scan_id=answer.id,
        item_id=answer.item_id,
        scanner_id=answer.scanner_id,
        lane=answer.lane,
        received_at=answer.received_at,
        verdict=answer.verdict,
        reasons=answer.reasons,
        decision=None,
        boxes=_alarms(answer.views),
        model=answer.model,
    )
    if kind is EventType.LATE_VERDICT:
        found = LateResult.model_validate(late)
        changed = {"at": found.finished_at, "verdict": found.verdict, "reasons": found.reasons, "model": found.model}
        return event.model_copy(update=changed | {"boxes": _alarms(found.views)})
    if kind is EventType.REVIEW:
        review = session.get_one(Review, json.loads(payload)["review_id"])
        there = [AnnotationOut.model_validate(one) for one in json.loads(review.annotations)]
        boxes = [EventBox(view=one.view, xyxy=one.xyxy, label=one.label, group=one.group, score=None) for one in there]
        at: datetime = review.created_at
        return event.model_copy(update={"at": at, "decision": ReviewDecision(review.decision), "boxes": boxes})
    return event


def _alarms(views: Sequence[ViewOut]) -> list[EventBox]:
    return [
        EventBox(view=view.name, xyxy=found.xyxy, label=found.label, group=found.group, score=found.score)
        for view in views
        for found in view.detections
        if found.alarm
    ]

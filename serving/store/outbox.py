"""Receivers of events and what they have not got yet.

A delivery is written in the transaction of the record that it speaks about, so that no killed process loses one, and is
deleted once the receiver has said that it has it. Whoever delivers takes deliveries for a while (`claim`): if it is
killed meanwhile they come due again, so that a receiver may get one twice, under the same id.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.errors import InvalidContentError
from serving.events.schema import KIND_OF_RECORD, Event, EventType
from serving.ids import IdMaker
from serving.store import evidence
from serving.store.database import Database
from serving.store.events import event_at
from serving.store.models import Base, Evidence, WebhookDelivery, WebhookEndpoint

__all__ = ["DELIVERIES", "LONGEST_WAIT", "MAX_ENDPOINTS", "Claim", "Outbox", "Result", "enqueue"]

# Every scan looks at all of them.
MAX_ENDPOINTS: Final = 32
LONGEST_WAIT: Final = timedelta(hours=6)
# Of a writing session's `info`: it has noted deliveries.
DELIVERIES: Final = "deliveries"
_ENDPOINTS: Final = Base.metadata.tables[WebhookEndpoint.__tablename__]
_ENABLED: Final = select(_ENDPOINTS.c.id, _ENDPOINTS.c.events, _ENDPOINTS.c.scanners).where(
    _ENDPOINTS.c.disabled_at.is_(None)
)
_DELIVERIES: Final = Base.metadata.tables[WebhookDelivery.__tablename__]
_new_id = IdMaker()


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery to make now; this is try number `attempt`."""

    id: str
    endpoint_id: str
    url: str
    secret: str
    attempt: int
    event: Event


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try: no error, or an error and when to try again; None gives up."""

    id: str
    endpoint_id: str
    error: str | None = None
    next_at: datetime | None = None
    gone: bool = False


def enqueue(session: Session, record: Evidence, scanner_id: str | None) -> None:
    """Note for every receiver that wants it that it has not got this event; call in the record's transaction."""
    kind, now, connection = KIND_OF_RECORD[record.kind], datetime.now(UTC), session.connection()
    rows = [
        {
            "id": _new_id(),
            "endpoint_id": endpoint_id,
            "seq": record.seq,
            "scan_id": record.scan_id,
            "kind": kind.value,
            "created_at": now,
            "next_at": now,
        }
        for endpoint_id, events, scanners in connection.execute(_ENABLED)
        if kind in events and (not scanners or scanner_id in scanners)
    ]
    if rows:
        connection.execute(insert(_DELIVERIES), rows)
        session.info[DELIVERIES] = True


class Outbox:
    """Endpoints and deliveries in a database. All methods block; call them from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, url: str, events: Collection[EventType], scanners: Collection[str]) -> WebhookEndpoint:
        """Make an endpoint; events from now on are for it.

        Raises:
            InvalidContentError: there are as many as there may be.
        """
        endpoint = WebhookEndpoint(
            id=secrets.token_hex(6),
            url=url,
            secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            events=sorted(event.value for event in events),
            scanners=sorted(scanners),
            created_at=datetime.now(UTC),
        )
        with self._database.writing() as session:
            if (session.scalar(select(func.count(WebhookEndpoint.id))) or 0) >= MAX_ENDPOINTS:
                raise InvalidContentError(f"there are {MAX_ENDPOINTS} endpoints, the most there may be; remove one")
            session.add(endpoint)
        return endpoint

    def endpoints(self) -> Sequence[WebhookEndpoint]:
        """Return every endpoint, oldest first."""
        with self._database.reading() as session:
            return session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.created_at)).all()

    def remove(self, endpoint_id: str) -> bool:
        """Remove an endpoint with all that it has not got; returns whether it was there."""
        with self._database.writing() as session:
            evidence.lock_head(session)  # a scan that is stored meanwhile must not point to it
            session.execute(delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id))
            found = session.execute(
                delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).returning(WebhookEndpoint.id)
            )
            return found.one_or_none() is not None

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many deliveries there are by endpoint and state."""
        query = select(WebhookDelivery.endpoint_id, WebhookDelivery.state, func.count())
        with self._database.reading() as session:
            rows = session.execute(query.group_by(WebhookDelivery.endpoint_id, WebhookDelivery.state)).all()
        return {(endpoint_id, state): count for endpoint_id, state, count in rows}

    def deliveries(
        self, state: Literal["pending", "dead"], *, before: str | None = None, limit: int = 50
    ) -> Sequence[WebhookDelivery]:
        """Return deliveries of one state, newest first, older than the id `before`."""
        query = select(WebhookDelivery).where(WebhookDelivery.state == state).order_by(WebhookDelivery.id.desc())
        if before is not None:
            query = query.where(WebhookDelivery.id < before)
        with self._database.reading() as session:
            return session.scalars(query.limit(limit)).all()

    def retry(self, any_id: str) -> int | None:
        """Try a delivery, or an endpoint's dead letters, again from the first try on; enables the endpoint.

        Returns how many deliveries that are, or None where nothing has this id.
        """
        with self._database.writing() as session:
            delivery = session.get(WebhookDelivery, any_id)
            endpoint = session.get(WebhookEndpoint, delivery.endpoint_id if delivery else any_id)
            if endpoint is None:
                return None
            endpoint.disabled_at = None
            one = WebhookDelivery.id == any_id
            dead = (WebhookDelivery.endpoint_id == endpoint.id) & (WebhookDelivery.state == "dead")
            session.info[DELIVERIES] = True
            again = update(WebhookDelivery).where(one if delivery else dead).returning(WebhookDelivery.id)
            return len(session.execute(again.values(state="pending", attempts=0, next_at=datetime.now(UTC))).all())

    def claim(self, now: datetime, lease: timedelta, room: Callable[[str], int]) -> tuple[list[Claim], float | None]:
        """Take what is due for as long as `lease`, and count the try before it is made.

        Args:
            now: the time.
            lease: after this a delivery whose result is not recorded comes due again.
            room: how many deliveries may begin for an endpoint.

        Returns:
            Them, and the seconds until the next is due; None when there is none.
        """
        enabled = select(WebhookEndpoint).where(WebhookEndpoint.disabled_at.is_(None))
        with self._database.reading() as session:
            endpoints = {endpoint.id: endpoint for endpoint in session.scalars(enabled)}
            ids = [found for endpoint in endpoints for found in _due_ids(session, endpoint, now, room(endpoint))]
            waiting = WebhookDelivery.endpoint_id.in_(endpoints), WebhookDelivery.state == "pending"
            first: datetime | None = session.scalar(select(func.min(WebhookDelivery.next_at)).where(*waiting))
        wait_s = None if first is None else max((first - now).total_seconds(), 0.0)
        if not ids:  # looking takes no writer's turn away from scans
            return [], wait_s
        with self._database.writing() as session:
            query = select(WebhookDelivery).where(WebhookDelivery.id.in_(ids), *_due(now))
            # Another process on the same database may be at it.
            taken = session.scalars(query.with_for_update(skip_locked=True)).all()
            for delivery in taken:
                delivery.attempts += 1
                delivery.next_at = now + lease
        claims = []
        with self._database.reading() as session:
            for delivery in taken:
                event = event_at(session, delivery.seq)
                if event is not None:  # else erased meanwhile, and the delivery with it
                    to = endpoints[delivery.endpoint_id]
                    claims.append(Claim(delivery.id, to.id, to.url, to.secret, delivery.attempts, event))
        return claims, wait_s

    def record(self, results: Sequence[Result], now: datetime) -> None:
        """Keep what came of tries: delivered ones are deleted, those given up are dead letters."""
        with self._database.writing() as session:
            for result in results:
                delivery = session.get(WebhookDelivery, result.id)
                endpoint = session.get(WebhookEndpoint, result.endpoint_id)
                if delivery is None or endpoint is None:
                    continue  # erased or removed meanwhile
                if result.error is None:
                    endpoint.delivered_at = now
                    session.delete(delivery)
                    continue
                delivery.error = result.error[:300]
                if result.next_at is None:
                    delivery.state = "dead"
                else:
                    delivery.next_at = result.next_at
                if result.gone:
                    endpoint.disabled_at = now
                    others = update(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
                    session.execute(others.values(state="dead", error=delivery.error))

    def forget_dead(self, before: datetime) -> int:
        """Delete dead letters that were made before a time; returns how many."""
        old = (WebhookDelivery.state == "dead") & (WebhookDelivery.created_at < before)
        with self._database.writing() as session:
            return len(session.execute(delete(WebhookDelivery).where(old).returning(WebhookDelivery.id)).all())


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    # A time that no wait can reach was written by a clock that was wrong.
    beyond = now + 2 * LONGEST_WAIT
    return WebhookDelivery.state == "pending", or_(WebhookDelivery.next_at <= now, WebhookDelivery.next_at > beyond)


def _due_ids(session: Session, endpoint_id: str, now: datetime, limit: int) -> Sequence[str]:
    if limit <= 0:
        return []
    query = select(WebhookDelivery.id).where(WebhookDelivery.endpoint_id == endpoint_id, *_due(now))
    return session.scalars(query.order_by(WebhookDelivery.next_at).limit(limit)).all()

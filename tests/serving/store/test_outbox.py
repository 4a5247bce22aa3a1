"""What receivers have not got: written with the record, taken once, tried again, given up, erased with its scan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from detector.policy import Verdict
from detector.taxonomy import Group
from serving.errors import InvalidContentError
from serving.events.schema import EventType
from serving.schemas import AnnotationOut, LateResult, ReviewDecision, ReviewOut
from serving.store import erasure
from serving.store.events import EventFilter, erased_after, event_at, events_after
from serving.store.outbox import LONGEST_WAIT, MAX_ENDPOINTS, Claim, Outbox, Result
from serving.store.scans import NewScan, ScanStore, verify_chain

if TYPE_CHECKING:
    from tests.serving.store.conftest import MakeScan

LEASE = timedelta(seconds=15)
ALL = set(EventType)


@pytest.fixture
def outbox(store: ScanStore) -> Outbox:
    """The outbox of an empty store."""
    return Outbox(store.database)


@pytest.fixture
def add(store: ScanStore, make_scan: MakeScan) -> Callable[..., NewScan]:
    """Return a function that stores a scan of a scanner and lane."""

    def keep(scanner_id: str | None = None, lane: str | None = None, **more: object) -> NewScan:
        new = make_scan(**more)
        where = {"scanner_id": scanner_id, "lane": lane}
        answer = new.answer.model_copy(update=where)
        made = NewScan(
            answer=answer,
            text=answer.model_dump_json(),
            metadata=new.metadata.model_copy(update=where),
            media_types=new.media_types,
            sizes_bytes=new.sizes_bytes,
            idempotency_key=new.idempotency_key,
            request_sha256=new.request_sha256,
            software=new.software,
            late=new.late,
        )
        store.add(made, lambda _: None)
        return made

    return keep


def review(scan: NewScan) -> ReviewOut:
    there = AnnotationOut(view="top", xyxy=(1, 2, 3, 4), label="barrel", group=Group.PART, attributes=[])
    return ReviewOut(
        id=f"review-{scan.answer.id[:20]}",
        scan_id=scan.answer.id,
        created_at=datetime.now(UTC),
        decision=ReviewDecision.CORRECT,
        reviewer="Ada",
        note="not for others",
        annotations=[there],
    )


def late_result(scan: NewScan) -> LateResult:
    view = scan.answer.views[0].model_copy(update={"inferred": True})
    return LateResult(
        verdict=Verdict.CLEAR,
        reasons=[],
        views=[view],
        model=scan.answer.model,
        operating_point="balanced",
        thresholds={"handgun": 0.5},
        finished_at=datetime.now(UTC),
    )


def claimed(outbox: Outbox, now: datetime | None = None, room: int = 100) -> list[Claim]:
    return outbox.claim(now or datetime.now(UTC), LEASE, lambda _: room)[0]


def test_events_come_in_the_order_of_the_chain_and_say_what_is_needed(
    store: ScanStore, add: Callable[..., NewScan]
) -> None:
    first = add("belt-1", "A", item_id="RR1")
    second = add("belt-2", "B", verdict="refer", late=True)
    store.add_review(review(first))
    store.add_late_result(second.answer.id, late_result(second))
    with store.database.reading() as session:
        events, end = events_after(session, 0, EventFilter(), 100)
        assert [(one.sequence, one.type) for one in events] == list(
            enumerate([EventType.VERDICT, EventType.VERDICT, EventType.REVIEW, EventType.LATE_VERDICT], 1)
        )
        assert end == 4
        verdict, _, reviewed, late = events
        assert (verdict.item_id, verdict.verdict, verdict.boxes[0].label) == ("RR1", "alarm", "handgun")
        assert verdict.at == first.answer.received_at + timedelta(milliseconds=4)
        assert (reviewed.decision, reviewed.boxes[0].label, reviewed.boxes[0].score) == ("correct", "barrel", None)
        assert "Ada" not in reviewed.model_dump_json()
        assert "not for others" not in reviewed.model_dump_json()
        assert (late.verdict, late.scanner_id) == ("clear", "belt-2")
        assert event_at(session, 4) == late
        assert event_at(session, 5) is None
        # Pages and filters.
        assert events_after(session, 0, EventFilter(), 2) == (events[:2], 2)
        assert events_after(session, 2, EventFilter(), 100) == (events[2:], 4)
        assert events_after(session, 9, EventFilter(), 100) == ([], 9)
        for wanted, expected in (
            (EventFilter(scanner_id="belt-1"), [verdict, reviewed]),
            (EventFilter(lane="B"), [events[1], late]),
            (EventFilter(types=frozenset({EventType.REVIEW})), [reviewed]),
        ):
            assert events_after(session, 0, wanted, 100) == (expected, 4)
            assert [one for one in events if wanted.wants(one)] == expected
    erasure.erase(store.database, first.answer.id, by="x", reason="y")
    with store.database.reading() as session:
        assert [one.sequence for one in events_after(session, 0, EventFilter(), 100)[0]] == [2, 4]
        assert list(erased_after(session, 4)) == [first.answer.id]


def test_a_delivery_is_written_for_each_receiver_that_wants_the_event(
    store: ScanStore, outbox: Outbox, add: Callable[..., NewScan]
) -> None:
    before = add("belt-1")
    every = outbox.add("https://a.example", ALL, [])
    reviews = outbox.add("https://b.example", {EventType.REVIEW}, [])
    belt = outbox.add("https://c.example", ALL, ["belt-2", "belt-3"])
    assert len({one.secret for one in outbox.endpoints()}) == 3
    one, two = add("belt-1"), add("belt-2", key="k")
    again = add("belt-2", key="k")  # a repeated post is no event
    assert store.get(again.answer.id) is None
    add(None)
    store.add_review(review(before))
    assert outbox.counts() == {(every.id, "pending"): 4, (reviews.id, "pending"): 1, (belt.id, "pending"): 1}
    found = {(claim.endpoint_id, claim.event.scan_id, claim.event.type) for claim in claimed(outbox)}
    assert (belt.id, two.answer.id, EventType.VERDICT) in found
    assert (reviews.id, before.answer.id, EventType.REVIEW) in found
    assert (every.id, one.answer.id, EventType.VERDICT) in found
    assert outbox.remove(every.id)
    assert not outbox.remove(every.id)
    assert set(outbox.counts()) == {(reviews.id, "pending"), (belt.id, "pending")}
    assert verify_chain(store).problems == ()


def test_a_delivery_is_taken_once_until_its_lease_ends(outbox: Outbox, add: Callable[..., NewScan]) -> None:
    endpoint = outbox.add("https://a.example", ALL, [])
    for _ in range(3):
        add()
    now = datetime.now(UTC)
    first = claimed(outbox, now, room=2)
    rest = claimed(outbox, now)
    assert [len(first), len(rest)] == [2, 1]
    assert {claim.attempt for claim in (*first, *rest)} == {1}
    assert not claimed(outbox, now + LEASE - timedelta(seconds=1))
    # As if the process had been killed: they come again, under the same ids, as the second try.
    again = claimed(outbox, now + LEASE)
    assert {claim.id for claim in again} == {claim.id for claim in (*first, *rest)}
    assert {claim.attempt for claim in again} == {2}
    outbox.record([Result(claim.id, endpoint.id) for claim in again], now)
    assert outbox.counts() == {}
    assert outbox.endpoints()[0].delivered_at == now


def test_what_fails_waits_then_is_dead_and_can_be_tried_again(outbox: Outbox, add: Callable[..., NewScan]) -> None:
    endpoint = outbox.add("https://a.example", ALL, [])
    add()
    now = datetime.now(UTC)
    (claim,) = claimed(outbox, now)
    outbox.record([Result(claim.id, endpoint.id, "status 500 " + "x" * 400, now + timedelta(minutes=1))], now)
    claims, wait_s = outbox.claim(now, LEASE, lambda _: 9)
    assert claims == []
    assert wait_s == pytest.approx(60, abs=1)
    (claim,) = claimed(outbox, now + timedelta(minutes=1))
    assert claim.attempt == 2
    outbox.record([Result(claim.id, endpoint.id, "status 500")], now)
    assert outbox.counts() == {(endpoint.id, "dead"): 1}
    assert not claimed(outbox, now + timedelta(days=1))
    (dead,) = outbox.deliveries("dead")
    assert (dead.id, dead.attempts, dead.error, dead.kind) == (claim.id, 2, "status 500", "verdict")
    assert outbox.deliveries("dead", before=dead.id) == []
    for any_id in (dead.id, endpoint.id):
        assert outbox.retry(any_id) == 1
        (claim,) = claimed(outbox, datetime.now(UTC))
        assert (claim.id, claim.attempt) == (dead.id, 1)
        outbox.record([Result(claim.id, endpoint.id, "status 500")], now)
    assert outbox.retry("nothing") is None
    assert outbox.forget_dead(now - timedelta(days=1)) == 0
    assert outbox.forget_dead(now + timedelta(days=1)) == 1
    assert outbox.counts() == {}


def test_a_receiver_that_is_gone_gets_nothing_until_it_is_enabled(outbox: Outbox, add: Callable[..., NewScan]) -> None:
    endpoint = outbox.add("https://a.example", ALL, [])
    for _ in range(3):
        add()
    claim, *_ = claimed(outbox, room=1)
    outbox.record([Result(claim.id, endpoint.id, "status 410", gone=True)], datetime.now(UTC))
    add()
    assert outbox.counts() == {(endpoint.id, "dead"): 3}
    assert not claimed(outbox)
    assert outbox.retry(endpoint.id) == 3
    assert len(claimed(outbox)) == 3


def test_a_clock_that_was_wrong_holds_nothing_up(outbox: Outbox, add: Callable[..., NewScan]) -> None:
    endpoint = outbox.add("https://a.example", ALL, [])
    add()
    now = datetime.now(UTC)
    (claim,) = claimed(outbox, now)
    outbox.record([Result(claim.id, endpoint.id, "x", now + timedelta(days=400))], now)
    assert len(claimed(outbox, now)) == 1
    outbox.record([Result(claim.id, endpoint.id, "x", now + LONGEST_WAIT)], now)
    assert not claimed(outbox, now)


def test_an_erased_scan_is_told_to_nobody(store: ScanStore, outbox: Outbox, add: Callable[..., NewScan]) -> None:
    outbox.add("https://a.example", ALL, [])
    kept, erased = add(), add()
    erasure.erase(store.database, erased.answer.id, by="x", reason="y")
    assert [claim.event.scan_id for claim in claimed(outbox)] == [kept.answer.id]
    assert verify_chain(store).problems == ()


def test_there_are_not_too_many_endpoints(outbox: Outbox) -> None:
    for _ in range(MAX_ENDPOINTS):
        outbox.add("https://a.example", ALL, [])
    with pytest.raises(InvalidContentError, match="remove one"):
        outbox.add("https://a.example", ALL, [])

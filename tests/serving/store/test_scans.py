"""The store keeps the same promises on SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text

from detector.policy import Verdict
from serving.errors import BadSettingsError
from serving.schemas import LateResult, ReviewDecision, ReviewOut
from serving.store.database import Database
from serving.store.models import Base, Scan
from serving.store.scans import NewScan, ScanFilter, ScanStore, verify_chain

if TYPE_CHECKING:
    from tests.serving.store.conftest import MakeScan


def never(sha256: str) -> None:
    pytest.fail(f"{sha256} was written again")


def review_of(scan: NewScan, number: int, decision: ReviewDecision) -> ReviewOut:
    return ReviewOut(
        id=f"{number:036}",
        scan_id=scan.answer.id,
        created_at=datetime.now(UTC),
        decision=decision,
        reviewer="R. One",
        note="seen",
        annotations=[],
    )


def test_the_schema_is_what_the_models_say(store: ScanStore) -> None:
    with store.database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_scan_comes_back_as_it_was_kept(store: ScanStore, make_scan: MakeScan) -> None:
    new = make_scan(item_id="RR473124829CA")
    assert store.add(new, never) is None
    scan = store.get(new.answer.id)
    assert scan is not None
    assert (scan.answer, scan.verdict, scan.item_id) == (new.text, "alarm", "RR473124829CA")
    assert scan.captured_at == new.metadata.captured_at
    assert (scan.views[0].detections[0].label, scan.views[0].detections[0].x0) == ("handgun", 1.5)
    assert store.get("nowhere") is None
    report = verify_chain(store)
    assert (report.records, report.problems) == (1, ())


def test_the_same_scan_twice_is_one(store: ScanStore, make_scan: MakeScan) -> None:
    """As after a commit whose answer was lost with the connection."""
    new = make_scan()
    assert store.add(new, never) is None
    assert store.add(new, never) is None
    assert verify_chain(store).records == 1


def test_a_key_used_before_gives_the_first_answer(store: ScanStore, make_scan: MakeScan) -> None:
    first, second = make_scan(key="k"), make_scan(key="k")
    assert store.add(first, never) is None
    assert store.add(second, never) == (first.request_sha256, first.text)
    assert store.first_answer("k") == (first.request_sha256, first.text)
    assert store.first_answer("other") is None
    assert verify_chain(store).records == 1


def test_lists_filter_count_and_page(store: ScanStore, make_scan: MakeScan) -> None:
    made = [make_scan(bytes([n]), "alarm" if n % 2 else "clear", item_id=f"item-{n}") for n in range(6)]
    for scan in made:
        store.add(scan, never)
    ids = [scan.answer.id for scan in reversed(made)]
    assert [scan.id for scan in store.find(ScanFilter(), before=None, limit=4)] == ids[:4]
    assert [scan.id for scan in store.find(ScanFilter(), before=ids[3], limit=4)] == ids[4:]
    alarms = ScanFilter(verdicts=("alarm",))
    assert [scan.id for scan in store.find(alarms, before=None, limit=9)] == ids[::2]
    assert (store.count(alarms, limit=9), store.count(alarms, limit=2)) == (3, 2)
    assert [scan.id for scan in store.find(ScanFilter(item_id="item-0"), before=None, limit=9)] == ids[5:]


def test_of_two_reviews_the_one_made_last_counts(store: ScanStore, make_scan: MakeScan) -> None:
    new = make_scan()
    store.add(new, never)
    store.add_review(review_of(new, 2, ReviewDecision.CONFIRM))
    store.add_review(review_of(new, 1, ReviewDecision.REJECT))
    assert [review.decision for review in store.reviews(new.answer.id)] == ["reject", "confirm"]
    scan = store.get(new.answer.id)
    assert scan is not None
    assert scan.review_state == "confirm"
    assert verify_chain(store).problems == ()


def test_late_work_is_found_counted_and_kept_once(store: ScanStore, make_scan: MakeScan) -> None:
    new, done = make_scan(verdict="refer", late=True), make_scan()
    store.add(new, never)
    store.add(done, never)
    scan_id = new.answer.id
    assert store.next_late(but=()) == scan_id
    assert store.next_late(but=(scan_id,)) is None
    assert [store.count_late_attempt(scan_id) for _ in range(2)] == [1, 2]
    found = done.answer.views[0].model_copy(update={"sha256": new.answer.views[0].sha256})
    late = LateResult(
        verdict=Verdict.ALARM,
        reasons=[],
        views=[found],
        model=new.answer.model,
        operating_point="balanced",
        thresholds={"handgun": 0.5},
        finished_at=datetime.now(UTC),
    )
    store.add_late_result(scan_id, late)
    store.add_late_result(scan_id, late)
    scan = store.get(scan_id)
    assert scan is not None
    assert (scan.late_state, scan.views[0].detections[0].late) == ("done", True)
    assert store.next_late(but=()) is None
    report = verify_chain(store)
    assert (report.records, report.problems) == (3, ())


def test_a_reader_sees_one_snapshot(store: ScanStore, make_scan: MakeScan) -> None:
    store.add(make_scan(), never)
    count = select(func.count()).select_from(Scan)
    with store.database.reading() as session:
        before = session.scalar(count)
        store.add(make_scan(), never)
        assert session.scalar(count) == before == 1
    assert verify_chain(store).problems == ()


def test_many_writers_make_one_chain(store: ScanStore, make_scan: MakeScan) -> None:
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(5):
                store.add(make_scan(), never)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures
    report = verify_chain(store)
    assert (report.records, report.problems) == (20, ())


def test_a_clock_that_goes_back_breaks_nothing(store: ScanStore, make_scan: MakeScan) -> None:
    for year in (2026, 2031, 1999):
        store.add(make_scan(received_at=datetime(year, 1, 1, tzinfo=UTC)), never)
    report = verify_chain(store)
    assert (report.records, report.problems) == (3, ())


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    command = [sys.executable, "-m", "parcelray", "db", "upgrade", "--database", database_url]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[0] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0]
    assert sorted("none -> " in line for line in said) == [False, False, True], said


def test_a_service_may_be_told_not_to_migrate(database_url: str) -> None:
    with pytest.raises(BadSettingsError, match="parcelray db upgrade"):
        Database(database_url, migrate=False)
    Database(database_url).close()
    again = Database(database_url, migrate=False)
    with again.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM scans")) == 0
    again.close()

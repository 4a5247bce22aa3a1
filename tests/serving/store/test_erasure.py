"""What is erased is gone, the chain says so and stays whole, and no other scan loses an image by it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from serving.retention import Outcome, erase_scan, run_retention
from serving.schemas import ReviewDecision, ReviewOut
from serving.settings import Settings
from serving.store import erasure, evidence
from serving.store.images import DiskImages, ImageStore
from serving.store.scans import NewScan, ScanFilter, ScanStore, verify_chain

if TYPE_CHECKING:
    from tests.serving.store.conftest import MakeScan

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def images(tmp_path: Path) -> DiskImages:
    """An empty image folder."""
    return DiskImages(tmp_path / "images")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Clear scans stay ten days, all others a hundred."""
    return Settings(data_dir=tmp_path, retain_clear_days=10, retain_alarm_days=100)


def keep(store: ScanStore, images: ImageStore, new: NewScan, data: bytes) -> str:
    images.put(sha256_of(data), data)
    assert store.add(new, lambda sha256: images.put(sha256, data, again=True)) is None
    return new.answer.id


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_erased_scan_leaves_a_tombstone_and_nothing_else(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan, tmp_path: Path
) -> None:
    gone = keep(store, images, make_scan(b"one", item_id="secret"), b"one")
    stays = keep(store, images, make_scan(b"two"), b"two")
    thumbnail = tmp_path / "thumbnails" / f"{sha256_of(b'one')}.jpg"
    thumbnail.parent.mkdir()
    thumbnail.write_bytes(b"small")
    assert erase_scan(settings, store, images, gone, by="J. Roy", reason="court order 12") == (True, 1)
    assert erase_scan(settings, store, images, gone, by="J. Roy", reason="again") == (False, 0)
    assert store.get(gone) is None
    assert not images.path_of(sha256_of(b"one")).exists()
    assert not thumbnail.exists()
    assert images.read(sha256_of(b"two")) == b"two"
    tombstone = json.loads(store.evidence(gone)[-1].payload)
    assert (tombstone["by"], tombstone["reason"]) == ("J. Roy", "court order 12")
    assert datetime.fromisoformat(tombstone["erased_at"]) <= datetime.now(UTC)
    with store.database.reading() as session:
        for table in ("scans", "views", "detections"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 1
    assert [scan.id for scan in store.find(ScanFilter(), before=None, limit=9)] == [stays]
    report = verify_chain(store, images)
    assert (report.records, report.images, report.problems) == (3, 1, ())


def test_an_image_that_another_scan_has_too_stays(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan
) -> None:
    first, second = (keep(store, images, make_scan(b"same"), b"same") for _ in range(2))
    assert erase_scan(settings, store, images, first, by="x", reason="y") == (True, 0)
    assert verify_chain(store, images).whole
    assert erase_scan(settings, store, images, second, by="x", reason="y") == (True, 1)


def test_a_post_between_writing_its_image_and_its_record_gets_the_image_back(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan
) -> None:
    first = keep(store, images, make_scan(b"same"), b"same")
    sha256 = sha256_of(b"same")
    images.put(sha256, b"same")  # the second post finds it there ...
    assert erase_scan(settings, store, images, first, by="x", reason="y") == (True, 1)  # ... and then it goes
    second = make_scan(b"same")
    written: list[str] = []

    def put_again(wanted: str) -> None:
        written.append(wanted)
        images.put(wanted, b"same", again=True)

    assert store.add(second, put_again) is None
    assert written == [sha256]
    assert verify_chain(store, images).whole
    assert erasure.purge_images(store.database, images.delete) == 0


def test_images_whose_storage_failed_go_the_next_time(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan
) -> None:
    scan_id = keep(store, images, make_scan(b"one"), b"one")

    def fail(sha256: str) -> None:
        raise OSError("gone")

    erasure.erase(store.database, scan_id, by="x", reason="y")
    with pytest.raises(OSError, match="gone"):
        erasure.purge_images(store.database, fail)
    assert images.read(sha256_of(b"one")) == b"one"
    assert run_retention(settings, store, images, now=NOW) == Outcome(0, 1, 0)
    assert verify_chain(store, images).whole


def test_who_stops_waits_for_one_image_not_for_all(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan
) -> None:
    for data in (b"one", b"two", b"three"):
        scan_id = keep(store, images, make_scan(data), data)
        erasure.erase(store.database, scan_id, by="x", reason="y")
    gone: list[str] = []

    class Slow(DiskImages):
        def delete(self, sha256: str) -> None:
            super().delete(sha256)
            gone.append(sha256)

    slow = Slow(settings.data_dir / "images")
    assert run_retention(settings, store, slow, now=NOW, stop=lambda: bool(gone)) == Outcome(0, 1, 0)
    assert run_retention(settings, store, slow, now=NOW) == Outcome(0, 2, 0)
    assert verify_chain(store, images).whole


def test_what_is_erased_is_in_no_file_of_the_database(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan, tmp_path: Path
) -> None:
    scan_id = keep(store, images, make_scan(b"one", item_id="RR473124829CA"), b"one")

    def holds_it() -> list[str]:
        return [path.name for path in tmp_path.glob("parcelray.sqlite*") if b"RR473124829CA" in path.read_bytes()]

    assert holds_it() or store.database.writers > 1, "PostgreSQL has its files elsewhere"
    erase_scan(settings, store, images, scan_id, by="x", reason="y")
    assert holds_it() == []
    assert verify_chain(store, images).whole


def test_a_review_and_an_erasure_of_the_same_scan_take_turns(store: ScanStore, make_scan: MakeScan) -> None:
    new = make_scan(late=True)
    store.add(new, lambda _: None)
    review = ReviewOut(
        id="r1",
        scan_id=new.answer.id,
        created_at=NOW,
        decision=ReviewDecision.REJECT,
        reviewer="x",
        note="",
        annotations=[],
    )
    begun = threading.Event()
    with ThreadPoolExecutor(1) as other:
        with store.database.writing() as session:  # what `erase` does: the head first, then the scan
            evidence.lock_head(session)

            def add() -> None:
                begun.set()
                store.add_review(review)

            adding = other.submit(add)
            assert begun.wait(60)
            time.sleep(0.5)  # it waits for its turn, holding nothing
            session.execute(text("UPDATE scans SET lane = '3'"))
        assert adding.exception() is None
    assert verify_chain(store).records == 2


def test_retention_keeps_clear_scans_and_others_for_their_own_time(
    store: ScanStore, images: DiskImages, settings: Settings, make_scan: MakeScan
) -> None:
    def kept_for(days: float, verdict: str) -> str:
        data = f"{days} {verdict}".encode()
        return keep(store, images, make_scan(data, verdict, received_at=NOW - timedelta(days=days)), data)

    for verdict, days in (("clear", 10.1), ("clear", 300), ("alarm", 100.1), ("refer", 101)):
        kept_for(days, verdict)
    stay = {kept_for(days, verdict) for verdict, days in (("clear", 9.9), ("alarm", 99), ("refer", 11))}
    missed = make_scan(b"missed", "clear", received_at=NOW - timedelta(days=50))
    stay.add(keep(store, images, missed, b"missed"))
    test = make_scan(b"test", "alarm", received_at=NOW - timedelta(days=11))  # kept as long as what is clear
    keep(store, images, replace(test, answer=test.answer.model_copy(update={"test": True})), b"test")
    with store.database.writing() as session:
        session.execute(
            text("UPDATE scans SET review_state = :state WHERE id = :id"),
            {"state": ReviewDecision.CORRECT.value, "id": missed.answer.id},
        )
    never = settings.model_copy(update={"retain_clear_days": None, "retain_alarm_days": None})
    assert run_retention(never, store, images, now=NOW).scans == 0
    assert run_retention(settings, store, images, now=NOW, stop=lambda: True).scans == 0
    assert run_retention(settings, store, images, now=NOW) == Outcome(5, 5, 0)
    assert {scan.id for scan in store.find(ScanFilter(), before=None, limit=99)} == stay
    assert run_retention(settings, store, images, now=NOW).scans == 0


def test_half_written_files_of_killed_processes_are_swept(images: DiskImages, tmp_path: Path) -> None:
    images.put(sha256_of(b"one"), b"one")
    folder = images.path_of(sha256_of(b"one")).parent
    old, young = folder / ".new-old", folder / ".new-young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(images.path_of(sha256_of(b"one")), (0, 0))
    assert images.sweep() == 1
    assert not old.exists()
    assert young.exists()
    assert images.read(sha256_of(b"one")) == b"one"

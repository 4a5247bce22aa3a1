"""The evidence chain: whole when nobody touched it, and every change found and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import CursorResult, text

from detector.model_card import ModelCard
from serving.services import open_store
from serving.settings import Settings
from serving.store.images import ImageStore
from serving.store.models import Review, Scan
from serving.store.scans import ScanFilter, ScanStore, verify_chain
from serving.store.verify import check

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait


@pytest.fixture(scope="module")
def detector(make_detector: type[FakeDetector], tiny_card: ModelCard) -> FakeDetector:
    """A detector for the store that all tests here copy."""
    return make_detector(tiny_card)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def settings(  # noqa: PLR0917 - pytest gives them by name
    request: pytest.FixtureRequest,
    serve_in_thread: ServeInThread,
    detector: FakeDetector,
    make_png: PngMaker,
    wait: Wait,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """A store with three scans, one of them late, and two reviews."""
    folder = Path(tmp_path_factory.mktemp("evidence"))
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None
    with serve_in_thread(detector, data_dir=folder, database_url=url) as client:
        for mark in range(2):
            answer = client.post(
                "/v1/scans",
                params={"item_id": f"secret-{mark}"},
                content=make_png(20, mark=mark),
                headers={"Content-Type": "image/png"},
            ).json()
            review = {"decision": "confirm" if mark else "reject", "reviewer": "R. One", "note": "seen"}
            assert client.post(answer["links"]["reviews"], json=review).status_code == 201
        detector.gate.clear()
        headers = {"Content-Type": "image/png", "X-Budget-Ms": "50"}
        answer = client.post("/v1/scans", content=make_png(20, mark=9), headers=headers).json()
        detector.gate.set()
        wait(lambda: client.get(answer["links"]["self"]).json()["late_result"])
    return Settings(data_dir=folder, database_url=url)


@pytest.fixture
def opened(settings: Settings) -> Iterator[tuple[ScanStore, ImageStore]]:
    """That store, opened; tests that change something take it back."""
    store, images = open_store(settings)
    yield store, images
    store.database.close()


@pytest.fixture
def store(opened: tuple[ScanStore, ImageStore]) -> ScanStore:
    """The part of it that is a database."""
    return opened[0]


def problems_after(store: ScanStore, *changes: str, noted: tuple[int, str] | None = None) -> tuple[str, ...]:
    """Return what a check says about changes, which are then taken back."""
    with store.database.writing() as session:
        for change in changes:
            changed = session.execute(text(change))
            assert isinstance(changed, CursorResult)
            assert changed.rowcount > 0
        problems = check(session, noted=noted).problems
        session.rollback()
    return problems


def test_an_untouched_chain_is_whole(opened: tuple[ScanStore, ImageStore]) -> None:
    seen: list[tuple[int, int]] = []
    report = verify_chain(*opened, progress=lambda done, total: seen.append((done, total)))
    assert (report.records, report.images, report.problems, report.whole) == (6, 3, (), True)
    assert seen[-1] == (6, 6)
    assert verify_chain(opened[0], noted=report.head).whole


def test_a_record_explains_its_verdict(store: ScanStore) -> None:
    scan = store.find(ScanFilter(), before=None, limit=10)[-1]
    records = store.evidence(scan.id)
    payload = json.loads(records[0].payload)
    assert payload["verdict"] == scan.verdict
    assert payload["views"] == [{"name": "view-1", "sha256": scan.views[0].sha256}]
    assert payload["model"]["sha256"] == "f" * 64
    assert payload["thresholds"]["handgun"] == 0.5
    assert payload["software"].startswith("parcelray ")
    assert payload["received_at"]
    assert payload["timings_ms"]
    review = json.loads(records[1].payload)
    assert (review["decision"], review["reviewer"]) == ("reject", "R. One")
    # What may have to be erased one day is there as a hash only.
    assert "secret" not in "".join(record.payload for record in records)


CHANGES = {
    "UPDATE evidence SET payload = replace(payload, 'alarm', 'clear') WHERE seq = 1": "record 1: its content",
    "UPDATE evidence SET kind = 'review' WHERE seq = 1": "record 1: its content",
    "UPDATE evidence SET payload = 'no json' WHERE seq = 3": "record 3: its content",
    "UPDATE evidence SET scan_id = 'x' WHERE seq = 2": "record 2: its content",
    "DELETE FROM evidence WHERE seq = 3": "record 3: missing",
    "DELETE FROM evidence WHERE seq = (SELECT max(seq) FROM evidence)": "the head names record 6",
    "UPDATE evidence_head SET hash = 'x'": "the head names record 6",
    "UPDATE scans SET verdict = 'clear' WHERE verdict = 'alarm'": "the verdict is not the one",
    "UPDATE scans SET answer = replace(answer, 'alarm', 'clear')": "the stored answer is not the one",
    "UPDATE scans SET late_result = '{}' WHERE late_result IS NOT NULL": "the late result is not the one",
    "UPDATE scans SET item_id = 'another parcel'": "item id, scanner, lane, tags, time or reasons are not",
    "UPDATE scans SET reasons = '[]'": "item id, scanner, lane, tags, time or reasons are not",
    "UPDATE scans SET captured_at = '2020-01-01 00:00:00'": "item id, scanner, lane, tags, time or reasons are not",
    "UPDATE scans SET received_at = '2020-01-01 00:00:00'": "the time of receipt is not the one",
    "UPDATE scans SET request_sha256 = 'x'": "the request's hash or idempotency key is not",
    "UPDATE scans SET idempotency_key = id": "the request's hash or idempotency key is not",
    "UPDATE scans SET late_state = 'pending' WHERE late_state = 'none'": "its left-over work is not marked",
    "UPDATE scans SET test = true": "it is not marked as a test scan",
    "UPDATE scans SET late_result = '{}' WHERE late_result IS NULL": "no record of its late result",
    "UPDATE scans SET late_result = '5'": "make no sense",
    "UPDATE scans SET tags = '[7]'": "item id, scanner, lane, tags, time or reasons are not",
    "UPDATE scans SET review_state = 'none'": "its state of review is not",
    "UPDATE views SET width = 1": "is not as it was answered",
    "UPDATE views SET media_type = 'image/gif'": "the media types are not",
    "UPDATE detections SET score = 0.1": "the detections of view 'view-1' are not",
    "DELETE FROM detections": "the detections of view 'view-1' are not",
    "UPDATE scans SET salt = 'x'": "the stored answer is not the one",
    "UPDATE views SET sha256 = 'x'": "the image hashes are not the ones",
    "UPDATE reviews SET decision = 'confirm'": "is not the one that was recorded",
    "UPDATE reviews SET reviewer = 'somebody else'": "is not the one that was recorded",
    "UPDATE reviews SET note = ''": "is not the one that was recorded",
    "UPDATE reviews SET annotations = '[]' WHERE decision = 'confirm'": "is not the one that was recorded",
    "DELETE FROM reviews": "is not the one that was recorded",
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_found_and_named(store: ScanStore, change: str) -> None:
    problems = problems_after(store, change)
    assert any(CHANGES[change] in problem for problem in problems), problems


def test_records_that_changed_places_are_found(store: ScanStore) -> None:
    swap = [f"UPDATE evidence SET seq = {new} WHERE seq = {old}" for old, new in ((2, 99), (1, 2), (99, 1))]
    assert "record 1: does not follow the record before it" in problems_after(store, *swap)


def test_a_scan_slipped_in_is_found(store: ScanStore) -> None:
    names = ", ".join(column.name for column in Scan.__table__.columns if column.name not in ("id", "idempotency_key"))
    forged = f"INSERT INTO scans (id, {names}) SELECT 'forged', {names} FROM scans LIMIT 1"
    assert "scan forged: no record of its verdict" in problems_after(store, forged)


def test_a_review_slipped_in_is_found(store: ScanStore) -> None:
    names = ", ".join(column.name for column in Review.__table__.columns if column.name != "id")
    forged = f"INSERT INTO reviews (id, {names}) SELECT 'forged', {names} FROM reviews LIMIT 1"
    assert "review forged: no record of it" in problems_after(store, forged)


def test_a_scan_that_is_gone_without_a_tombstone_is_found(store: ScanStore) -> None:
    tables = ("detections", "views", "reviews", "scans")
    problems = problems_after(store, *(f"DELETE FROM {table}" for table in tables))
    assert len(problems) == 3
    assert all("it is gone, and no erasure was recorded" in problem for problem in problems)


def test_an_end_cut_off_with_its_rows_is_found_by_a_noted_head_only(store: ScanStore) -> None:
    head = verify_chain(store).head
    late = "SELECT id FROM scans WHERE late_state = 'done'"
    cut = [
        f"DELETE FROM detections WHERE view_id IN (SELECT id FROM views WHERE scan_id IN ({late}))",
        f"DELETE FROM views WHERE scan_id IN ({late})",
        "DELETE FROM scans WHERE late_state = 'done'",
        "DELETE FROM evidence WHERE seq > 4",
        "UPDATE evidence_head SET seq = 4, hash = (SELECT hash FROM evidence WHERE seq = 4)",
    ]
    assert problems_after(store, *cut) == ()
    assert "the chain ends with record 4" in problems_after(store, *cut, noted=head)[0]
    assert "not the one whose hash was noted" in problems_after(store, *cut, noted=(3, head[1]))[0]


def test_a_changed_and_a_missing_image_are_named(opened: tuple[ScanStore, ImageStore]) -> None:
    store, images = opened
    first, second = (scan.views[0].sha256 for scan in store.find(ScanFilter(), before=None, limit=2))
    kept = {sha256: images.read(sha256) for sha256 in (first, second)}
    images.put(first, kept[first][:-1] + b"?", again=True)
    images.delete(second)
    problems = verify_chain(store, images).problems
    assert len(problems) == 2
    assert any("was changed" in problem and first in problem for problem in problems)
    assert any("is missing" in problem and second in problem for problem in problems)
    for sha256, data in kept.items():
        images.put(sha256, data, again=True)
    assert verify_chain(store, images).whole

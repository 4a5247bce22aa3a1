"""The evidence chain: whole when nobody touched it, and every change found and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from detector.model_card import ModelCard
from serving.schemas import ReviewDecision, ReviewOut
from serving.services import open_store
from serving.settings import Settings
from serving.store.models import Base
from serving.store.scans import ScanFilter, ScanStore, verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait


@pytest.fixture(scope="module")
def detector(make_detector: type[FakeDetector], tiny_card: ModelCard) -> FakeDetector:
    """A detector for the store that all tests here copy."""
    return make_detector(tiny_card)


@pytest.fixture(scope="module")
def original(
    serve_in_thread: ServeInThread,
    detector: FakeDetector,
    make_png: PngMaker,
    wait: Wait,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A store with three scans, one of them late, and two reviews."""
    folder = Path(tmp_path_factory.mktemp("evidence"))
    with serve_in_thread(detector, data_dir=folder) as client:
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
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of that store to change."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture
def store(folder: Path) -> Iterator[ScanStore]:
    """The store of `folder`, opened."""
    opened, _ = open_store(Settings(data_dir=folder))
    yield opened
    opened.database.close()


def test_an_untouched_chain_is_whole(store: ScanStore) -> None:
    report = verify_chain(store)
    assert (report.records, report.problems, report.whole) == (6, (), True)


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
    "UPDATE scans SET item_id = 'another parcel'": "the item id, scanner, lane or tags are not the ones",
    "UPDATE scans SET salt = 'x'": "the stored answer is not the one",
    "UPDATE views SET sha256 = 'x'": "the image hashes are not the ones",
    "UPDATE reviews SET decision = 'confirm'": "is not the one that was recorded",
    "UPDATE reviews SET reviewer = 'somebody else'": "is not the one that was recorded",
    "UPDATE reviews SET note = ''": "is not the one that was recorded",
    "UPDATE reviews SET annotations = '[]' WHERE decision = 'confirm'": "is not the one that was recorded",
    "DELETE FROM reviews": "is not the one that was recorded",
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_found_and_named(folder: Path, store: ScanStore, change: str) -> None:
    with closing(sqlite3.connect(folder / "parcelray.sqlite")) as raw:
        assert raw.execute(change).rowcount > 0
        raw.commit()
    assert any(CHANGES[change] in problem for problem in verify_chain(store).problems), verify_chain(store).problems


def test_a_scan_slipped_in_is_found(folder: Path, store: ScanStore) -> None:
    with closing(sqlite3.connect(folder / "parcelray.sqlite")) as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(scans)") if row[1] not in ("id", "idempotency_key")]
        names = ", ".join(columns)
        raw.execute(f"INSERT INTO scans (id, {names}) SELECT 'forged', {names} FROM scans LIMIT 1")
        raw.commit()
    assert "scan forged: no record of its verdict" in verify_chain(store).problems


def test_an_erased_scan_leaves_the_chain_whole(folder: Path, store: ScanStore) -> None:
    with closing(sqlite3.connect(folder / "parcelray.sqlite")) as raw:
        for table in ("detections", "views", "reviews", "scans"):
            raw.execute(f"DELETE FROM {table}")
        raw.commit()
    assert verify_chain(store).problems == ()


def test_of_two_reviews_the_one_made_last_counts(store: ScanStore) -> None:
    confirmed = store.find(ScanFilter(reviewed=True), before=None, limit=1)[0]
    assert confirmed.review_state == "confirm"
    overtaken = ReviewOut(
        id="0" * 36,
        scan_id=confirmed.id,
        created_at=confirmed.received_at,
        decision=ReviewDecision.REJECT,
        reviewer="R. Two",
        note="",
        annotations=[],
    )
    store.add_review(overtaken)
    assert [review.decision for review in store.reviews(confirmed.id)] == ["reject", "confirm"]
    scan = store.get(confirmed.id)
    assert scan is not None
    assert scan.review_state == "confirm"
    assert verify_chain(store).problems == ()


def test_the_schema_is_what_the_models_say(store: ScanStore) -> None:
    with store.database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []

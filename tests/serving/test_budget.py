"""An exceeded budget is answered in time with refer, and the left-over work is finished and kept."""

from __future__ import annotations

import asyncio
import os
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detections import Detections
from detector.errors import ModelError
from serving.services import open_services, open_store
from serving.settings import Settings
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait


def _post(client: httpx.Client, data: bytes, budget_ms: int) -> dict[str, Any]:
    headers = {"Content-Type": "image/png", "X-Budget-Ms": str(budget_ms)}
    answer = client.post("/v1/scans", content=data, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _read(client: httpx.Client, scan: dict[str, Any]) -> dict[str, Any]:
    return dict(client.get(scan["links"]["self"]).json())


def test_the_answer_comes_while_the_inference_runs(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    fake.gate.clear()
    with serve(fake) as client:
        scan = _post(client, make_png(20), 200)
        # The model is still inside: the gate is shut.
        assert (scan["verdict"], scan["reasons"]) == ("refer", ["budget_exceeded"])
        assert not scan["views"][0]["inferred"]
        assert _read(client, scan) == scan
        fake.gate.set()
        wait(lambda: _read(client, scan)["late_result"] is not None)
        later = _read(client, scan)
        assert later["late_result"]["verdict"] == "alarm"
        assert later["late_result"]["views"][0]["detections"][0]["label"] == "handgun"
        assert later["verdict"] == "refer"
        assert {**later, "late_result": None} == scan
    assert len(fake.seen) == 1, "what ran already is not run again"


def test_a_budget_that_cannot_be_met_is_answered_all_the_same(
    client: httpx.Client, make_png: PngMaker, wait: Wait
) -> None:
    scan = _post(client, make_png(20, 4000, 3000), 1)  # longer than a millisecond in the decoder alone
    assert (scan["verdict"], scan["reasons"]) == ("refer", ["budget_exceeded"])
    assert (scan["views"][0]["width"], scan["views"][0]["height"]) == (4000, 3000)
    wait(lambda: (_read(client, scan)["late_result"] or {}).get("verdict") == "alarm")


def test_a_view_found_damaged_after_the_answer_has_no_picture(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    whole = cv2.imencode(".png", np.zeros((3000, 4000), np.uint16))[1].tobytes()
    picture, end = whole.index(b"IDAT") + 4, whole.rindex(b"IEND") - 4
    # A chunk whose checksum fits, with half the picture in it: only the decoder can tell.
    half = whole[picture : picture + (end - picture) // 2]
    chunk = len(half).to_bytes(4, "big") + b"IDAT" + half + zlib.crc32(b"IDAT" + half).to_bytes(4, "big")
    with serve(fake) as client:
        scan = _post(client, whole[: picture - 8] + chunk + whole[end:], 1)
        assert (scan["verdict"], scan["reasons"]) == ("refer", ["budget_exceeded"])
        wait(lambda: _read(client, scan)["late_result"] is not None)
        assert _read(client, scan)["late_result"]["reasons"] == ["unreadable_view"]
        address = scan["links"]["image:view-1"]
        for form in ("display", "thumbnail"):
            assert client.get(address, params={"form": form}).status_code == 404
        assert client.get(address, params={"form": "original"}).status_code == 200
        for file in (tmp_path / "data" / "images").glob("??/??/*"):
            file.unlink()
        assert client.get(address, params={"form": "original"}).status_code == 404


def test_expired_scans_run_after_fresh_ones(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    fake.gate.clear()
    with serve(fake, sessions=1) as client:
        running = _post(client, make_png(20, width=100), 150)
        fake.entered.acquire(timeout=60)
        expired = _post(client, make_png(20, width=101), 150)
        fresh: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: fresh.append(_post(client, make_png(20, width=102), 60_000)))
        thread.start()
        wait(lambda: client.get("/readyz").json()["waiting_views"] == 1)
        fake.gate.set()
        thread.join()
        assert fresh[0]["verdict"] == "alarm"
        wait(lambda: all(_read(client, scan)["late_result"] for scan in (running, expired)))
    assert [width for width, _ in fake.seen] == [100, 102, 101]


def test_left_over_work_survives_a_restart(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    fake.gate.clear()
    with serve(fake, sessions=1) as client:
        _post(client, make_png(20), 150)
        waiting = _post(client, make_png(255), 150)
        assert waiting["reasons"] == ["budget_exceeded"]
    store, _ = open_store(Settings(data_dir=tmp_path / "data"))
    assert store.next_late(but=()) is not None
    store.database.close()
    fake.seen.clear()
    with serve(fake, sessions=1) as client:
        wait(lambda: _read(client, waiting)["late_result"] is not None)
        assert _read(client, waiting)["late_result"]["verdict"] == "clear"
    store, _ = open_store(Settings(data_dir=tmp_path / "data"))
    assert verify_chain(store).problems == ()
    store.database.close()


def test_left_over_work_that_always_ends_the_process_is_given_up(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    fake.gate.clear()
    with serve(fake, sessions=1) as client:
        _post(client, make_png(20), 100)
        waiting = _post(client, make_png(20, mark=1), 100)
    store, _ = open_store(Settings(data_dir=tmp_path / "data"))
    for _ in range(3):
        store.count_late_attempt(waiting["id"])
    store.database.close()
    fake.seen.clear()
    with serve(fake, sessions=1, late_attempts=3) as client:
        wait(lambda: _read(client, waiting)["late_result"] is not None)
        late = _read(client, waiting)["late_result"]
    assert (late["verdict"], late["reasons"]) == ("refer", ["model_failure"])


def test_an_alarm_in_time_stands_while_another_view_is_late(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait
) -> None:
    fake.gate.clear()
    fake.held = frozenset({101})
    with serve(fake, sessions=2) as client:
        parts = {
            "top": ("a", make_png(20, width=100), "image/png"),
            "side": ("b", make_png(20, width=101), "image/png"),
        }
        scan = client.post("/v1/scans", files=parts, headers={"X-Budget-Ms": "2500"}).json()
        assert (scan["verdict"], scan["reasons"]) == ("alarm", ["above_threshold", "budget_exceeded"])
        assert [view["inferred"] for view in scan["views"]] == [True, False]
        fake.gate.set()
        wait(lambda: _read(client, scan)["late_result"] is not None)
        late = _read(client, scan)["late_result"]
    assert [len(view["detections"]) for view in late["views"]] == [1, 1]
    assert sorted(width for width, _ in fake.seen) == [100, 101]


@pytest.mark.parametrize("levels", [(255, 255), (255, 20), (20, 255), (20, 20)])
@pytest.mark.parametrize("fate", ["in time", "late", "failing"])
def test_nothing_is_clear_unless_every_view_was_read(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, levels: tuple[int, int], fate: str
) -> None:
    if fate == "late":
        fake.gate.clear()
    fake.failing = fate == "failing"
    with serve(fake, sessions=2) as client:
        parts = {str(at): ("a", make_png(level, mark=at), "image/png") for at, level in enumerate(levels)}
        scan = client.post(
            "/v1/scans", files=parts, headers={"X-Budget-Ms": "300" if fate == "late" else "60000"}
        ).json()
        expected = "refer" if fate != "in time" else "alarm" if 20 in levels else "clear"
        assert scan["verdict"] == expected
        assert all(view["inferred"] for view in scan["views"]) == (fate == "in time")


def test_an_inference_yields_the_cores_to_whoever_answers(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    niceness: list[int] = []
    look = fake.detect

    def detect(image_rgb: NDArray[np.uint8], *, min_score: float) -> Detections:
        niceness.append(os.getpriority(os.PRIO_PROCESS, 0))  # on Linux, of this thread
        return look(image_rgb, min_score=min_score)

    monkeypatch.setattr(fake, "detect", detect)
    with serve(fake) as client:
        _post(client, make_png(20), 60_000)
    assert niceness[0] > os.getpriority(os.PRIO_PROCESS, 0)


def test_a_failing_model_refers_and_is_not_ready(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    with serve(fake) as client:
        fake.failing = True
        scan = _post(client, make_png(255), 60_000)
        assert (scan["verdict"], scan["reasons"]) == ("refer", ["model_failure"])
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "InferenceError" in ready.json()["checks"]["model"]
        fake.failing = False
        # Without a scan in between: whoever asks this sends none to a service that is not ready.
        assert client.get("/readyz").status_code == 200
        assert _post(client, make_png(255), 60_000)["verdict"] == "clear"


def test_a_hanging_model_is_not_ready(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    fake.gate.clear()
    with serve(fake, stall_s=0.05) as client:
        _post(client, make_png(255), 200)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_a_model_that_fails_its_first_image_is_not_served(fake: FakeDetector, tmp_path: Path) -> None:
    async def start() -> None:
        async with open_services(Settings(data_dir=tmp_path), fake):
            pass

    fake.failing = True
    with pytest.raises(ModelError, match="fails on its first image"):
        asyncio.run(start())


def test_overload_is_answered_at_once(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait) -> None:
    fake.gate.clear()
    with serve(fake, sessions=1, queue_limit=1) as client:
        answers: list[dict[str, Any]] = []
        threads = [
            threading.Thread(target=lambda at=at: answers.append(_post(client, make_png(20, mark=at), 60_000)))
            for at in range(2)
        ]
        for thread in threads:
            thread.start()
        wait(lambda: client.get("/readyz").json()["waiting_views"] == 1)
        refused = client.post("/v1/scans", content=make_png(20), headers={"Content-Type": "image/png"})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["type"] == "urn:parcelray:problem:overloaded"
        fake.gate.set()
        for thread in threads:
            thread.join()
        assert [answer["verdict"] for answer in answers] == ["alarm", "alarm"]
        assert _post(client, make_png(20, mark=9), 60_000)["verdict"] == "alarm"
        assert len(client.get("/v1/scans").json()["items"]) == 3


@pytest.mark.parametrize("limit", [{"max_open_pixels": 100_000}, {"max_open_bytes": 3_000}, {"max_requests": 1}])
def test_memory_is_kept_for_what_is_in_work(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, wait: Wait, limit: dict[str, int]
) -> None:
    """One scan fits whatever its size; the second one is told to come again."""
    data = make_png(20, 400, 300) + b"\0" * 2_000
    fake.gate.clear()
    with serve(fake, **limit) as client:
        answers: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: answers.append(_post(client, data, 60_000)))
        thread.start()
        fake.entered.acquire(timeout=60)
        refused = client.post("/v1/scans", content=data, headers={"Content-Type": "image/png"})
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        fake.gate.set()
        thread.join()
        assert answers[0]["verdict"] == "alarm"
        assert _post(client, data, 60_000)["verdict"] == "alarm"


def test_what_cannot_be_stored_is_not_acknowledged(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, tmp_path: Path
) -> None:
    with serve(fake) as client:
        folder = tmp_path / "data" / "images"
        folder.rename(tmp_path / "away")
        folder.write_text("in the way")
        refused = client.post("/v1/scans", content=make_png(20), headers={"Content-Type": "image/png"})
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:parcelray:problem:store-unavailable"
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/scans").json()["items"] == []
        folder.unlink()
        (tmp_path / "away").rename(folder)
        assert _post(client, make_png(20), 60_000)["verdict"] == "alarm"
        assert client.get("/readyz").status_code == 200

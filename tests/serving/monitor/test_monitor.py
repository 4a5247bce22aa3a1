"""Scans with known content go through the whole path, count as no parcels, and tell when they are no longer found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

import parcelray
from detector.detections import Detections
from detector.detector import Detector
from detector.model_card import ModelCard, attach_card
from detector.policy import Verdict
from detector.taxonomy import LABELS
from serving.errors import BadSettingsError
from serving.events.schema import EventType
from serving.monitor.known import SHIPPED, finds, load_known, look
from serving.services import open_store
from serving.settings import Settings
from serving.store.events import EventFilter, events_after
from serving.store.models import WebhookDelivery
from serving.store.outbox import Outbox
from serving.store.scans import ScanFilter, verify_chain

if TYPE_CHECKING:
    from tests.conftest import ModelBuilder
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer, Wait

SLOW_MS = 60_000
PNG = {"Content-Type": "image/png", "X-Budget-Ms": str(SLOW_MS)}
DARK, WHITE = 20, 250
# Where the tiny model sees a handgun in 320 x 240 pixels, as x, y, width, height.
MIDDLE = [80.0, 40.0, 160.0, 160.0]


@dataclass
class Fading:
    """A detector whose scores can be turned down."""

    inner: FakeDetector
    score: float = 0.9

    @property
    def card(self) -> ModelCard:
        return self.inner.card

    @property
    def model_sha256(self) -> str:
        return self.inner.model_sha256

    def thresholds(self, operating_point: str | None = None) -> Mapping[str, float]:
        return self.inner.thresholds(operating_point)

    def detect(self, image_rgb: NDArray[np.uint8], *, min_score: float) -> Detections:
        found = self.inner.detect(image_rgb, min_score=min_score)
        return Detections.of(found.xyxy, found.label_ids, [self.score] * len(found))


def write_coco(file: Path, images: Mapping[str, list[float] | None], **more: object) -> None:
    coco: dict[str, Any] = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(images)],
        "annotations": [
            {"image_id": number, "category_id": 1, "bbox": box}
            for number, box in enumerate(images.values())
            if box is not None
        ],
        "categories": [{"id": 1, "name": "handgun"}],
        **more,
    }
    file.write_text(json.dumps(coco))


@pytest.fixture
def known(tmp_path: Path, make_png: PngMaker) -> Path:
    """A folder with a handgun and a harmless scan."""
    folder = tmp_path / "known"
    folder.mkdir()
    (folder / "gun.png").write_bytes(make_png(DARK))
    (folder / "toys.png").write_bytes(make_png(WHITE))
    recorded = {"model_sha256": "0" * 64, "scores": {}}
    write_coco(folder / "known.json", {"gun.png": MIDDLE, "toys.png": None}, recorded=recorded)
    return folder


def test_test_scans_take_the_whole_path_and_count_nowhere(
    serve: ServeInThread, tiny_model_path: Path, make_png: PngMaker, known: Path, tmp_path: Path
) -> None:
    settings = {"monitor_every_s": 3600, "monitor_dir": known, "alarms_per_hour": 1, "budget_ms": SLOW_MS}
    store, _ = open_store(Settings(data_dir=tmp_path / "data"))
    Outbox(store.database).add("https://sorter.example/hook", [EventType.VERDICT], [])
    store.database.close()
    with serve(Detector.load(tiny_model_path), **settings) as client:
        ran = client.post("/v1/monitor/run").json()
        assert ran["ok"], ran
        assert ran["detail"] == "ok"
        assert [(scan["name"], scan["verdict"], scan["known"]) for scan in ran["scans"]] == [
            ("gun.png", "alarm", ["handgun"]),
            ("toys.png", "clear", []),
        ]
        assert client.get("/v1/monitor").json()["finished_at"] >= ran["finished_at"]
        assert client.get("/readyz").json()["checks"]["test scans"] == "ok"
        kept = client.get(f"/v1/scans/{ran['scans'][0]['scan_id']}").json()
        assert (kept["test"], kept["alarm_rank"], kept["tags"]) == (True, None, {"test_scan": "gun.png"})
        assert "test scan: no parcel" in client.get(f"/review/scans/{kept['id']}").text
        assert client.get("/v1/scans").json()["items"] == []
        assert len(client.get("/v1/scans?test=true").json()["items"]) >= 2
        assert "No scans yet" in client.get("/live").text
        assert "parcelray_verdicts_total{" not in client.get("/metrics").text
        assert 'parcelray_test_scan_faults{fault="missed"} 0.0' in client.get("/metrics").text
        parcel = client.post("/v1/scans", content=make_png(DARK), headers=PNG).json()
        assert parcel["alarm_rank"]["rank"] == parcel["alarm_rank"]["alarms_last_hour"] == 1
        assert [item["id"] for item in client.get("/v1/scans").json()["items"]] == [parcel["id"]]
    store, images = open_store(Settings(data_dir=tmp_path / "data"))
    try:
        assert verify_chain(store, images).whole
        assert json.loads(store.evidence(kept["id"])[0].payload)["test"] is True
        assert json.loads(store.evidence(parcel["id"])[0].payload)["test"] is False
        assert [scan.id for scan in store.find(ScanFilter(), before=None, limit=9)] == [parcel["id"]]
        with store.database.reading() as session:
            events, _ = events_after(session, 0, EventFilter(), 9)
            assert [event.scan_id for event in events] == [parcel["id"]]
            assert session.scalars(select(WebhookDelivery.scan_id)).all() == [parcel["id"]]
    finally:
        store.database.close()


def test_what_is_no_longer_found_or_drifts_is_told(
    serve: ServeInThread, fake: FakeDetector, known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_coco(
        known / "known.json",
        {"gun.png": [1, 2, 318, 236], "toys.png": None},
        recorded={"model_sha256": "0" * 64, "scores": {}},
    )
    detector = Fading(fake)
    with serve(detector, monitor_dir=known, budget_ms=SLOW_MS) as client:
        assert client.get("/v1/monitor").status_code == 404
        assert "test scans" not in client.get("/readyz").json()["checks"]
        assert client.post("/v1/monitor/run").json()["ok"]
        detector.score = 0.8
        drifted = client.post("/v1/monitor/run").json()
        assert drifted["faults"] == {"missed": 0, "not_clear": 0, "drift": 1, "late": 0, "failed": 0}
        assert drifted["scans"][0]["recorded"] == 0.9
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert "libraries or machine changed" in ready.json()["warnings"]["test scans"]
        detector.score = 0.3
        missed = client.post("/v1/monitor/run").json()
        assert missed["scans"][0]["faults"] == ["missed", "drift"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "POST /v1/model/rollback" in ready.json()["checks"]["test scans"]
        assert "known content is not found" in client.get("/live").text
        assert 'parcelray_test_scan_faults{fault="missed"} 1.0' in client.get("/metrics").text
        assert "known content is not found" in caplog.text
        detector.score = 0.9
        assert client.post("/v1/monitor/run").json()["ok"]
        assert client.get("/readyz").status_code == 200
    with serve(Fading(fake, score=0.8), monitor_dir=known, budget_ms=SLOW_MS) as client:
        assert client.post("/v1/monitor/run").json()["faults"]["drift"] == 1, "a restart remembers"


def test_late_and_refused_answers_are_faults_of_their_own(
    serve: ServeInThread, fake: FakeDetector, known: Path
) -> None:
    fake.gate.clear()
    with serve(fake, monitor_dir=known, budget_ms=50) as client:
        late = client.post("/v1/monitor/run").json()
        assert late["faults"]["late"] == 2
        assert late["trusted"], "what was not read in time says nothing about the model"
        assert "raise the budget" in client.get("/readyz").json()["warnings"]["test scans"]
        (known / "toys.png").write_bytes(b"no picture")
        assert client.post("/v1/monitor/run").json()["faults"]["failed"] == 1
        fake.gate.set()


def test_a_stop_waits_for_the_scan_at_hand_only(serve: ServeInThread, fake: FakeDetector, known: Path) -> None:
    fake.gate.clear()
    with serve(fake, monitor_every_s=3600, monitor_dir=known, budget_ms=SLOW_MS):
        assert fake.entered.acquire(timeout=60)
    assert len(fake.seen) == 1


@pytest.fixture
def models(tmp_path: Path, tiny_card: ModelCard, build_network: ModelBuilder, tiny_model_path: Path) -> Path:
    """The service's folder of models: one that never alarms, one that does."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    blind = replace(tiny_card, name="blind", thresholds={"balanced": dict.fromkeys(LABELS, 1.0)})
    (folder / "blind.onnx").write_bytes(attach_card(build_network(blind), blind))
    shutil.copy(tiny_model_path, folder / "sound.onnx")
    return folder


@pytest.mark.usefixtures("models")
def test_a_model_that_misses_them_is_not_swapped_in(
    serve: ServeInThread, fake: FakeDetector, known: Path, wait: Wait
) -> None:
    with serve(fake, monitor_every_s=3600, monitor_dir=known, budget_ms=SLOW_MS) as client:
        wait(lambda: client.get("/readyz").json()["checks"].get("test scans") == "ok")
        refused = client.post("/v1/model", json={"file": "blind.onnx"})
        assert refused.status_code == 422
        assert "misses what is known to be in the test scan gun.png" in refused.json()["detail"]
        assert client.get("/v1/model").json()["sha256"] == fake.model_sha256
        served = client.post("/v1/model", json={"file": "sound.onnx"}).json()["sha256"]
        # The new model is looked at without waiting for an hour.
        wait(lambda: client.get("/v1/monitor").json().get("model", {}).get("sha256") == served)


def test_by_hand_against_a_real_service(
    start_server: StartServer,
    known: Path,
    make_png: PngMaker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PARCELRAY_MONITOR_DIR", str(known))
    monkeypatch.setenv("PARCELRAY_BUDGET_MS", str(SLOW_MS))
    server = start_server(known.parent / "data")
    try:
        assert parcelray.main(["monitor", "run", "--url", server.url]) == 0
        assert "gun.png" in capsys.readouterr().out
        (known / "gun.png").write_bytes(make_png(WHITE, mark=1))
        assert parcelray.main(["monitor", "run", "--url", server.url]) == 1
        assert "known content is not found" in capsys.readouterr().out
        assert server.client.get("/readyz").status_code == 503
    finally:
        server.stop()


def test_scans_are_chosen_from_a_catalogue(
    tmp_path: Path, make_png: PngMaker, tiny_model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue, out = tmp_path / "catalogue", tmp_path / "out"
    for folder in ("images", "annotations"):
        (catalogue / folder).mkdir(parents=True)
    boxes: dict[str, list[float] | None] = {f"gun-{number}.png": [80, 40, 160, 160] for number in range(3)}
    boxes |= {"unseen.png": [80, 40, 160, 160], "elsewhere.png": [0, 0, 20, 20], "harmless.png": None, "odd.png": None}
    levels = dict.fromkeys(boxes, DARK) | dict.fromkeys(["unseen.png", "harmless.png"], WHITE)
    rng = np.random.default_rng(0)
    for number, (name, level) in enumerate(levels.items()):
        picture = np.full((240, 320, 3), level, np.uint8)  # with grain and a block: blank views are never clear
        picture[60:120, 60:180] = 128 if level == WHITE else 60
        picture = np.clip(picture + rng.integers(-3, 4, picture.shape) + number % 2, 0, 255).astype(np.uint8)
        (catalogue / "images" / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    write_coco(catalogue / "annotations" / "test.json", boxes)
    words = ["monitor", "pick", str(catalogue), str(out), "--model", str(tiny_model_path), "--max-kb", "1000"]
    assert parcelray.main([*words, "--threats", "4", "--benign", "1"]) == 2
    assert "only 3 scans with threats" in capsys.readouterr().err
    assert parcelray.main([*words, "--threats", "2", "--benign", "1"]) == 0
    chosen = load_known(out)
    assert [bool(scan.objects) for scan in chosen.scans] == [True, True, False]
    assert chosen.model_sha256 == Detector.load(tiny_model_path).model_sha256
    assert chosen.scores["known-01.png"] > 0.6 > chosen.scores["known-03.png"]
    assert parcelray.main([*words, "--threats", "2", "--benign", "1"]) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "Invalid JSON"),
        ("{}", "Field required"),
        ('{"images": [{"id": 1, "file_name": "../secret"}]}', "images.0.file_name"),
        ('{"images": [{"id": 1, "file_name": "gone.png"}], "annotations": [], "categories": [], "recorded": '
         '{"model_sha256": "x", "scores": {}}}', "gone.png"),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "known.json").write_text(text)
    with pytest.raises(BadSettingsError, match="parcelray monitor pick") as refusal:
        load_known(tmp_path)
    assert said in str(refusal.value)


def test_the_shipped_model_finds_what_ships_with_it() -> None:
    shipped, detector = load_known(SHIPPED), Detector.load()
    assert sum(bool(scan.objects) for scan in shipped.scans) >= 6
    assert sum(not scan.objects for scan in shipped.scans) >= 6
    wrong = []
    for scan in shipped.scans:
        decision, detections = look(scan, detector, None)
        if not (finds(scan, detections) if scan.objects else decision.verdict is Verdict.CLEAR):
            wrong.append(scan.name)
    assert not wrong, "choose them anew for this model: the commands are in detector/samples/known/README.md"

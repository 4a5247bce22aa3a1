"""A candidate runs beside the serving model: it is compared, it never decides, and when it breaks it goes alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

import parcelray
from detector.detector import Detector
from detector.model_card import ModelCard, attach_card
from detector.taxonomy import LABELS

if TYPE_CHECKING:
    from tests.conftest import ModelBuilder
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer, Wait

PNG = {"Content-Type": "image/png", "X-Budget-Ms": "60000"}
DARK, MIDDLE, WHITE = 20, 184, 250  # of scores 1, .4 and 0


@pytest.fixture
def models(tmp_path: Path, tiny_model_path: Path, tiny_card: ModelCard, build_network: ModelBuilder) -> Path:
    """A folder with the serving model and one that alarms at lower scores."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    shutil.copy(tiny_model_path, folder / "same.onnx")
    keen = replace(tiny_card, name="keen", thresholds={"balanced": dict.fromkeys(LABELS, 0.3)})
    (folder / "keen.onnx").write_bytes(attach_card(build_network(keen), keen))
    (folder / "none.onnx").write_text("no model")
    return folder


def candidate_processes() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())
    ]


def report(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/v1/model/shadow")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def told_of(now: dict[str, Any]) -> int:
    return int(now["compared"]) + sum(map(int, now["skipped"].values()))


def post(client: httpx.Client, wait: Wait, data: bytes) -> dict[str, Any]:
    """Post a scan and wait until the candidate has seen it, or will not."""
    before = told_of(report(client))
    answer = client.post("/v1/scans", content=data, headers=PNG)
    assert answer.status_code == 201

    def handled() -> bool:
        now = report(client)
        return now["state"] != "running" or told_of(now) > before

    wait(handled)
    return dict(answer.json())


def test_where_the_candidate_differs_is_told_and_nothing_else_changes(
    serve: ServeInThread, models: Path, tiny_model_path: Path, make_png: PngMaker, wait: Wait
) -> None:
    serving = Detector.load(tiny_model_path)
    with serve(serving) as client:
        started = client.post("/v1/model/shadow", json={"file": "keen.onnx"})
        assert started.status_code == 201, started.text
        assert started.json()["candidate"]["name"] == "keen"
        scans = [post(client, wait, make_png(level)) for level in (DARK, DARK + 1, MIDDLE, WHITE)]
        assert [scan["verdict"] for scan in scans] == ["alarm", "alarm", "clear", "clear"]
        told = report(client)
        assert told["compared"] == 4
        assert told["verdicts"] == {"alarm": {"alarm": 2}, "clear": {"alarm": 1, "clear": 1}}
        assert told["agreement"] == 0.75
        assert (told["alarm_rate_serving"], told["alarm_rate_candidate"]) == (0.5, 0.75)
        assert told["labels"] == {"handgun": {"both": 2, "serving_only": 0, "candidate_only": 1}}
        assert [scan["scan_id"] for scan in told["most_different"]] == [scans[2]["id"]]
        assert told["latency_candidate"]["p50_ms"] > 0
        metrics = client.get("/metrics").text
        assert 'parcelray_shadow_verdicts_total{candidate="alarm",serving="clear"} 1.0' in metrics
        assert client.get(f"/v1/scans/{scans[2]['id']}").json()["verdict"] == "clear"
        assert client.get("/v1/model").json()["sha256"] == serving.model_sha256
        promoted = client.post("/v1/model/shadow/promote")
        assert promoted.status_code == 200, promoted.text
        assert promoted.json()["name"] == "keen"
        assert client.post("/v1/scans", content=make_png(MIDDLE, mark=1), headers=PNG).json()["verdict"] == "alarm"
        assert report(client)["state"] == "promoted"
        assert client.post("/v1/model/shadow/promote").status_code == 404
        assert client.post("/v1/model/rollback").json()["sha256"] == serving.model_sha256
    assert candidate_processes() == []


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_candidate_that_hangs_or_dies_is_dropped(
    serve: ServeInThread, tiny_model_path: Path, make_png: PngMaker, wait: Wait, number: signal.Signals
) -> None:
    with serve(Detector.load(tiny_model_path), stall_s=1) as client:
        assert client.post("/v1/model/shadow", json={"file": "keen.onnx"}).status_code == 201
        (process,) = candidate_processes()
        assert process.nice() == 19
        os.kill(process.pid, number)
        assert post(client, wait, make_png(DARK))["verdict"] == "alarm"
        wait(lambda: report(client)["state"] == "dropped")
        detail = report(client)["detail"]
        assert ("no answer for 1 s" if number == signal.SIGSTOP else "has ended") in detail
        assert "start it again" in detail
        wait(lambda: not candidate_processes())
        assert client.post("/v1/scans", content=make_png(DARK, mark=2), headers=PNG).json()["verdict"] == "alarm"
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/model/shadow", json={"file": "keen.onnx"}).status_code == 201, "it may come again"


def test_a_busy_service_skips_and_counts(
    serve: ServeInThread, fake: FakeDetector, models: Path, make_png: PngMaker, wait: Wait
) -> None:
    with serve(fake) as client:
        assert client.post("/v1/model/shadow", json={"file": "keen.onnx"}).status_code == 201
        fake.gate.clear()
        answer = client.post("/v1/scans", content=make_png(DARK), headers=PNG | {"X-Budget-Ms": "50"})
        assert answer.json()["reasons"] == ["budget_exceeded"]
        assert report(client)["skipped"] == {"busy": 0, "unread": 1, "no_image": 0}
        fake.gate.set()
        (process,) = candidate_processes()
        process.suspend()
        for mark in (1, 2, 3):
            assert client.post("/v1/scans", content=make_png(DARK, mark=mark), headers=PNG).status_code == 201
        assert report(client)["skipped"]["busy"] >= 2, "one scan at a time; the others are not kept waiting for it"
        process.resume()
        wait(lambda: report(client)["compared"] == 1)


def test_what_cannot_run_is_refused(
    serve: ServeInThread, models: Path, tiny_model_path: Path, make_png: PngMaker
) -> None:
    with serve(Detector.load(tiny_model_path)) as client:
        assert client.get("/v1/model/shadow").status_code == 404
        assert client.post("/v1/model/shadow/promote").status_code == 404
        for name, status, said in (
            ("none.onnx", 422, "not an ONNX model"),
            ("same.onnx", 422, "nothing to compare"),
            ("missing.onnx", 404, "copy the model there"),
            ("../keen.onnx", 422, "file"),
        ):
            answer = client.post("/v1/model/shadow", json={"file": name})
            assert answer.status_code == status
            assert said in answer.json()["detail"]
        assert client.post("/v1/model/shadow", json={"file": "keen.onnx"}).status_code == 201
        shutil.copy(models / "same.onnx", models / "keen.onnx")
        answer = client.post("/v1/model/shadow/promote")
        assert answer.status_code == 422
        assert "not the one that was compared" in answer.json()["detail"]
        assert client.delete("/v1/model/shadow").json()["state"] == "stopped"
    assert candidate_processes() == []


def test_another_serving_model_ends_the_comparison(
    serve: ServeInThread, fake: FakeDetector, models: Path, make_png: PngMaker, wait: Wait
) -> None:
    with serve(fake) as client:
        client.post("/v1/model/shadow", json={"file": "keen.onnx"})
        client.post("/v1/model", json={"file": "same.onnx"})
        client.post("/v1/scans", content=make_png(DARK), headers=PNG)
        assert report(client)["state"] == "stopped"
        assert "another model serves" in report(client)["detail"]


def test_from_the_command_line_and_a_killed_service_leaves_no_candidate_behind(
    start_server: StartServer, models: Path, make_png: PngMaker, wait: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_server(models.parent)
    try:
        at = ["--url", server.url]
        assert parcelray.main(["models", "shadow", "keen.onnx", *at]) == 0
        scan = post(server.client, wait, make_png(MIDDLE))
        capsys.readouterr()
        assert parcelray.main(["models", "report", *at]) == 0
        printed = capsys.readouterr().out
        assert re.search(r"^clear +alarm +1$", printed, re.MULTILINE)
        assert re.search(r"^handgun +0 +0 +1$", printed, re.MULTILINE)
        assert f"/review/scans/{scan['id']}" in printed
        assert parcelray.main(["models", "serve", "missing.onnx", *at]) == 2
        assert "copy the model there first" in capsys.readouterr().err
        (process,) = candidate_processes()
    finally:
        server.kill()
    wait(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)

"""Faults around a real process: a disk that fills up, a clock that jumps, model files that are damaged."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import parcelray
from serving.services import open_store
from serving.settings import Settings
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, StartServer, Wait

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "parcelray-test", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("only root may mount a disk here; test_durability fills one by a limit instead")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def check_chain(data: Path, records: int) -> None:
    store, images = open_store(Settings(data_dir=data))
    report = verify_chain(store, images)
    store.database.close()
    assert (report.records, report.problems) == (records, ())


def test_a_disk_that_is_really_full_refuses_and_recovers(
    start_server: StartServer, make_png: PngMaker, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCELRAY_MIN_FREE_BYTES", "0")
    server = start_server(small_disk / "data")

    def post(mark: int) -> httpx.Response:
        return server.client.post("/v1/scans", content=make_png(20, mark=mark), headers=PNG)

    kept = [post(1)]
    ballast = small_disk / "ballast"
    for room in (0, 8192):  # for nothing, and for the image but not for the database's journal
        with pytest.raises(OSError, match="No space"):
            fill(ballast)
        size = ballast.stat().st_size
        os.truncate(ballast, size - room)
        refused = [post(100 + room + turn) for turn in range(3)]
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.json()["type"] for answer in refused} == {"urn:parcelray:problem:store-unavailable"}
        assert all("disk" in answer.json()["detail"] for answer in refused), refused[0].text
        assert server.client.get("/readyz").status_code == 503
        assert server.client.get(kept[0].headers["Location"]).text == kept[0].text
        ballast.unlink()
        assert server.client.get("/readyz").status_code == 200
        kept.append(post(room + 2))
    assert [answer.status_code for answer in kept] == [201, 201, 201]
    assert server.stop() == 0
    assert not list(small_disk.rglob(".new-*"))
    check_chain(small_disk / "data", 3)


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that moves the wall clock of the processes started from now on, as in "-2d"; see faketime(1)."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "this test needs libfaketime: sudo apt-get install libfaketime (scripts/test does it)"
    file = tmp_path / "clock"
    file.write_text("+0")
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    monkeypatch.setenv("NO_FAKE_STAT", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    monkeypatch.setenv("LD_PRELOAD", str(found[0]))
    return file


def test_a_clock_that_jumps_breaks_neither_budgets_nor_records(  # noqa: PLR0917 - pytest gives them by name
    start_server: StartServer,
    make_png: PngMaker,
    set_clock: Path,
    wait: Wait,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARCELRAY_RETAIN_CLEAR_DAYS", "30")
    monkeypatch.setenv("PARCELRAY_RETAIN_ALARM_DAYS", "30")
    monkeypatch.setenv("PARCELRAY_RETENTION_EVERY_S", "0.1")
    monkeypatch.setenv("PARCELRAY_BUDGET_MS", "60000")
    monkeypatch.setenv("PARCELRAY_RECEIVE_TIMEOUT_S", "200")
    data = tmp_path / "data"
    server = start_server(data)
    url = httpx.URL(server.url)
    answers: list[httpx.Response] = []

    def shows(days: int) -> bool:
        answers.append(server.client.post("/v1/scans", content=make_png(20, mark=len(answers)), headers=PNG))
        scan = answers[-1].json()
        assert (scan["verdict"], scan["reasons"]) == ("alarm", ["above_threshold"])
        assert 0 <= scan["timings_ms"]["total"] < 60_000
        ahead = datetime.fromisoformat(scan["received_at"]) - datetime.now(UTC)
        return abs(ahead - timedelta(days=days)) < timedelta(hours=1)

    wait(lambda: shows(0))
    for jump, days in (("-2d", -2), ("+400d", 400)):
        # The clock jumps while a scan is arriving: neither its budget nor the time for its body may be over.
        with socket.create_connection((url.host, url.port or 80), timeout=60) as raw:
            body = make_png(20, mark=1_000 + days)
            head = f"POST /v1/scans HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
            raw.sendall(f"{head}Content-Type: image/png\r\nConnection: close\r\n\r\n".encode() + body[:100])
            set_clock.write_text(jump)
            wait(partial(shows, days))
            raw.sendall(body[100:])
            said = b""
            while part := raw.recv(65536):
                said += part
        assert said.startswith(b"HTTP/1.1 201 "), said
        assert b'"verdict":"alarm"' in said
    # Nothing was erased for its age by the leap ahead, and the order is that of coming.
    for answer in answers:
        assert server.client.get(answer.headers["Location"]).text == answer.text
    listed = [scan["id"] for scan in server.client.get("/v1/scans", params={"limit": 200}).json()["items"]]
    own = [answer.json()["id"] for answer in answers]
    assert [scan_id for scan_id in listed if scan_id in own] == own[::-1]
    assert server.stop() == 0
    check_chain(data, len(answers) + 2)


def test_damaged_model_files_never_serve_under_load(
    start_server: StartServer, make_png: PngMaker, tiny_model_path: Path, tiny_end_to_end_path: Path, tmp_path: Path
) -> None:
    server = start_server(tmp_path)
    models = tmp_path / "models"
    models.mkdir()
    whole = tiny_end_to_end_path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 4
    files = {"empty": b"", "cut": whole[: len(whole) // 2], "flipped": bytes(flipped), "noise": os.urandom(50_000)}
    before = server.client.get("/v1/model").json()["sha256"]
    for mark, (name, data) in enumerate(files.items()):
        (models / f"{name}.onnx").write_bytes(data)
        refused = server.client.post("/v1/model", json={"file": f"{name}.onnx"})
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:parcelray:problem:unfit-model"), name
        scan = server.client.post("/v1/scans", content=make_png(20, mark=mark), headers=PNG).json()
        assert (scan["verdict"], scan["model"]["sha256"]) == ("alarm", before)
    shutil.copy(tiny_end_to_end_path, models / "good.onnx")
    after = server.client.post("/v1/model", json={"file": "good.onnx"}).json()["sha256"]
    assert after == server.client.get("/v1/model").json()["sha256"] != before
    assert server.stop() == 0
    # It is damaged on the disk while it serves: the next start refuses instead of choosing another.
    (models / "good.onnx").write_bytes(flipped)
    words = ["serve", "--port", "0", "--data", str(tmp_path)]
    assert parcelray.main(words) == 2

"""Images in S3-compatible storage: a real HTTP server of that kind, which dies and comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import detector
import parcelray
from serving.errors import BadSettingsError
from serving.retention import erase_scan
from serving.services import open_store
from serving.settings import Settings
from serving.store.remote_images import RemoteImages
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, StartServer, Wait
    from tests.serving.store.conftest import Line, MakeScan, OpenLine

PNG = {"Content-Type": "image/png"}
URL = "s3://scans/site-1"
SAMPLE = Path(detector.__file__).with_name("samples") / "scan.dcs"
HASH = "0a" * 32


@dataclass
class Storage:
    """One moto server process: it keeps everything in memory, so that a new one is empty."""

    port: int
    wait: Wait
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = ["-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.wait(self._answers)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)

    def make_bucket(self) -> None:
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/scans", method="PUT"), timeout=60) as answer:
            assert answer.status == 200

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the storage server ended"
        try:
            urllib.request.urlopen(f"{self.url}/moto-api/", timeout=60).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


@pytest.fixture
def storage(wait: Wait, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A storage server with an empty bucket, and the variables that lead to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        running = Storage(free.getsockname()[1], wait)
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-tests")
    monkeypatch.setenv("PARCELRAY_IMAGES_URL", URL)
    running.start()
    try:
        running.make_bucket()
        yield running
    finally:
        running.kill()


@pytest.fixture
def line(storage: Storage, open_line: OpenLine, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A line to the storage, and the variable that leads to it."""
    between = open_line(storage.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{between.port}")
    return between


def test_an_acknowledged_scan_has_its_image_whatever_the_storage_does(
    start_server: StartServer, storage: Storage, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    server = start_server(tmp_path)
    client = server.client
    first = client.post("/v1/scans", content=make_png(20), headers=PNG)
    assert first.status_code == 201
    image = f"{first.headers['Location']}/views/view-1/image"
    dicos = client.post("/v1/scans", content=SAMPLE.read_bytes(), headers={"Content-Type": "application/dicom"})
    report = f"{dicos.headers['Location']}/tdr"
    assert client.get(report).status_code == 200
    assert client.get(image, params={"form": "original"}).content == make_png(20)
    assert client.get(image, params={"form": "thumbnail"}).headers["Content-Type"] == "image/jpeg"
    assert not (tmp_path / "images").exists()

    storage.kill()
    refused = client.post("/v1/scans", content=make_png(20, mark=1), headers=PNG)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:parcelray:problem:store-unavailable")
    assert refused.headers["Retry-After"]
    assert client.get("/readyz").status_code == 503
    assert client.get(image, params={"form": "original"}).status_code == 503
    assert client.get(report).status_code == 503
    assert len(client.get("/v1/scans").json()["items"]) == 2

    storage.start()
    assert client.post("/v1/scans", content=make_png(20, mark=2), headers=PNG).status_code == 503  # no bucket
    storage.make_bucket()
    wait(lambda: client.get("/readyz").status_code == 200)
    assert client.post("/v1/scans", content=make_png(20, mark=3), headers=PNG).status_code == 201
    assert server.stop() == 0

    # The storage lost what it had acknowledged: that is found, and named.
    lost = (first.json()["id"], dicos.json()["id"])
    store, images = open_store(Settings(data_dir=tmp_path, images_url=URL))
    found = verify_chain(store, images)
    store.database.close()
    assert found.images == 3
    assert len(found.problems) == 2
    for scan_id, problem in zip(lost, found.problems, strict=True):
        assert scan_id in problem
        assert "missing" in problem


def test_storage_that_hangs_holds_up_no_answer_and_loses_no_scan(
    start_server: StartServer, line: Line, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    server = start_server(tmp_path)

    def post(mark: int, budget_ms: int) -> httpx.Response:
        headers = PNG | {"Idempotency-Key": f"scan-{mark}", "X-Budget-Ms": str(budget_ms)}
        return server.client.post("/v1/scans", content=make_png(20, mark=mark), headers=headers)

    first = post(0, 60_000)
    assert first.status_code == 201
    line.flows.clear()
    # The first ones wait to the end of their budgets; when every thread hangs, nobody waits any more.
    refusals = [post(mark, 300) for mark in range(1, 7)]
    assert {(one.status_code, one.json()["type"]) for one in refusals} == {
        (503, "urn:parcelray:problem:store-unavailable")
    }
    assert all(one.headers["Retry-After"] for one in refusals)
    assert ["within the budget" in one.json()["detail"] for one in refusals] == [True] * 4 + [False] * 2
    ready = server.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["store"].startswith("no answer for ")
    assert post(0, 300).json() == first.json(), "who repeats an acknowledged scan is answered without the storage"
    assert [scan["id"] for scan in server.client.get("/v1/scans").json()["items"]] == [first.json()["id"]]

    line.flows.set()
    wait(lambda: server.client.get("/readyz").status_code == 200)
    wait(lambda: post(1, 60_000).status_code in {200, 201})
    assert server.stop() == 0
    store, images = open_store(Settings(data_dir=tmp_path, images_url=URL))
    report = verify_chain(store, images)
    store.database.close()
    assert (report.images, report.problems) == (2, ())


def test_an_erasure_due_while_the_storage_hangs_holds_up_no_scan(
    line: Line, make_scan: MakeScan, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, images_url=URL)
    store, images = open_store(settings)
    new = make_scan(b"image")
    sha256 = new.answer.views[0].sha256
    images.put(sha256, b"image")
    store.add(new, lambda _: None)
    line.flows.clear()
    with ThreadPoolExecutor(1) as thread:
        erasing = thread.submit(erase_scan, settings, store, images, new.answer.id, by="x", reason="y")
        try:
            for number in range(20):
                store.add(make_scan(f"other {number}".encode()), lambda _: None)
                time.sleep(0.05)
            assert not erasing.done(), "they waited for it"
        finally:
            line.flows.set()
        assert erasing.exception() is None
    with pytest.raises(FileNotFoundError):
        images.read(sha256)
    assert verify_chain(store).whole
    store.database.close()


def test_an_image_goes_there_and_comes_back(storage: Storage) -> None:
    images = RemoteImages(URL)
    images.probe()
    images.put(HASH, b"image")
    assert images.read(HASH) == b"image"
    images.put(HASH, b"again", again=True)
    assert images.read(HASH) == b"again"
    images.delete(HASH)
    images.delete(HASH)
    with pytest.raises(FileNotFoundError):
        images.read(HASH)
    with pytest.raises(ValueError, match="64 hex digits"):
        images.read("../../etc/passwd")


def test_an_unknown_protocol_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadSettingsError, match="s3://bucket"):
        RemoteImages("nothing://x")
    words = ["db", "upgrade", "--data", str(tmp_path), "--images", "nothing://x"]
    assert parcelray.main(words) == 2
    assert "images_url" in capsys.readouterr().err

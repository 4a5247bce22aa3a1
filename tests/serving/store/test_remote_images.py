"""Images in S3-compatible storage: a real HTTP server of that kind, which dies and comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import parcelray
from serving.errors import BadSettingsError
from serving.services import open_store
from serving.settings import Settings
from serving.store.remote_images import RemoteImages
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, StartServer, Wait

PNG = {"Content-Type": "image/png"}
URL = "s3://scans/site-1"
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


def test_an_acknowledged_scan_has_its_image_whatever_the_storage_does(
    start_server: StartServer, storage: Storage, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    server = start_server(tmp_path)
    client = server.client
    first = client.post("/v1/scans", content=make_png(20), headers=PNG)
    assert first.status_code == 201
    image = f"{first.headers['Location']}/views/view-1/image"
    assert client.get(image, params={"form": "original"}).content == make_png(20)
    assert client.get(image, params={"form": "thumbnail"}).headers["Content-Type"] == "image/jpeg"
    assert not (tmp_path / "images").exists()

    storage.kill()
    refused = client.post("/v1/scans", content=make_png(20, mark=1), headers=PNG)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:parcelray:problem:store-unavailable")
    assert refused.headers["Retry-After"]
    assert client.get("/readyz").status_code == 503
    assert client.get(image, params={"form": "original"}).status_code == 503
    assert len(client.get("/v1/scans").json()["items"]) == 1

    storage.start()
    assert client.post("/v1/scans", content=make_png(20, mark=2), headers=PNG).status_code == 503  # no bucket
    storage.make_bucket()
    wait(lambda: client.get("/readyz").status_code == 200)
    assert client.post("/v1/scans", content=make_png(20, mark=3), headers=PNG).status_code == 201
    assert server.stop() == 0

    # The storage lost what it had acknowledged: that is found, and named.
    store, images = open_store(Settings(data_dir=tmp_path, images_url=URL))
    report = verify_chain(store, images)
    store.database.close()
    assert report.images == 2
    assert len(report.problems) == 1
    assert first.json()["id"] in report.problems[0]
    assert "missing" in report.problems[0]


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

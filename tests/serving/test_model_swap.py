"""Models change while scans come in; one that fails its checks never serves; the choice outlives a restart."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from detector.detector import Detector
from serving.errors import BadSettingsError
from serving.model_swap import load_chosen
from serving.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def models(tmp_path: Path, tiny_model_path: Path, tiny_end_to_end_path: Path) -> Path:
    """The models folder of the service that `serve` starts: two that work, one that is damaged, one that is none."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    shutil.copy(tiny_model_path, folder / "first.onnx")
    shutil.copy(tiny_end_to_end_path, folder / "second.onnx")
    damaged = bytearray(tiny_model_path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "damaged.onnx").write_bytes(damaged)
    (folder / "none.onnx").write_text("no model")
    (tmp_path / "data" / "outside.onnx").write_bytes(tiny_model_path.read_bytes())
    return folder


def serving(client: httpx.Client) -> str:
    return str(client.get("/v1/model").json()["sha256"])


def test_no_scan_is_lost_while_models_change(
    serve: ServeInThread, models: Path, tiny_model_path: Path, make_png: PngMaker
) -> None:
    first = Detector.load(tiny_model_path, sessions=1)
    with serve(first, queue_limit=200) as client, ThreadPoolExecutor(3) as clients:

        def post(mark: int) -> httpx.Response:
            return client.post("/v1/scans", content=make_png(20, mark=mark), headers=PNG | {"X-Budget-Ms": "60000"})

        answers = [clients.submit(post, mark) for mark in range(24)]
        swapped = client.post("/v1/model", json={"file": "second.onnx"})
        assert swapped.status_code == 200, swapped.text
        second = swapped.json()["sha256"]
        assert second != first.model_sha256
        scans = [answer.result() for answer in answers]
        assert [scan.status_code for scan in scans] == [201] * 24
        assert {scan.json()["model"]["sha256"] for scan in scans} <= {first.model_sha256, second}
        assert post(99).json()["model"]["sha256"] == second
        assert second[:12] in client.get("/metrics").text
        assert client.post("/v1/model/rollback").json()["sha256"] == first.model_sha256
        assert post(100).json()["model"]["sha256"] == first.model_sha256
        assert client.post("/v1/model/rollback").json()["sha256"] == second, "and forth again"


def test_an_answer_names_the_model_that_looked(
    serve: ServeInThread, fake: FakeDetector, models: Path, make_png: PngMaker
) -> None:
    fake.gate.clear()
    with serve(fake) as client:
        answers: list[httpx.Response] = []
        thread = threading.Thread(
            target=lambda: answers.append(
                client.post("/v1/scans", content=make_png(20), headers=PNG | {"X-Budget-Ms": "60000"})
            )
        )
        thread.start()
        assert fake.entered.acquire(timeout=60)
        assert client.post("/v1/model", json={"file": "first.onnx"}).status_code == 200
        fake.gate.set()
        thread.join(60)
        assert answers[0].json()["model"]["sha256"] == fake.model_sha256
        assert serving(client) != fake.model_sha256


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("damaged.onnx", "is not served"),
        ("none.onnx", "is not served"),
        ("missing.onnx", "copy the model there"),
        ("../outside.onnx", "file"),
        ("/etc/passwd", "file"),
    ],
)
def test_a_model_that_fails_never_serves(
    serve: ServeInThread, fake: FakeDetector, models: Path, name: str, said: str
) -> None:
    with serve(fake) as client:
        answer = client.post("/v1/model", json={"file": name})
        assert answer.status_code == (404 if name == "missing.onnx" else 422)
        assert said in answer.json()["detail"]
        assert serving(client) == fake.model_sha256
        assert client.post("/v1/model/rollback").status_code == 404
        assert not list((models.parent).glob("serving-model*"))


def test_the_choice_outlives_a_restart(serve: ServeInThread, fake: FakeDetector, models: Path) -> None:
    settings = Settings(data_dir=models.parent)
    with serve(fake) as client:
        chosen = client.post("/v1/model", json={"file": "first.onnx"}).json()["sha256"]
    assert load_chosen(settings).model_sha256 == chosen
    shutil.copy(models / "second.onnx", models / "first.onnx")
    with pytest.raises(BadSettingsError, match="not the model that was chosen"):
        load_chosen(settings)
    explicit = Settings(data_dir=models.parent, model_file=models / "second.onnx")
    assert load_chosen(explicit).model_sha256 != chosen
    (models.parent / "serving-model.json").write_text("{")
    with pytest.raises(BadSettingsError, match="delete it"):
        load_chosen(settings)


def test_a_shipped_model_is_served_by_its_name_and_gone_back_to(serve: ServeInThread, models: Path) -> None:
    named = Settings(data_dir=models.parent, model_file=Path("parcelray-nano"))
    whole = load_chosen(named)
    assert whole.model_sha256 != load_chosen(Settings(data_dir=models.parent)).model_sha256
    with serve(whole, model_file=named.model_file) as client:
        assert client.post("/v1/model", json={"file": "first.onnx"}).status_code == 200
        assert client.post("/v1/model/rollback").status_code == 200
    assert load_chosen(Settings(data_dir=models.parent)).model_sha256 == whole.model_sha256

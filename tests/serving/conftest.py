"""A running service for tests: as a real process with the tiny model, or in a thread with a fake detector."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray

from detector.detections import Detections
from detector.errors import InferenceError
from detector.model_card import ModelCard
from detector.taxonomy import LABELS
from serving.app import create_app
from serving.inference import ScanDetector
from serving.server import Server as HttpServer
from serving.settings import Settings

PngMaker = Callable[..., bytes]
StartServer = Callable[..., "Server"]
ServeInThread = Callable[..., AbstractContextManager[httpx.Client]]
Wait = Callable[[Callable[[], object]], None]
PATIENCE_S = 60.0


@dataclass
class Server:
    """One `parcelray serve` process, a client for it, and its data folder."""

    process: subprocess.Popen[str]
    url: str
    client: httpx.Client
    data: Path

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """End it as a service manager would, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        self.client.close()
        code = self.process.wait(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


@dataclass
class FakeDetector:
    """Finds one handgun in views whose mean is below 128.

    Waits at `gate` (only with views of the widths in `held`, where given) and fails while `failing`.
    """

    card: ModelCard
    model_sha256: str = "f" * 64
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    held: frozenset[int] | None = None
    failing: bool = False
    seen: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def thresholds(self, operating_point: str | None = None) -> Mapping[str, float]:
        return dict(self.card.thresholds[operating_point or self.card.operating_point])

    def detect(self, image_rgb: NDArray[np.uint8], *, min_score: float) -> Detections:
        height, width = image_rgb.shape[:2]
        self.seen.append((width, height))
        self.entered.release()
        if self.held is None or width in self.held:
            assert self.gate.wait(PATIENCE_S), "the test never opened the gate"
        if self.failing:
            raise InferenceError("the accelerator is gone")
        if image_rgb.mean() >= 128:
            return Detections.none()
        return Detections.of([[1, 2, width - 1, height - 2]], [LABELS.index("handgun")], [0.9])


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def make_png() -> PngMaker:
    """Return a function level, width, height -> a grey PNG; `mark` makes equal pictures differ in bytes."""

    def make(level: int, width: int = 320, height: int = 240, mark: int = 0) -> bytes:
        picture = np.full((height, width, 3), level, np.uint8)
        for bit in range(24):
            picture[0, bit] ^= np.uint8(mark >> bit & 1)
        return cv2.imencode(".png", picture)[1].tobytes()

    return make


@pytest.fixture(scope="session")
def start_server(tiny_model_path: Path) -> StartServer:
    """Return a function data folder, more arguments -> a server that answers."""

    def start(data: Path, *more: str) -> Server:
        command = [sys.executable, "-m", "parcelray", "serve", "--port", "0", "--data", str(data), "--sessions", "2"]
        process = subprocess.Popen(
            [*command, "--model", str(tiny_model_path), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                "PARCELRAY_BUDGET_MS": "1000",
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PARCELRAY_QUALITY_CHECKS": "false",
            },
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("ParcelRay serves on "), first
        url = first.split()[-1]
        server = Server(process, url, httpx.Client(base_url=url, timeout=PATIENCE_S), data)
        try:
            wait_until(lambda: _ready(server))
        except BaseException:
            server.kill()
            raise
        return server

    return start


def _ready(server: Server) -> bool:
    assert server.process.poll() is None, "the server ended"
    try:
        return server.client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that only add to it."""
    running = start_server(tmp_path_factory.mktemp("service"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(server: Server) -> httpx.Client:
    """A client of the shared server."""
    return server.client


@pytest.fixture(scope="session")
def make_detector() -> type[FakeDetector]:
    """The class of the detector that does as it is told."""
    return FakeDetector


@pytest.fixture
def fake(tiny_card: ModelCard) -> Iterator[FakeDetector]:
    """A detector that does as it is told."""
    detector = FakeDetector(tiny_card)
    yield detector
    detector.gate.set()


@pytest.fixture(scope="session")
def serve_in_thread() -> ServeInThread:
    """Return a context manager detector, settings -> a client of a service that runs in a thread of this process."""

    @contextmanager
    def run(detector: ScanDetector, **settings: object) -> Iterator[httpx.Client]:
        # Plain pictures are blank, and a machine that runs tests is busy.
        values = {"warm_up": False, "quality_checks": False, "budget_ms": 1000, **settings}
        app = create_app(Settings.model_validate(values), detector)
        runner = HttpServer(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on"))
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            wait_until(lambda: runner.started or not thread.is_alive())
            assert runner.started, "the service did not start"
            port = runner.servers[0].sockets[0].getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
                yield client
        finally:
            runner.should_exit = True
            if isinstance(detector, FakeDetector) and not detector.gate.is_set():
                # Shut until the service has stopped taking work; then what runs may end.
                thread.join(0.5)
                detector.gate.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    return run


@pytest.fixture
def serve(serve_in_thread: ServeInThread, tmp_path: Path) -> ServeInThread:
    """The same with a data folder of the test's own."""
    return partial(serve_in_thread, data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def wait() -> Wait:
    """Return a function that waits until a condition holds."""
    return wait_until

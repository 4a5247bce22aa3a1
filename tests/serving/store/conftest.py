"""Real databases and stores for tests: SQLite files, a throw-away PostgreSQL cluster, scans made by hand."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from detector.policy import Verdict
from detector.taxonomy import Group
from serving.ids import IdMaker
from serving.schemas import DetectionOut, ModelOut, ScanMetadata, ScanOut, TimingsOut, ViewOut
from serving.store.database import Database
from serving.store.scans import NewScan, ScanStore

MakeScan = Callable[..., NewScan]
OpenLine = Callable[[int], "Line"]


class Line:
    """A TCP line that can be frozen: it takes connections and bytes, and nothing comes of them."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self.flows = threading.Event()
        self.flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.flows.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source:
            while data := source.recv(65536):
                self.flows.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@dataclass
class Postgres:
    """One PostgreSQL server of the tests' own, which they may stop and start."""

    programs: Path
    folder: Path
    port: int
    _names: Iterator[int]

    def run(self, program: str, *words: str) -> None:
        # PostgreSQL refuses to run as root.
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
        command = [*user, str(self.programs / program), *words]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self.folder / "log")
        self.run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", options)

    def crash(self) -> None:
        """Stop at once, as if killed: it has to recover when it starts."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.folder / "data"))

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        name = f"parcelray_{next(self._names)}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "parcelray", name)
        return f"postgresql+psycopg://parcelray@127.0.0.1:{self.port}/{name}"


@pytest.fixture
def open_line() -> Iterator[OpenLine]:
    """Return a function port -> a line to it."""
    with ExitStack() as stack:

        def open_to(port: int) -> Line:
            return stack.enter_context(closing(Line(port)))

        yield open_to


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running cluster; scripts/test installs PostgreSQL."""
    found = [Path(path).resolve().parent for path in [shutil.which("pg_ctl")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    programs = next((folder for folder in found if (folder / "initdb").exists()), None)
    assert programs is not None, "these tests need PostgreSQL: sudo apt-get install postgresql (scripts/test does it)"
    # Not below pytest's folder: that is closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="parcelray-postgres-"))
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = Postgres(programs, folder, port, count())
    data = str(folder / "data")
    try:
        cluster.run("initdb", "-D", data, "-U", "parcelray", "-A", "trust", "-N", "-E", "UTF8", "--no-locale")
        cluster.start()
        yield cluster
        cluster.crash()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'parcelray.sqlite'}"
    cluster: Postgres = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def store(database_url: str) -> Iterator[ScanStore]:
    """An empty store in each kind of database."""
    opened = ScanStore(Database(database_url))
    yield opened
    opened.database.close()


@pytest.fixture(scope="session")
def make_scan() -> MakeScan:
    """Return a function image bytes, verdict, ... -> a scan to keep."""
    new_id = IdMaker()

    def make(
        data: bytes = b"image",
        verdict: str = "alarm",
        *,
        received_at: datetime | None = None,
        key: str | None = None,
        item_id: str | None = None,
        late: bool = False,
    ) -> NewScan:
        sha256 = hashlib.sha256(data).hexdigest()
        found = DetectionOut(xyxy=(1.5, 2, 30, 40), label="handgun", group=Group.FIREARM, score=0.9, alarm=True)
        metadata = ScanMetadata(item_id=item_id, captured_at=datetime.fromisoformat("2026-11-22T03:04:05.6+02:00"))
        answer = ScanOut(
            id=new_id(),
            verdict=Verdict(verdict),
            reasons=[],
            views=[
                ViewOut(
                    name="top",
                    width=64,
                    height=48,
                    sha256=sha256,
                    inferred=not late,
                    detections=[found] if verdict == "alarm" else [],
                )
            ],
            model=ModelOut(name="tiny", version="1", sha256="f" * 64),
            operating_point="balanced",
            thresholds={"handgun": 0.5},
            timings_ms=TimingsOut(decode=1, queue=1, inference=1, store=1, total=4),
            budget_ms=1000,
            received_at=received_at or datetime.now(UTC),
            item_id=item_id,
            scanner_id=None,
            lane=None,
            captured_at=metadata.captured_at,
            tags={},
            links={},
        )
        return NewScan(
            answer=answer,
            text=answer.model_dump_json(),
            metadata=metadata,
            media_types=("image/png",),
            sizes_bytes=(len(data),),
            idempotency_key=key,
            request_sha256="0" * 64,
            software="parcelray test",
            late=late,
        )

    return make

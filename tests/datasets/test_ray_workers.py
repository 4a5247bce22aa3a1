"""A real Ray cluster of one machine renders the same bytes, also where it loses a process or dies."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from parcelray import main

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RECIPE = "{name: small, views: 2, long_side_px: [96, 128], max_triangles: 20000, pseudo_colour_share: 1}\n"
COUNT = 6
# Without authentication, so that no token of the user's own clusters is read or made.
_QUIET = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(done: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not done():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Cluster:
    """`ray start` in the foreground: it ends its processes when it is told to end."""

    def __init__(self, folder: str) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        words = ["--port", self.port, "--ray-client-server-port", free_port(), "--num-cpus", 2, "--temp-dir", folder]
        words += ["--object-store-memory", 80_000_000, "--include-dashboard=false"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *map(str, words)],
            env=_QUIET,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdout is not None
        told = ""
        while "Ray runtime started" not in told:
            line = self.process.stdout.readline()
            if not line:
                raise ConnectionError(told)
            told += line

    def workers(self) -> list[psutil.Process]:
        """Return the processes that are rendering."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if child.cmdline()[0].startswith("ray::_run"):
                    found.append(child)
            except (psutil.Error, IndexError):
                continue
        return found

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.terminate()
        self.process.communicate()
        for child in family:
            if child.is_running():
                child.kill()


def _started(folder: str, attempts: int = 4) -> Cluster:
    """Ray gives a node 30 s to start, which a busy machine may not reach."""
    try:
        return Cluster(folder)
    except ConnectionError:
        if attempts == 1:
            raise
        return _started(folder, attempts - 1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = tempfile.mkdtemp(prefix="ray-")  # pytest's own folders are too long for Ray's sockets
    running = _started(folder)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> Path:
    out = tmp_path_factory.mktemp("one") / "catalogue"
    assert main(words(out, recipe)) == 0
    return out


def words(out: Path, recipe: Path, *more: str) -> list[str]:
    return ["catalogue", "render", str(out), "--count", str(COUNT), "--seed", "5", "--recipe", str(recipe), *more]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "parcelray", *arguments], cwd=ROOT, env=_QUIET, text=True, stderr=subprocess.PIPE
    )


def test_same_bytes_although_a_process_is_lost(cluster: Cluster, recipe: Path, rendered: Path, tmp_path: Path) -> None:
    out = tmp_path / "whole"
    process = start(words(out, recipe, "--ray", cluster.address))
    wait_until(cluster.workers, process)
    cluster.workers()[0].send_signal(signal.SIGKILL)
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert contents(out) == contents(rendered)


def test_insertion_gives_the_same_bytes(cluster: Cluster, rendered: Path, tmp_path: Path) -> None:
    benign = tmp_path / "benign"
    benign.mkdir()
    for image in (rendered / "images").iterdir():
        shutil.copy(image, benign)
    insert = ["catalogue", "insert", str(benign), "--count", "3", "--seed", "1", "--licence", "own"]
    insert += ["--look", "ochre_teal", "--pixel-mm", "2", "4"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert main([*insert[:3], str(one), *insert[3:]]) == 0
    process = start([*insert[:3], str(two), *insert[3:], "--ray", cluster.address])
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert contents(one) == contents(two)


def test_an_address_where_nothing_answers_says_what_to_do(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for address, told in (
        (f"127.0.0.1:{free_port()}", "'ray start --head' starts a cluster"),
        (f"ray://127.0.0.1:{free_port()}", "port 10001"),
        ("nowhere", "expected auto, local, HOST:PORT"),
        ("127.0.0.1:99999", "nothing answers"),
    ):
        assert main(words(tmp_path / address.replace("/", "_"), recipe, "--ray", address)) == 2
        assert told in capsys.readouterr().err


def test_without_ray_the_error_names_the_extra(recipe: Path, tmp_path: Path) -> None:
    script = "import sys; sys.modules['ray'] = None; import parcelray; sys.exit(parcelray.main(sys.argv[1:]))"
    without = subprocess.run(
        [sys.executable, "-c", script, *words(tmp_path / "out", recipe, "--ray", "local")],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert without.returncode == 2
    assert "pip install 'parcelray[ray]'" in without.stderr


def test_a_lost_cluster_leaves_a_job_that_goes_on_elsewhere(
    cluster: Cluster, recipe: Path, rendered: Path, tmp_path: Path
) -> None:
    """Stays the last one: it ends the cluster."""
    out = tmp_path / "stopped"
    process = start(words(out, recipe, "--ray", cluster.address))
    wait_until(lambda: list((out / ".parts").glob("[0-9]*.json")), process)
    for worker in cluster.workers():
        worker.suspend()  # or the job might be done before the cluster is gone
    cluster.stop()
    process.communicate()
    assert process.returncode != 0
    assert not (out / "catalogue.json").exists()
    assert main(words(out, recipe)) == 0
    assert contents(out) == contents(rendered)

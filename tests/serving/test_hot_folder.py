"""No file that a scanner drops is lost or handled twice: not by slow writers, full disks, equal names or SIGKILL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pydicom
import pytest

import parcelray
from detector.dicos_writing import write_dx
from serving.client import Client
from serving.hot_folder import HotFolder

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Server, Wait

Watched = tuple[HotFolder, httpx.Client]
FILES = 14


@pytest.fixture
def watched(serve: ServeInThread, fake: FakeDetector, tmp_path: Path) -> Iterator[Watched]:
    """A hot folder whose files settle at once, in front of a service; and a client of that service."""
    inbox = tmp_path / "in"
    inbox.mkdir()
    with serve(fake) as client, Client(str(client.base_url), attempts=1) as own:
        yield HotFolder(inbox, own, settle_s=0, budget_ms=30_000, say=lambda _: None), client


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def verdict(path: Path) -> dict[str, Any]:
    words: dict[str, Any] = json.loads(path.read_text())
    return words


def scans(client: httpx.Client) -> list[str]:
    return [scan["id"] for scan in client.get("/v1/scans", params={"limit": 200}).json()["items"]]


def test_files_are_put_away_with_their_verdicts(watched: Watched, make_png: PngMaker) -> None:
    folder, client = watched
    inbox = folder.folder
    (inbox / "lane 3" / "é").mkdir(parents=True)
    (inbox / "lane 3" / "é" / "a.png").write_bytes(make_png(20))
    (inbox / "b.dcs").write_bytes(write_dx(np.full((64, 64), 65535, np.uint16), item_id="RR473124829CA"))
    (inbox / "c.png").write_bytes(b"no image")
    with (inbox / "huge.png").open("wb") as file:
        file.truncate(40 << 20)
    assert folder.round() == 4
    done = {"lane 3/é/a.png", "lane 3/é/a.png.json", "b.dcs", "b.dcs.json", "b.dcs.tdr.dcs"}
    assert names(inbox / "done") == done
    assert names(inbox / "failed") == {"c.png", "c.png.json", "huge.png", "huge.png.json"}
    assert names(inbox / ".parcelray") == set()
    scan = verdict(inbox / "done" / "lane 3" / "é" / "a.png.json")["scan"]
    assert (scan["verdict"], scan["tags"]) == ("alarm", {"file": "lane 3/é/a.png"})
    assert client.get(f"/v1/scans/{scan['id']}").json()["id"] == scan["id"]
    tdr = pydicom.dcmread(inbox / "done" / "b.dcs.tdr.dcs")
    assert (tdr.AlarmDecision, tdr.PatientID) == ("CLEAR", "RR473124829CA")
    assert verdict(inbox / "failed" / "c.png.json")["problem"]["status"] == 422
    assert "over the limit" in verdict(inbox / "failed" / "huge.png.json")["problem"]["detail"]
    assert folder.round() == 0
    assert len(scans(client)) == 2


def test_the_same_name_again_covers_nothing(watched: Watched, make_png: PngMaker) -> None:
    folder, client = watched
    inbox = folder.folder
    for level in (20, 255, 20, 20):
        (inbox / "scan.png").write_bytes(make_png(level))
        assert folder.round() == 1
    found = [verdict(path) for path in sorted((inbox / "done").glob("*.json"))]
    assert len(found) == 4
    # The same file dropped again gets the answer that it got before.
    assert sorted(scans(client)) == sorted({words["scan"]["id"] for words in found})
    assert len(scans(client)) == 2
    for path in (inbox / "done").glob("*.png"):
        expected = "alarm" if path.read_bytes() == make_png(20) else "clear"
        assert verdict(path.with_name(path.name + ".json"))["scan"]["verdict"] == expected


def test_what_is_not_whole_or_no_file_is_left_alone(watched: Watched, make_png: PngMaker, tmp_path: Path) -> None:
    folder, client = watched
    inbox = folder.folder
    (tmp_path / "outside.png").write_bytes(make_png(20))
    (inbox / "link.png").symlink_to(tmp_path / "outside.png")
    (inbox / "links").symlink_to(tmp_path)
    os.mkfifo(inbox / "pipe.png")
    for name in (".hidden.png", "a.png.part", "b.tmp", "c.png~"):
        (inbox / name).write_bytes(make_png(20))
    (inbox / "empty.png").touch()
    assert folder.round() == 0
    assert scans(client) == []
    (inbox / "empty.png").write_bytes(make_png(20))
    (inbox / "a.png.part").rename(inbox / "a.png")
    assert folder.round() == 2


def test_a_growing_file_waits_until_it_is_whole(watched: Watched, make_png: PngMaker, wait: Wait) -> None:
    folder, client = watched
    folder.settle_s = 0.4
    data = make_png(20, 640, 480)
    with (folder.folder / "slow.png").open("wb") as file:
        for start in range(0, len(data), len(data) // 4):
            file.write(data[start : start + len(data) // 4])
            file.flush()
            assert folder.round() == 0
    wait(folder.round)
    assert names(folder.folder / "done") == {"slow.png", "slow.png.json"}
    assert len(scans(client)) == 1


def test_a_writer_that_pauses_for_longer_is_not_failed_at_once(
    watched: Watched, make_png: PngMaker, wait: Wait
) -> None:
    folder, _ = watched
    folder.settle_s = 2.0
    data = make_png(20, 640, 480)
    with (folder.folder / "slow.png").open("wb") as file:
        file.write(data[:200])
        file.flush()
        # Claimed while half of it is there: refused, but not for good.
        wait(lambda: folder.round() or (folder.folder / ".parcelray" / "claimed" / "slow.png").exists())
        folder.round()
        file.write(data[200:])
    wait(folder.round)
    assert names(folder.folder / "done") == {"slow.png", "slow.png.json"}
    assert names(folder.folder / "failed") == set()


def test_a_full_or_broken_disk_loses_nothing(watched: Watched, make_png: PngMaker, wait: Wait) -> None:
    folder, client = watched
    inbox = folder.folder
    (inbox / "done").write_text("no folder can be made here")
    (inbox / "scan.png").write_bytes(make_png(20))
    said: list[str] = []
    folder.say = said.append
    assert folder.round() == 0
    assert "it stays" in said[0]
    (inbox / "done").unlink()
    wait(folder.round)
    assert names(inbox / "done") == {"scan.png", "scan.png.json"}
    assert len(scans(client)) == 1


def test_without_a_service_files_stay(tmp_path: Path, make_png: PngMaker, server: Server, wait: Wait) -> None:
    (tmp_path / "scan.png").write_bytes(make_png(255, mark=4711))
    said: list[str] = []
    with Client("http://127.0.0.1:9", attempts=1) as nobody:
        folder = HotFolder(tmp_path, nobody, settle_s=0, say=said.append)
        assert folder.round() == 0
    assert "tried again" in said[0]
    with Client(server.url) as client:
        assert HotFolder(tmp_path, client, settle_s=0, say=said.append).round() == 1
    assert names(tmp_path / "done") == {"scan.png", "scan.png.json"}


def test_a_verdict_written_before_a_crash_is_not_written_elsewhere(watched: Watched, make_png: PngMaker) -> None:
    """The moment between the verdict and the move, which no kill hits reliably."""
    folder, client = watched
    inbox = folder.folder
    (inbox / "scan.png").write_bytes(make_png(20))
    assert folder.round() == 1
    claimed = inbox / ".parcelray" / "claimed" / "scan.png"
    claimed.parent.mkdir(parents=True, exist_ok=True)
    (inbox / "done" / "scan.png").rename(claimed)
    assert HotFolder(inbox, folder.client, settle_s=0, budget_ms=30_000, say=lambda _: None).round() == 1
    assert names(inbox / "done") == {"scan.png", "scan.png.json"}
    assert len(scans(client)) == 1


@contextmanager
def watching(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], None]]]:
    """A real `parcelray watch`, killed at the end if it still runs; and a function that waits for words from it."""
    command = [sys.executable, "-m", "parcelray", "watch", str(folder), "--settle", "0.2", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    lines = process.stdout

    def until(word: str) -> None:
        for line in lines:
            if word in line:
                return
        pytest.fail(f"{word!r} was never said")

    try:
        until("Stop with")
        yield process, until
    finally:
        process.kill()
        process.wait()
        lines.close()


def test_kills_lose_no_file_and_repeat_none(tmp_path: Path, make_png: PngMaker, server: Server) -> None:
    before = len(scans(server.client))
    for number in range(FILES):
        path = tmp_path / f"lane-{number % 3}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(make_png(20 if number % 2 else 255, mark=1000 + number))
    for pause_s in (0.0, 0.003, 0.01):
        with watching(tmp_path, "--url", server.url) as (process, until):
            until("png:")
            time.sleep(pause_s)
            process.kill()
    with watching(tmp_path, "--url", server.url) as (process, _):
        deadline = time.monotonic() + 120
        while len(list((tmp_path / "done").rglob("*.png"))) < FILES:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()
        assert process.wait(30) == 0
    expected = {f"lane-{number % 3}/{number}.png{suffix}" for number in range(FILES) for suffix in ("", ".json")}
    assert names(tmp_path / "done") == expected
    assert names(tmp_path / ".parcelray") == {"lock"}
    ids = {verdict(path)["scan"]["id"] for path in (tmp_path / "done").rglob("*.json")}
    assert len(ids) == FILES
    assert len(scans(server.client)) == before + FILES


def test_one_command_watches_with_a_service_of_its_own(
    tmp_path: Path, make_png: PngMaker, tiny_model_path: Path
) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    words = ("--data", str(tmp_path / "data"), "--model", str(tiny_model_path), "--lane", "7")
    (inbox / "a.png").write_bytes(make_png(20))
    with watching(inbox, *words) as (process, until):
        until("a.png: ALARM")
        second = subprocess.run(
            [sys.executable, "-m", "parcelray", "watch", str(inbox), "--url", "http://127.0.0.1:9"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert second.returncode == 2
        assert "is watched already" in second.stderr
        process.terminate()
        assert process.wait(30) == 0
    assert verdict(inbox / "done" / "a.png.json")["scan"]["lane"] == "7"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "is not a folder"),
        ([".", "--settle", "-1"], "--settle"),
        ([".", "--budget-ms", "0"], "--budget-ms"),
        ([".", "--lane", "x" * 200], "--lane"),
        ([".", "--url", "http://127.0.0.1:9", "--data", "d"], "--url"),
    ],
)
def test_words_that_make_no_sense_are_named(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parcelray.main(["watch", *words]) == 2
    assert said in capsys.readouterr().err

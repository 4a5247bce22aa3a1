"""Whatever was acknowledged is there after the process was killed at any moment."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from serving.services import open_store
from serving.settings import Settings
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer


ROUNDS = 3
ACKNOWLEDGED_A_ROUND = 12


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    start_server: StartServer, make_png: PngMaker, tmp_path: Path
) -> None:
    acknowledged: dict[str, tuple[str, bytes]] = {}
    mark = 0
    for _ in range(ROUNDS):
        server = start_server(tmp_path)
        lock = threading.Lock()
        enough = threading.Event()
        before = len(acknowledged)

        def post_until_it_dies(url: str, lock: threading.Lock, enough: threading.Event, before: int) -> None:
            nonlocal mark
            with httpx.Client(base_url=url, timeout=60) as client:
                while True:
                    with lock:
                        mark += 1
                        data = make_png(20 if mark % 2 else 255, mark=mark)
                    try:
                        answer = client.post("/v1/scans", content=data, headers={"Content-Type": "image/png"})
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 201, answer.text
                    with lock:
                        acknowledged[answer.json()["id"]] = (answer.text, data)
                        if len(acknowledged) >= before + ACKNOWLEDGED_A_ROUND:
                            enough.set()

        posters = [
            threading.Thread(target=post_until_it_dies, args=(server.url, lock, enough, before)) for _ in range(3)
        ]
        for poster in posters:
            poster.start()
        assert enough.wait(60)
        server.kill()
        for poster in posters:
            poster.join()
    server = start_server(tmp_path)
    for scan_id, (text, data) in acknowledged.items():
        assert server.client.get(f"/v1/scans/{scan_id}").text == text
        image = server.client.get(f"/v1/scans/{scan_id}/views/view-1/image", params={"form": "original"})
        assert hashlib.sha256(image.content).digest() == hashlib.sha256(data).digest()
    assert server.stop() == 0
    store, _ = open_store(Settings(data_dir=tmp_path))
    report = verify_chain(store)
    store.database.close()
    assert report.problems == ()
    assert report.records >= len(acknowledged) >= ROUNDS * ACKNOWLEDGED_A_ROUND


def test_a_second_process_waits_its_turn(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, tmp_path: Path
) -> None:
    """A writer that holds the database for a moment delays an answer and breaks nothing."""
    with serve(fake) as client:
        store, _ = open_store(Settings(data_dir=tmp_path / "data"))
        release = threading.Event()
        held = threading.Event()

        def hold() -> None:
            with store.database.writing():
                held.set()
                release.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(10)
        threading.Timer(0.2, release.set).start()
        answer = client.post("/v1/scans", content=make_png(20), headers={"Content-Type": "image/png"})
        holder.join()
        assert answer.status_code == 201
        assert verify_chain(store).problems == ()
        store.database.close()

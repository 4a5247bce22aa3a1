"""Whatever was acknowledged is there after the process was killed at any moment."""

from __future__ import annotations

import hashlib
import os
import resource
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from serving.services import open_store
from serving.settings import Settings
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer


# PARCELRAY_TEST_KILLS=20 before a release; each round starts a service.
ROUNDS = int(os.environ.get("PARCELRAY_TEST_KILLS", "4"))
ACKNOWLEDGED_A_ROUND = 10


@pytest.mark.slow
@pytest.mark.timeout(300 + 60 * ROUNDS)
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
    store, images = open_store(Settings(data_dir=tmp_path))
    report = verify_chain(store, images)
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


def test_a_full_disk_refuses_and_breaks_nothing(start_server: StartServer, make_png: PngMaker, tmp_path: Path) -> None:
    """No file of the process may grow any more, as on a full disk; then there is room again."""
    server = start_server(tmp_path)
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)

    def post(mark: int) -> httpx.Response:
        # The image alone fits below the limit; what does not is the database's journal.
        return server.client.post("/v1/scans", content=make_png(20, mark=mark), headers={"Content-Type": "image/png"})

    kept = [post(1)]
    for limit in (0, 8192):
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, most))
        refused = post(limit + 2)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:parcelray:problem:store-unavailable"
        assert server.client.get("/readyz").status_code == 503
        assert server.client.get(kept[0].headers["Location"]).text == kept[0].text
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))
        assert server.client.get("/readyz").status_code == 200
        kept.append(post(limit + 3))
    assert [answer.status_code for answer in kept] == [201, 201, 201]
    assert server.stop() == 0
    assert not list(tmp_path.rglob(".new-*"))
    store, images = open_store(Settings(data_dir=tmp_path))
    report = verify_chain(store, images)
    store.database.close()
    assert (report.records, report.problems) == (3, ())

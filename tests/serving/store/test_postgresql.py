"""PostgreSQL that goes away and comes back: no acknowledged scan is lost, and nobody has to restart the service."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import create_engine, text

from serving.services import open_store
from serving.settings import Settings
from serving.store import erasure
from serving.store.scans import ScanStore, verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer, Wait
    from tests.serving.store.conftest import MakeScan, OpenLine, Postgres

PNG = {"Content-Type": "image/png"}


# The store of the other tests, here in PostgreSQL only.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def cut_connections(url: str) -> None:
    """End every other connection to a database."""
    engine = create_engine(url)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with engine.connect() as connection:
        connection.execute(text(others + "pg_backend_pid()"))
    engine.dispose()


def test_a_connection_lost_between_scans_goes_unnoticed(
    store: ScanStore, database_url: str, make_scan: MakeScan
) -> None:
    for _ in range(2):
        assert store.add(make_scan(), lambda _: None) is None
        cut_connections(database_url)
    store.probe()
    assert verify_chain(store).records == 2


def test_a_connection_lost_within_a_scan_is_tried_once_more(
    store: ScanStore, database_url: str, make_scan: MakeScan
) -> None:
    first = make_scan(b"same")
    store.add(first, lambda _: None)
    erasure.erase(store.database, first.answer.id, by="x", reason="y")  # so that the next one is asked for its image
    calls = Counter[str]()

    def put_again(sha256: str) -> None:
        calls[sha256] += 1
        if calls[sha256] == 1:
            cut_connections(database_url)

    assert store.add(make_scan(b"same"), put_again) is None
    assert list(calls.values()) == [2]
    report = verify_chain(store)
    assert (report.records, report.problems) == (3, ())


def test_a_server_that_hangs_holds_up_no_answer_and_costs_no_scan(  # noqa: PLR0917 - pytest gives them by name
    serve: ServeInThread,
    fake: FakeDetector,
    open_line: OpenLine,
    postgres: Postgres,
    database_url: str,
    make_png: PngMaker,
    wait: Wait,
) -> None:
    line = open_line(postgres.port)
    url = database_url.replace(f":{postgres.port}/", f":{line.port}/")
    refused = (503, "urn:parcelray:problem:store-unavailable")
    with serve(fake, database_url=url) as client, ThreadPoolExecutor(1) as thread:

        def post(number: int) -> httpx.Response:
            key = {"Idempotency-Key": f"scan-{number}"}
            return client.post("/v1/scans", content=make_png(20, mark=number), headers=PNG | key)

        fake.gate.clear()
        posted = thread.submit(post, 1)
        assert fake.entered.acquire(timeout=60)
        line.flows.clear()
        fake.gate.set()  # it is stored now
        for answer in (posted.result(), post(2)):
            assert (answer.status_code, answer.json()["type"]) == refused
            assert answer.headers["Retry-After"]
        line.flows.set()
        wait(lambda: client.get("/readyz").status_code == 200)
        answers = [post(number) for number in (1, 2, 1, 2)]
        assert all(answer.status_code in {200, 201} for answer in answers)
        assert len({answer.json()["id"] for answer in answers}) == 2
        assert len(client.get("/v1/scans").json()["items"]) == 2


def test_a_restart_under_load_loses_nothing_acknowledged(  # noqa: PLR0917 - pytest gives them by name
    start_server: StartServer,
    postgres: Postgres,
    database_url: str,
    make_png: PngMaker,
    wait: Wait,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARCELRAY_DATABASE_URL", database_url)
    server = start_server(tmp_path)
    acknowledged: dict[str, tuple[str, bytes]] = {}
    statuses = Counter[int]()
    odd: list[str] = []
    lock, stop = threading.Lock(), threading.Event()

    def post(start: int) -> None:
        mark = start
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not stop.is_set():
                mark += 1
                data = make_png(20, mark=mark)
                answer = client.post("/v1/scans", content=data, headers=PNG)
                with lock:
                    statuses[answer.status_code] += 1
                    if answer.status_code == 201:
                        acknowledged[answer.json()["id"]] = (answer.text, data)
                    elif answer.json()["type"] != "urn:parcelray:problem:store-unavailable":
                        odd.append(answer.text)

    posters = [threading.Thread(target=post, args=(number << 16,)) for number in range(3)]
    for poster in posters:
        poster.start()
    try:
        wait(lambda: len(acknowledged) >= 10)
        postgres.crash()
        before = statuses[503]
        wait(lambda: statuses[503] > before)
        ready = server.client.get("/readyz")
        assert ready.status_code == 503
        assert "OperationalError" in ready.json()["checks"]["store"]
        assert server.client.get("/v1/scans").headers["Content-Type"] == "application/problem+json"
        postgres.start()
        kept = len(acknowledged)
        wait(lambda: server.client.get("/readyz").status_code == 200 and len(acknowledged) >= kept + 10)
    finally:
        stop.set()
        for poster in posters:
            poster.join()
    assert set(statuses) == {201, 503}
    assert not odd
    for scan_id, (said, data) in acknowledged.items():
        assert server.client.get(f"/v1/scans/{scan_id}").text == said
        image = server.client.get(f"/v1/scans/{scan_id}/views/view-1/image", params={"form": "original"})
        assert hashlib.sha256(image.content).digest() == hashlib.sha256(data).digest()
    assert server.stop() == 0
    store, images = open_store(Settings(data_dir=tmp_path, database_url=database_url))
    report = verify_chain(store, images)
    store.database.close()
    assert report.problems == ()
    assert report.images >= len(acknowledged)

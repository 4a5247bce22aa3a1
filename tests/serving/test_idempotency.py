"""A repeated post gets the first answer and makes no second record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread


def _post(client: httpx.Client, key: str, data: bytes, item: str) -> httpx.Response:
    headers = {"Content-Type": "image/png", "Idempotency-Key": key}
    return client.post("/v1/scans", params={"item_id": item}, content=data, headers=headers)


def test_a_retry_gets_the_first_answer(client: httpx.Client, make_png: PngMaker) -> None:
    first = _post(client, "retry-1", make_png(20), "idem-1")
    again = _post(client, "retry-1", make_png(20), "idem-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"] == first.json()["links"]["self"]
    assert "Idempotency-Replayed" not in first.headers
    assert len(client.get("/v1/scans", params={"item_id": "idem-1"}).json()["items"]) == 1


def test_concurrent_posts_with_one_key_make_one_record(client: httpx.Client, make_png: PngMaker) -> None:
    data = make_png(20)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: _post(client, "race-1", data, "idem-race"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert len(client.get("/v1/scans", params={"item_id": "idem-race"}).json()["items"]) == 1


def test_a_key_stands_for_one_scan_only(client: httpx.Client, make_png: PngMaker) -> None:
    assert _post(client, "other-1", make_png(20), "idem-2").status_code == 201
    for data, item in ((make_png(30), "idem-2"), (make_png(20), "idem-3")):
        answer = _post(client, "other-1", data, item)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:parcelray:problem:idempotency-key-reused"


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\xe9"])
def test_a_key_that_is_none_is_refused(client: httpx.Client, make_png: PngMaker, key: str) -> None:
    headers = [(b"Content-Type", b"image/png"), (b"Idempotency-Key", key.encode("latin-1"))]
    assert client.post("/v1/scans", content=make_png(20), headers=headers).status_code == 400


def test_a_key_outlives_a_restart(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, tmp_path: Path) -> None:
    with serve(fake) as client:
        first = _post(client, "k", make_png(20), "x")
    with serve(fake) as client:
        again = _post(client, "k", make_png(20), "x")
    assert again.content == first.content
    assert len(fake.seen) == 1


def test_a_failed_post_does_not_use_its_key_up(client: httpx.Client, make_png: PngMaker) -> None:
    assert _post(client, "failed-1", make_png(20)[:100], "idem-4").status_code == 422
    assert _post(client, "failed-1", make_png(20), "idem-4").status_code == 201

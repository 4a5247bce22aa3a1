"""Erasing a scan over HTTP does what the command line does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from serving.access.keys import KeyStore, Scope
from serving.services import open_store
from serving.settings import Settings
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}


def test_an_erased_scan_is_gone_and_the_chain_says_by_whom_and_why(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, tmp_path: Path
) -> None:
    store, images = open_store(Settings(data_dir=tmp_path / "data"))
    with serve(fake) as client:
        links = [
            client.post("/v1/scans", content=make_png(20, mark=mark), headers=PNG).json()["links"] for mark in range(3)
        ]
        first, second, third = (link["self"] for link in links)
        assert client.delete(first).status_code == 422, "without a reason nothing is erased"
        unsigned = client.delete(first, params={"reason": "asked for"})
        assert (unsigned.status_code, "by:" in unsigned.json()["detail"]) == (400, True)
        client.get(links[0]["image:view-1"], params={"form": "thumbnail"})
        assert client.delete(first, params={"reason": "asked for", "by": "Ada"}).status_code == 204
        assert client.delete(first, params={"reason": "asked for", "by": "Ada"}).status_code == 404
        assert client.get(first).status_code == 404
        assert client.get(links[0]["image:view-1"]).status_code == 404
        assert client.get(links[1]["image:view-1"]).status_code == 200
        # With a key the key's name is who decided.
        _, text = KeyStore(store.database).create("privacy desk", [Scope.ADMIN])
        bearer = {"Authorization": f"Bearer {text}"}
        assert client.delete(second, params={"reason": "art. 17"}, headers=bearer).status_code == 204
        assert client.get(third, headers=bearer).status_code == 200
    erased = [
        json.loads(record.payload)
        for link in (first, second)
        for record in store.evidence(link.rsplit("/", 1)[1])
        if record.kind == "erasure"
    ]
    assert [(one["by"], one["reason"]) for one in erased] == [("Ada", "asked for"), ("privacy desk", "art. 17")]
    report = verify_chain(store, images)
    assert (report.records, report.images, report.problems) == (5, 1, ())
    store.database.close()
    assert len(list((tmp_path / "data" / "thumbnails").iterdir())) == 0

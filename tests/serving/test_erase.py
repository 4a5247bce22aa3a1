"""Erasing a scan over HTTP does what the command line does."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving.access.keys import KeyStore, Scope
from serving.display import thumbnail
from serving.services import open_store
from serving.settings import Settings
from serving.store.images import DiskImages
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}


class Erasing(DiskImages):
    """Images that are erased by somebody else as soon as they were read once."""

    def read(self, sha256: str) -> bytes:
        data = super().read(sha256)
        self.delete(sha256)
        return data


def test_no_small_picture_of_an_erased_image_stays(make_png: PngMaker, tmp_path: Path) -> None:
    images = Erasing(tmp_path / "images")
    images.put("0a" * 32, make_png(20))
    (tmp_path / "thumbnails").mkdir()
    with pytest.raises(FileNotFoundError):
        thumbnail(images, "0a" * 32, "image/png", tmp_path / "thumbnails")
    assert list((tmp_path / "thumbnails").iterdir()) == []


def test_a_scan_that_is_erased_during_an_export_is_left_out(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(fake) as client:
        posted = [client.post("/v1/scans", content=make_png(20, mark=mark), headers=PNG).json() for mark in range(2)]
        for scan in posted:
            review = {"decision": "reject", "reviewer": "Ada"}
            assert client.post(scan["links"]["reviews"], json=review).status_code == 201
        read = DiskImages.read

        def read_and_erase(images: DiskImages, sha256: str) -> bytes:
            client.delete(posted[0]["links"]["self"], params={"reason": "asked for", "by": "Ada"})
            return read(images, sha256)

        monkeypatch.setattr(DiskImages, "read", read_and_erase)  # the newest is read first
        exported = client.get("/v1/export/coco")
    assert exported.status_code == 200
    with zipfile.ZipFile(io.BytesIO(exported.content)) as archive:
        coco = json.loads(archive.read("annotations.json"))
    assert [image["parcel_id"] for image in coco["images"]] == [posted[1]["id"]]


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

"""People sign in with a key and write from this service's pages only; demo mode ends with the first key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import parcelray
from serving.access.keys import KeyStore, Scope
from serving.services import open_store
from serving.settings import Settings
from serving.store.scans import ScanStore

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ScanStore]:
    """The store that `serve` uses."""
    store, _ = open_store(Settings(data_dir=tmp_path / "data"))
    yield store
    store.database.close()


def test_a_person_signs_in_reviews_and_signs_out(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, store: ScanStore
) -> None:
    key, text = KeyStore(store.database).create("M. Tremblay", [Scope.REVIEWER, Scope.SCANNER])
    with serve(fake) as client:
        origin = {"Origin": str(client.base_url).rstrip("/")}
        scan = client.post("/v1/scans", content=make_png(20), headers=PNG | {"Authorization": f"Bearer {text}"}).json()
        led = client.get("/review?show=all")
        assert led.status_code == 303
        form = client.get(led.headers["Location"])
        assert 'name="next" value="/review?show=all"' in form.text
        entered = client.post("/sign-in", data={"key": f" {text} ", "next": "/review?show=all"}, headers=origin)
        assert entered.status_code == 303
        assert entered.headers["Location"] == "/review?show=all"
        cookie = entered.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert text.split("_")[2] not in cookie
        page = client.get("/review?show=all")
        assert "M. Tremblay" in page.text
        review = {"decision": "reject", "reviewer": "M. Tremblay"}
        no_origin = client.post(scan["links"]["reviews"], json=review)
        assert no_origin.status_code == 403
        foreign = client.post(scan["links"]["reviews"], json=review, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert client.post(scan["links"]["reviews"], json=review, headers=origin).status_code == 201
        assert json.loads(store.evidence(scan["id"])[-1].payload)["key_id"] == key.id
        old = dict(client.cookies)
        assert client.post("/sign-out", headers=origin).status_code == 303
        client.cookies.update(old)
        assert client.get("/review").status_code == 303, "the session itself has ended, not only the cookie"


def test_over_tls_the_cookie_is_secure(serve: ServeInThread, fake: FakeDetector, store: ScanStore) -> None:
    _, text = KeyStore(store.database).create("desk", [Scope.REVIEWER])
    with serve(fake) as client:
        answer = client.post("/sign-in", data={"key": text}, headers={"X-Forwarded-Proto": "https"})
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_a_wrong_key_is_told_so(serve: ServeInThread, fake: FakeDetector) -> None:
    with serve(fake) as client:
        answer = client.post("/sign-in", data={"key": "prk_no"})
        assert answer.status_code == 401
        assert "unknown or revoked" in answer.text
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nX: y", ""])
def test_signing_in_never_leads_elsewhere(
    serve: ServeInThread, fake: FakeDetector, store: ScanStore, elsewhere: str
) -> None:
    _, text = KeyStore(store.database).create("desk", [Scope.REVIEWER])
    with serve(fake) as client:
        answer = client.post("/sign-in", data={"key": text, "next": elsewhere})
        assert answer.headers["Location"] == "/review"


def test_demo_mode_ends_with_the_first_key(serve: ServeInThread, fake: FakeDetector, store: ScanStore) -> None:
    keys = KeyStore(store.database)
    with serve(fake) as client:
        assert client.get("/v1/scans").status_code == 200
        assert client.get("/v1/scans", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
        key, _ = keys.create("first", [Scope.ADMIN])
        assert client.get("/v1/scans").status_code == 401
        keys.revoke(key.id)
        assert client.get("/v1/scans").status_code == 401


def test_other_machines_are_let_in_with_keys_only(
    tmp_path: Path, tiny_model_path: Path, capsys: pytest.CaptureFixture[str], start_server: StartServer
) -> None:
    words = ["serve", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path), "--model", str(tiny_model_path)]
    assert parcelray.main(words) == 2
    assert "parcelray keys create" in capsys.readouterr().err
    assert parcelray.main(["keys", "create", "--name", "x", "--scope", "admin", "--data", str(tmp_path)]) == 0
    key = capsys.readouterr().out.strip()
    server = start_server(tmp_path, "--host", "0.0.0.0")
    try:
        assert server.client.get("/v1/scans").status_code == 401
        assert server.client.get("/v1/scans", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    finally:
        assert server.stop() == 0


def test_logs_say_nothing_about_a_parcel_beyond_ids(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, store: ScanStore, caplog: pytest.LogCaptureFixture
) -> None:
    _, text = KeyStore(store.database).create("key-name", [Scope.ADMIN])
    key = {"Authorization": f"Bearer {text}"}
    metadata = {"item_id": "ITEM-SECRET", "lane": "LANE-SECRET", "tags": {"TAG-SECRET": "VALUE-SECRET"}}

    def parts(image: bytes) -> dict[str, Any]:
        meta = ("m", json.dumps(metadata), "application/json")
        return {"VIEW-SECRET": ("FILE-SECRET.png", image, "image/png"), "metadata": meta}

    caplog.set_level("DEBUG", logger="parcelray")
    with serve(fake) as client:
        scan = client.post("/v1/scans", files=parts(make_png(20)), headers=key).json()
        fake.failing = True
        assert client.post("/v1/scans", files=parts(make_png(21)), headers=key).json()["verdict"] == "refer"
        assert client.post("/v1/scans", files=parts(b"no image"), headers=key).status_code == 422
        review = {"decision": "reject", "reviewer": "NAME-SECRET", "note": "NOTE-SECRET"}
        assert client.post(scan["links"]["reviews"], json=review, headers=key).status_code == 201
        assert client.get("/v1/scans", params={"item_id": "ITEM-SECRET"}, headers=key).json()["items"]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("parcelray")]
    assert any(scan["id"] in line for line in ours), "the test sees the log"
    assert "SECRET" not in "\n".join(ours)
    assert text.split("_")[2] not in caplog.text


def test_the_client_of_an_open_service_sees_no_sign_out(client: httpx.Client) -> None:
    assert "Sign out" not in client.get("/review").text

"""Every route with no, wrong, revoked and wrong-scope keys; a route that forgets its scope fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import APIRouter
from starlette.routing import BaseRoute, Mount, Route

from detector.model_card import ModelCard
from serving.access.gate import GuardedRoute, PageRoute, allow
from serving.access.keys import KeyStore, Scope
from serving.app import create_app
from serving.services import open_store
from serving.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}
SCANNER, REVIEWER, TRAINER, ADMIN = Scope
EVERYONE: frozenset[Scope] = frozenset()
# The whole surface, by hand: a new route, or one that opens further, has to be written down here too.
TABLE: Mapping[tuple[str, str], frozenset[Scope]] = {
    ("GET", "/"): EVERYONE,
    ("GET", "/healthz"): EVERYONE,
    ("GET", "/readyz"): EVERYONE,
    ("GET", "/sign-in"): EVERYONE,
    ("POST", "/sign-in"): EVERYONE,
    ("POST", "/sign-out"): EVERYONE,
    ("GET", "/v1/model"): frozenset(Scope),
    ("POST", "/v1/model"): frozenset({ADMIN}),
    ("POST", "/v1/model/rollback"): frozenset({ADMIN}),
    ("POST", "/v1/model/shadow"): frozenset({ADMIN}),
    ("GET", "/v1/model/shadow"): frozenset({REVIEWER, TRAINER, ADMIN}),
    ("DELETE", "/v1/model/shadow"): frozenset({ADMIN}),
    ("POST", "/v1/model/shadow/promote"): frozenset({ADMIN}),
    ("GET", "/v1/monitor"): frozenset(Scope),
    ("POST", "/v1/monitor/run"): frozenset({ADMIN}),
    ("POST", "/v1/scans"): frozenset({SCANNER, ADMIN}),
    ("GET", "/v1/scans"): frozenset({REVIEWER, TRAINER, ADMIN}),
    ("GET", "/v1/scans/{scan_id}"): frozenset(Scope),
    ("DELETE", "/v1/scans/{scan_id}"): frozenset({ADMIN}),
    ("GET", "/v1/scans/{scan_id}/tdr"): frozenset(Scope),
    ("GET", "/v1/scans/{scan_id}/views/{name}/image"): frozenset({REVIEWER, TRAINER, ADMIN}),
    ("GET", "/v1/scans/{scan_id}/reviews"): frozenset({REVIEWER, TRAINER, ADMIN}),
    ("POST", "/v1/scans/{scan_id}/reviews"): frozenset({REVIEWER, ADMIN}),
    ("GET", "/v1/events"): frozenset({REVIEWER, ADMIN}),
    ("GET", "/v1/webhooks"): frozenset({ADMIN}),
    ("POST", "/v1/webhooks"): frozenset({ADMIN}),
    ("GET", "/v1/webhooks/deliveries"): frozenset({ADMIN}),
    ("POST", "/v1/webhooks/{any_id}/retry"): frozenset({ADMIN}),
    ("DELETE", "/v1/webhooks/{endpoint_id}"): frozenset({ADMIN}),
    ("GET", "/v1/export/coco"): frozenset({TRAINER, ADMIN}),
    ("GET", "/metrics"): frozenset(Scope),
    ("GET", "/live"): frozenset({REVIEWER, ADMIN}),
    ("GET", "/live/board"): frozenset({REVIEWER, ADMIN}),
    ("GET", "/review"): frozenset({REVIEWER, ADMIN}),
    ("GET", "/review/scans/{scan_id}"): frozenset({REVIEWER, ADMIN}),
}
# Served outside the gate: what the service can do, and the pages' styles and scripts.
UNGUARDED = {"/v1/openapi.json", "/review/static"}


@dataclass(frozen=True)
class Desk:
    """A guarded service, its keys as text, and the store behind it."""

    client: httpx.Client
    keys: Mapping[str, str]
    store: KeyStore
    scan_id: str

    def ask(self, method: str, path: str, key: str | None) -> httpx.Response:
        address = path.replace("{scan_id}", self.scan_id).replace("{name}", "view-1")
        address = re.sub(r"\{(any|endpoint)_id\}", "nothing", address)
        if path == "/v1/events":
            address += "?after=nothing"  # what it answers has no end
        assert "{" not in address, "a new parameter: say here what stands for it"
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.client.request(method, address, headers=headers, follow_redirects=False)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def desk(
    serve_in_thread: ServeInThread,
    make_detector: type[FakeDetector],
    tiny_card: ModelCard,
    make_png: PngMaker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    data = tmp_path_factory.mktemp("desk")
    store, _ = open_store(Settings(data_dir=data))
    keys = KeyStore(store.database)
    made = {scope.value: keys.create(scope.value, [scope])[1] for scope in Scope}
    ended, text = keys.create("revoked", list(Scope))
    keys.revoke(ended.id)
    made["revoked"] = text
    made["wrong"] = text[:-64] + "0" * 64
    made["nonsense"] = "letmein"
    with serve_in_thread(make_detector(tiny_card), data_dir=data) as client:
        scan = client.post("/v1/scans", content=make_png(20), headers=PNG | bearer(made["scanner"]))
        assert scan.status_code == 201
        yield Desk(client, made, keys, scan.json()["id"])
    store.database.close()


def routes_of(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if isinstance(included, APIRouter):
            yield from routes_of(included.routes)
        else:
            yield route


def test_the_table_is_the_whole_surface(fake: FakeDetector, tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), fake)
    found: dict[tuple[str, str], frozenset[Scope]] = {}
    for route in routes_of(app.routes):
        if isinstance(route, GuardedRoute):
            found |= {(method, route.path): route.scopes for method in route.methods or ()}
        else:
            assert isinstance(route, Route | Mount)
            assert route.path in UNGUARDED, f"{route.path} is outside the gate: make it with route_class=GuardedRoute"
    assert found == TABLE


def test_a_route_that_forgets_its_scope_cannot_be_made() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(TypeError, match="@allow"):
        router.get("/forgotten")(lambda: None)
    with pytest.raises(TypeError, match="@allow"):
        APIRouter(route_class=PageRoute).get("/forgotten")(lambda: None)
    router.get("/remembered")(allow(Scope.SCANNER)(lambda: None))


@pytest.mark.parametrize(("method", "path"), TABLE)
@pytest.mark.parametrize("who", [None, "wrong", "revoked", "nonsense", *[scope.value for scope in Scope]])
def test_every_route_opens_to_its_scopes_only(desk: Desk, method: str, path: str, who: str | None) -> None:
    answer = desk.ask(method, path, None if who is None else desk.keys[who])
    allowed = TABLE[method, path]
    page = path.startswith(("/review", "/live"))
    if not allowed or who in allowed:
        # Bodies are missing here: what is refused for that reason got through the gate.
        assert "problem:not-signed-in" not in answer.text
        assert "problem:wrong-scope" not in answer.text
        assert answer.status_code in {200, 303, 307, 400, 404, 415, 422}
        return
    if who in set(Scope):
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:parcelray:problem:wrong-scope"
    elif page:
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/sign-in?next=%2F")
    else:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "parcelray keys create" in answer.json()["detail"]
    assert desk.scan_id not in re.sub(r'"instance":"[^"]*"', "", answer.text)


def test_who_has_no_key_cannot_make_the_service_read_a_body(desk: Desk) -> None:
    answer = desk.client.post(f"/v1/scans/{desk.scan_id}/reviews", content=b"{" * 100)
    assert answer.status_code == 401


def test_revoking_takes_effect_at_once(desk: Desk) -> None:
    key, text = desk.store.create("short", [Scope.REVIEWER])
    signed_in = desk.client.post("/sign-in", data={"key": text})
    session = {"Cookie": f"parcelray_session={signed_in.cookies['parcelray_session']}"}
    desk.client.cookies.clear()
    for headers in (bearer(text), session):
        assert desk.client.get("/v1/model", headers=headers).status_code == 200
    desk.store.revoke(key.id)
    for headers in (bearer(text), session):
        assert desk.client.get("/v1/model", headers=headers).status_code == 401


def test_a_key_that_asks_too_often_waits(desk: Desk) -> None:
    _, text = desk.store.create("busy", [Scope.REVIEWER], requests_per_minute=12)
    answers = [desk.client.get("/v1/model", headers=bearer(text)) for _ in range(4)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 5
    assert desk.client.get("/v1/model", headers=bearer(desk.keys["admin"])).status_code == 200


def test_other_sites_are_not_invited(desk: Desk) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        desk.client.options("/v1/scans", headers=asked),
        desk.client.get("/v1/scans", headers=asked | bearer(desk.keys["reviewer"])),
    ):
        assert not [name for name in answer.headers if name.lower().startswith("access-control-allow")]


def test_the_openapi_document_names_the_key(desk: Desk) -> None:
    document = desk.client.get("/v1/openapi.json").json()
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}

"""Every error has the same shape, whoever raises it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from detector.detections import Detections
from detector.model_card import ModelCard
from serving import errors
from serving.problems import Problem

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread


PNG = {"Content-Type": "image/png"}
NO_SCAN = "/v1/scans/01a200da-25fb-797b-be9b-99d6e05b1bd6"
JSON = {"Content-Type": "application/json"}

ERRORS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nowhere", {}, 404, "not-found"),
    ("GET", "/review/static/nowhere.js", {}, 404, "not-found"),
    ("GET", "/review/static/../../settings.py", {}, 404, "not-found"),
    ("GET", "/review/scans/nowhere", {}, 404, "not-found"),
    ("GET", NO_SCAN, {}, 404, "not-found"),
    ("GET", "/v1/scans/", {}, 404, "not-found"),
    ("GET", f"{NO_SCAN}/reviews", {}, 404, "not-found"),
    ("GET", f"{NO_SCAN}/views/top/image", {}, 404, "not-found"),
    ("GET", "/v1/scans/%2e%2e%2fetc", {}, 404, "not-found"),
    ("POST", f"{NO_SCAN}/reviews", {"json": {"decision": "reject", "reviewer": "x"}}, 404, "not-found"),
    ("GET", "/v1/scans/" + "x" * 100, {}, 422, "invalid-content"),
    ("DELETE", "/v1/scans", {}, 405, "method-not-allowed"),
    ("PUT", "/healthz", {}, 405, "method-not-allowed"),
    ("POST", "/review", {}, 405, "method-not-allowed"),
    ("GET", "/v1/scans?limit=0", {}, 422, "invalid-content"),
    ("GET", "/v1/scans?limit=many", {}, 422, "invalid-content"),
    ("GET", "/v1/scans?verdict=guilty", {}, 422, "invalid-content"),
    ("GET", "/review?show=secrets", {}, 422, "invalid-content"),
    ("GET", "/review?item=%00", {}, 422, "invalid-content"),
    ("GET", "/v1/scans?item_id=%00", {}, 422, "invalid-content"),
    ("GET", "/v1/scans/%00", {}, 422, "invalid-content"),
    ("POST", f"{NO_SCAN}/reviews", {"content": b"[" * 50_000, "headers": JSON}, 400, "bad-request"),
    ("POST", f"{NO_SCAN}/reviews", {"content": b"x" * (2 << 20), "headers": JSON}, 413, "too-large"),
    ("POST", "/v1/scans", {"content": b"", "headers": PNG}, 400, "bad-request"),
    ("POST", "/v1/scans", {"content": b"x", "headers": PNG}, 422, "unreadable-view"),
    ("POST", "/v1/scans", {"json": {}}, 415, "unsupported-image"),
    ("POST", "/v1/scans", {"content": b"x", "headers": PNG | {"X-Budget-Ms": "x"}}, 400, "bad-request"),
    (
        "POST",
        "/v1/scans",
        {"content": b"x", "headers": PNG | {"Origin": "https://evil.example"}},
        403,
        "foreign-origin",
    ),
    ("POST", "/v1/scans", {"content": b"x", "headers": PNG | {"Origin": "null"}}, 403, "foreign-origin"),
    ("GET", "/healthz", {"headers": {"Host": "evil.example"}}, 421, "wrong-host"),
]


def assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    problem = Problem.model_validate(body)
    assert set(body) <= {"type", "title", "status", "detail", "instance", "view"}
    assert (problem.status, problem.type) == (status, f"urn:parcelray:problem:{slug}")
    assert problem.title
    assert problem.detail
    assert answer.request.url.raw_path.decode().split("?")[0].endswith(problem.instance) or "%" in str(
        answer.request.url
    )


@pytest.mark.parametrize(("method", "path", "more", "status", "slug"), ERRORS)
def test_errors_have_one_shape(  # noqa: PLR0917 - the columns of a table
    client: httpx.Client, method: str, path: str, more: dict[str, Any], status: int, slug: str
) -> None:
    assert_problem(client.request(method, path, **more), status, slug)


def test_a_body_that_hides_its_length_is_too_large_by_the_same_name(client: httpx.Client) -> None:
    chunks = (b"x" * 100_000 for _ in range(20))
    assert_problem(client.post(f"{NO_SCAN}/reviews", content=chunks, headers=JSON), 413, "too-large")


def test_every_documented_route_has_the_shape_for_a_wrong_method(client: httpx.Client) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    assert len(paths) >= 8
    for path in paths:
        assert_problem(client.request("PATCH", re.sub(r"\{\w+\}", "x", path)), 405, "method-not-allowed")


def test_a_failing_database_is_a_problem(serve: ServeInThread, fake: FakeDetector, tmp_path: Path) -> None:
    with serve(fake) as client:
        with closing(sqlite3.connect(tmp_path / "data" / "parcelray.sqlite")) as raw:
            raw.execute("ALTER TABLE scans RENAME TO gone")
            raw.commit()
        assert_problem(client.get("/v1/scans"), 503, "store-unavailable")
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_a_bug_is_a_problem_too(serve: ServeInThread, tiny_card: ModelCard, make_png: PngMaker) -> None:
    class Broken:
        card = tiny_card
        model_sha256 = "0" * 64
        calls = 0

        def detect(self, image_rgb: object, *, min_score: float) -> Detections:
            raise ValueError

        def thresholds(self, operating_point: str | None = None) -> dict[str, float]:
            self.calls += 1
            if self.calls > 1:
                raise RuntimeError("secret inside")
            return dict(tiny_card.thresholds["balanced"])

    with serve(Broken()) as client:
        answer = client.post("/v1/scans", content=make_png(20), headers=PNG)
        assert_problem(answer, 500, "internal-error")
        assert "Content-Security-Policy" in answer.headers
        assert "secret" not in answer.text
        assert client.get("/v1/scans").json()["items"] == []


def test_every_error_has_its_own_name() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    slugs = [kind.slug for kind in kinds if issubclass(kind, errors.ServiceError)]
    assert len(slugs) == len(set(slugs)) >= 12
    assert sorted(errors.__all__) == errors.__all__
    for name in errors.__all__:
        assert name in (errors.__doc__ or ""), "the tree in the docstring is complete"

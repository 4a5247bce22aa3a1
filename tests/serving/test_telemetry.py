"""Metrics count what was answered, with few label values; logs carry request ids; the dashboard asks what exists."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import serving
from serving.logs import JsonFormatter, request_id, request_id_of
from serving.schemas import ScanOut
from serving.telemetry import OTHER, Telemetry

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(client: httpx.Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, metric: str, **labels: str) -> float:
    return samples.get((metric, frozenset(labels.items())), 0.0)


def test_what_was_answered_is_counted(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    with serve(fake) as client:
        for level, scanner in ((20, "a"), (20, "a"), (200, "b")):
            mark = {"scanner_id": scanner, "item_id": "ITEM-SECRET"}
            assert client.post("/v1/scans", content=make_png(level), headers=PNG, params=mark).status_code == 201
        fake.failing = True
        client.post("/v1/scans", content=make_png(20), headers=PNG)
        client.get("/v1/scans/nothing-SECRET")
        client.get("/SECRET")
        samples = samples_of(client)
    assert value(samples, "parcelray_verdicts_total", verdict="alarm", scanner="a") == 2
    assert value(samples, "parcelray_verdicts_total", verdict="clear", scanner="b") == 1
    assert value(samples, "parcelray_verdicts_total", verdict="refer", scanner="") == 1
    assert value(samples, "parcelray_alarms_total", label="handgun", scanner="a") == 2
    assert value(samples, "parcelray_reasons_total", reason="model_failure") == 1
    assert value(samples, "parcelray_stage_seconds_count", stage="total") == 4
    assert value(samples, "parcelray_top_score_count") == 3, "a scan that was not read has no score"
    assert value(samples, "parcelray_top_score_bucket", le="0.85") == 1
    assert value(samples, "parcelray_requests_total", method="POST", route="/v1/scans", status="201") == 4
    assert value(samples, "parcelray_requests_total", method="GET", route="/v1/scans/{scan_id}", status="404") == 1
    assert value(samples, "parcelray_requests_total", method="GET", route="none", status="404") == 1
    assert value(samples, "parcelray_model", name="tiny", version="1", sha256="f" * 12) == 1
    assert "SECRET" not in str(samples)


def test_a_missed_budget_is_counted(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    fake.gate.clear()
    with serve(fake) as client:
        answer = client.post("/v1/scans?scanner_id=a", content=make_png(20), headers=PNG | {"X-Budget-Ms": "50"})
        assert answer.json()["reasons"] == ["budget_exceeded"]
        samples = samples_of(client)
        fake.gate.set()
    assert value(samples, "parcelray_budget_misses_total", scanner="a") == 1


def test_scanners_beyond_the_limit_share_a_series() -> None:
    telemetry = Telemetry(max_scanners=2)
    example = ScanOut.model_config["json_schema_extra"]["example"]  # type: ignore[index]
    answer = ScanOut.model_validate(example)
    for name in ("a", "b", "c", "d", "a"):
        telemetry.scan(answer.model_copy(update={"scanner_id": name}))
    counts = {
        sample.labels["scanner"]: sample.value
        for family in telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "parcelray_verdicts_total"
    }
    assert counts == {"a": 2, "b": 1, OTHER: 2}


def test_the_dashboard_asks_for_metrics_that_exist(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker
) -> None:
    dashboard = json.loads((Path(serving.__file__).parent / "dashboards" / "grafana.json").read_text())
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")")
            asked |= set(re.findall(r"parcelray_\w+", target["expr"]))
    fake.gate.clear()
    with serve(fake) as client:
        client.post("/v1/scans", content=make_png(20), headers=PNG | {"X-Budget-Ms": "50"})
        fake.gate.set()
        client.post("/v1/scans", content=make_png(20), headers=PNG)
        known = {name for name, _ in samples_of(client)}
    known.add("parcelray_score_drift")  # after two thousand scans: tests/serving/test_score_drift.py
    assert asked <= known
    assert len(asked) >= 10, "the dashboard is not empty"


def test_every_answer_has_a_request_id(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "proxy-7"}).headers["X-Request-Id"] == "proxy-7"
    first, second = (client.get("/nowhere").headers["X-Request-Id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, 'a","level":"b'])
def test_an_id_that_could_break_a_line_is_replaced(given: str | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", request_id_of(given))


def test_a_json_line_holds_the_request_and_survives_anything() -> None:
    request_id.set("r-1")
    record = logging.LogRecord("parcelray", logging.ERROR, "f", 1, "two\nlines %s", ('"quoted"',), None)
    record.status = 503
    line = JsonFormatter().format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert read["request_id"] == "r-1"
    assert read["message"] == 'two\nlines "quoted"'
    assert read["status"] == 503

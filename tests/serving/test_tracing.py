"""Traces reach a real OTLP/HTTP receiver from a real service process, and hold ids and times only."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import parcelray
from serving.logs import JsonFormatter, trace_id

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, StartServer

PNG = {"Content-Type": "image/png", "X-Budget-Ms": "60000"}
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """Keeps what is exported to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def attributes(span: Span) -> dict[str, object]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


def test_a_scan_is_one_trace_with_its_stages(
    start_server: StartServer,
    collector: Collector,
    make_png: PngMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARCELRAY_OTLP_URL", collector.url)
    server = start_server(tmp_path)
    try:
        answer = server.client.post(
            "/v1/scans?item_id=SECRET-ITEM&lane=SECRET-LANE",
            content=make_png(20),
            headers=PNG | {"traceparent": CALLER, "X-Request-Id": "proxy-7"},
        )
        scan_id = answer.json()["id"]
        assert server.client.get("/v1/scans/SECRET-ID").status_code == 404
        server.client.get("/healthz")
    finally:
        assert server.stop() == 0, "what is left is sent on the way out"
    spans = collector.spans()
    ours = {span.name: span for span in spans if span.trace_id.hex() == CALLER.split("-")[1]}
    assert set(ours) == {"POST /v1/scans", "decode", "queue", "inference", "verdict", "store"}
    request = ours["POST /v1/scans"]
    assert request.parent_span_id.hex() == CALLER.split("-")[2]
    assert attributes(request)["parcelray.request_id"] == "proxy-7"
    assert attributes(request)["http.response.status_code"] == 201
    for name, span in ours.items():
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if span is not request:
            assert span.parent_span_id == request.span_id
            assert attributes(span)["parcelray.scan_id"] == scan_id
            assert request.start_time_unix_nano - 1e6 <= span.start_time_unix_nano, name
            assert span.end_time_unix_nano <= request.end_time_unix_nano + 1e6, name
    assert ours["decode"].end_time_unix_nano <= ours["inference"].end_time_unix_nano
    others = [span for span in spans if span.trace_id != request.trace_id]
    assert [span.name for span in others] == ["GET /v1/scans/{scan_id}"], "probes are not traced"
    assert b"SECRET" not in b"".join(collector.bodies)


def test_a_collector_that_is_gone_holds_nothing_up(
    start_server: StartServer, make_png: PngMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCELRAY_OTLP_URL", "http://127.0.0.1:1")
    server = start_server(tmp_path)
    try:
        answer = server.client.post("/v1/scans", content=make_png(20), headers=PNG)
        assert answer.json()["verdict"] == "alarm"
    finally:
        assert server.stop() == 0


def test_without_the_libraries_the_next_step_is_named(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARCELRAY_OTLP_URL", "http://collector:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    words = ["serve", "--port", "0", "--data", str(tmp_path), "--model", str(tiny_model_path)]
    assert parcelray.main(words) == 2
    assert "pip install 'parcelray[otel]'" in capsys.readouterr().err


def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    script = "import sys, serving.app; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_log_lines_name_the_trace() -> None:
    record = logging.LogRecord("parcelray", logging.INFO, "f", 1, "a line", (), None)
    assert "trace_id" not in json.loads(JsonFormatter().format(record))
    token = trace_id.set("0" * 31 + "7")
    try:
        assert re.fullmatch("0{31}7", json.loads(JsonFormatter().format(record))["trace_id"])
    finally:
        trace_id.reset(token)

"""Traces for OpenTelemetry, sent to a collector over OTLP/HTTP where the setting names one.

A request has a span, and below it the stages of a scan have theirs: decode, queue, inference, verdict, store. Spans
carry ids and times, nothing else about a parcel; addresses hold item ids, so routes are templates. The libraries of the
`otel` extra are imported only when they are needed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from detector import __version__
from serving.errors import BadSettingsError
from serving.inference import Job
from serving.logs import trace_id
from serving.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

__all__ = ["Tracing", "open_tracing"]

_EXPORT_S: Final = 5.0
_current: Final[ContextVar[Span | None]] = ContextVar("parcelray_span", default=None)


class Tracing:
    """Makes spans, or does nothing where no collector was named."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = None if provider is None else provider.get_tracer("parcelray", __version__)

    def close(self) -> None:
        """Send what is left; a collector that is gone holds this up for seconds at most."""
        if self._provider is not None:
            self._provider.shutdown()

    def begin(self, headers: Mapping[str, str], method: str, request_id: str) -> Span | None:
        """Begin the span of a request, below the caller's where its `traceparent` names one."""
        if self._tracer is None:
            return None
        from opentelemetry.trace import SpanKind, format_trace_id  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        span = self._tracer.start_span(
            method,
            context=TraceContextTextMapPropagator().extract(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "parcelray.request_id": request_id},
        )
        _current.set(span)
        trace_id.set(format_trace_id(span.get_span_context().trace_id))
        return span

    def end(self, span: Span | None, method: str, route: str, status: int) -> None:
        """End the span of a request; `route` is a template, never an address."""
        if span is None:
            return
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()

    def scan(
        self,
        scan_id: str,
        jobs: Sequence[Job | None],
        *,
        decode_s: tuple[float, float],
        verdict_s: tuple[float, float],
    ) -> None:
        """Add the stages of a scan that was stored just now, from readings of `time.monotonic`."""
        now = time.monotonic()
        for name, (began_s, ended_s) in (("decode", decode_s), ("verdict", verdict_s), ("store", (verdict_s[1], now))):
            self.stage(name, began_s, ended_s, scan_id=scan_id)
        for number, job in enumerate(jobs):
            if job is None:
                continue
            self.stage("queue", job.submitted, job.started or now, scan_id=scan_id, view=number)
            if job.started is not None:
                self.stage("inference", job.started, job.finished or now, scan_id=scan_id, view=number)

    def stage(self, name: str, began_s: float, ended_s: float, **ids: str | int) -> None:
        """Add a stage of the request at hand, between two readings of `time.monotonic`."""
        parent = _current.get()
        if self._tracer is None or parent is None:
            return
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415

        epoch_ns = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(
            name,
            context=set_span_in_context(parent),
            attributes={f"parcelray.{key}": value for key, value in ids.items()},
            start_time=epoch_ns + round(began_s * 1e9),
        )
        span.end(epoch_ns + round(ended_s * 1e9))


def open_tracing(settings: Settings) -> Tracing:
    """Return what makes spans, by setting; close it at the end.

    Raises:
        BadSettingsError: a collector is named, but the libraries are not installed.
    """
    if settings.otlp_url is None:
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadSettingsError(
            f"PARCELRAY_OTLP_URL needs the 'otel' extra ({error.name} is missing): pip install 'parcelray[otel]', "
            "or leave the setting out"
        ) from error
    resource = Resource.create({"service.name": "parcelray", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{settings.otlp_url.rstrip('/')}/v1/traces", timeout=_EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)

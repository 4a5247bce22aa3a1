"""Metrics for Prometheus, kept by one service in a registry of its own.

Nothing here names a parcel, and every label takes few values: routes are templates, and of scanners the first hundred
have a series of their own while the rest share one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from detector import __version__
from detector.policy import Reason, Verdict
from serving.admission import Admission
from serving.inference import InferencePool, ScanDetector
from serving.monitor.report import Fault
from serving.schemas import ScanOut
from serving.score_drift import ScoreDrift

__all__ = ["OTHER", "Telemetry"]

OTHER: Final = "other"
_MAX_SCANNERS: Final = 100
_STAGES: Final = ("decode", "queue", "inference", "store", "total")
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0)
_SCORES: Final = tuple(step / 20 for step in range(1, 21))


class Telemetry:
    """Counts what the service answers."""

    def __init__(self, max_scanners: int = _MAX_SCANNERS) -> None:
        self.registry = registry = CollectorRegistry()
        self._max_scanners = max_scanners
        self._scanners: set[str] = set()
        self._model_sha256: str | None = None
        self._requests = Counter(
            "parcelray_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "parcelray_request_seconds", "Time to answer.", ("route",), buckets=_SECONDS, registry=registry
        )
        self._verdicts = Counter(
            "parcelray_verdicts", "Scans answered, by verdict.", ("verdict", "scanner"), registry=registry
        )
        self._reasons = Counter(
            "parcelray_reasons", "Reasons of verdicts; a scan may have several.", ("reason",), registry=registry
        )
        self._alarms = Counter(
            "parcelray_alarms", "Scans with an alarm for a label.", ("label", "scanner"), registry=registry
        )
        self._misses = Counter(
            "parcelray_budget_misses", "Scans referred because their time ran out.", ("scanner",), registry=registry
        )
        self._stages = Histogram(
            "parcelray_stage_seconds", "Time of a stage of a scan.", ("stage",), buckets=_SECONDS, registry=registry
        )
        self._top_score = Histogram(
            "parcelray_top_score",
            "Highest score of a scan that was read; 0 where nothing was found.",
            buckets=(0.0, *_SCORES),
            registry=registry,
        )
        self._webhooks = Counter(
            "parcelray_webhook_tries", "Tries to deliver a webhook.", ("endpoint", "outcome"), registry=registry
        )
        self._drift = ScoreDrift()
        self._drift_index = Gauge(
            "parcelray_score_drift",
            "Population stability index of the top scores of the last 1,000 scans against the first 1,000 of this "
            "model; over 0.1 is worth a look, over 0.25 the scans are others.",
            ("scanner",),
            registry=registry,
        )
        self._shadow = Counter(
            "parcelray_shadow_scans",
            "Scans offered to a candidate in shadow: compared, or why not.",
            ("outcome",),
            registry=registry,
        )
        self._shadow_verdicts = Counter(
            "parcelray_shadow_verdicts",
            "Scans compared, by the verdict that was answered and the candidate's.",
            ("serving", "candidate"),
            registry=registry,
        )
        for pair in product(Verdict, Verdict):
            self._shadow_verdicts.labels(*pair)
        self._test_scans = Gauge(
            "parcelray_test_scan_faults",
            "Test scans of the last run whose answer was wrong, by what was wrong.",
            ("fault",),
            registry=registry,
        )
        for fault in Fault:
            self._test_scans.labels(fault)
        self._test_scans_at = Gauge(
            "parcelray_test_scans_timestamp_seconds", "When the test scans were run last.", registry=registry
        )
        self._model = Gauge(
            "parcelray_model",
            "1 for the model that serves.",
            ("name", "version", "sha256"),
            registry=registry,
        )
        software = Gauge("parcelray_software", "1 for the software that runs.", ("version",), registry=registry)
        software.labels(__version__).set(1)

    def watch(
        self,
        pool: InferencePool,
        admission: Admission,
        open_requests: Callable[[], float],
        webhooks: Callable[[str], float],
    ) -> None:
        """Read these whenever somebody asks; `webhooks` is given a state and returns how many wait in it."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "parcelray_waiting_views": ("Views that wait for the model.", lambda: pool.waiting),
            "parcelray_oldest_inference_seconds": (
                "How long the longest inference has been running.",
                lambda: pool.oldest_running_s,
            ),
            "parcelray_expected_seconds": (
                "How long a scan that comes now is expected to take.",
                lambda: admission.expected_ms / 1e3,
            ),
            "parcelray_open_scans": ("Posted scans in work, arriving ones too.", open_requests),
            "parcelray_webhooks_pending": ("Webhooks that are not delivered yet.", lambda: webhooks("pending")),
            "parcelray_webhooks_dead": ("Webhooks given up: dead letters.", lambda: webhooks("dead")),
        }
        for name, (text, read) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(read)
        self.serve(pool.detector)

    def serve(self, detector: ScanDetector) -> None:
        """Name the model that serves from now on."""
        self._drift = ScoreDrift()  # another model's scores are no measure for this one's
        self._drift_index.clear()
        self._model_sha256 = detector.model_sha256
        self._model.clear()
        self._model.labels(detector.card.name, detector.card.version, detector.model_sha256[:12]).set(1)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is a template, never an address."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def webhook(self, endpoint: str, outcome: str) -> None:
        """Count a try to deliver a webhook: delivered, failed or dead."""
        self._webhooks.labels(endpoint, outcome).inc()

    def test_scans(self, faults: Mapping[str, int]) -> None:
        """Keep the outcome of a run of the test scans."""
        for fault, count in faults.items():
            self._test_scans.labels(fault).set(count)
        self._test_scans_at.set_to_current_time()

    def shadow(self, outcome: str) -> None:
        """Count a scan that was offered to a candidate."""
        self._shadow.labels(outcome).inc()

    def shadow_verdict(self, serving: str, candidate: str) -> None:
        """Count a compared scan."""
        self._shadow_verdicts.labels(serving, candidate).inc()

    def scan(self, answer: ScanOut) -> None:
        """Count a new scan."""
        scanner = self._scanner(answer.scanner_id)
        self._verdicts.labels(answer.verdict.value, scanner).inc()
        for reason in answer.reasons:
            self._reasons.labels(reason.value).inc()
        if Reason.BUDGET_EXCEEDED in answer.reasons:
            self._misses.labels(scanner).inc()
        found = [one for view in answer.views for one in view.detections]
        for label in {one.label for one in found if one.alarm}:
            self._alarms.labels(label, scanner).inc()
        for stage in _STAGES:
            self._stages.labels(stage).observe(getattr(answer.timings_ms, stage) / 1e3)
        if all(view.inferred for view in answer.views):
            top_score = max((one.score for one in found), default=0.0)
            self._top_score.observe(top_score)
            index = self._drift.add(scanner, top_score) if answer.model.sha256 == self._model_sha256 else None
            if index is not None:
                self._drift_index.labels(scanner).set(index)

    def _scanner(self, scanner_id: str | None) -> str:
        if scanner_id is None:
            return ""
        if scanner_id not in self._scanners and len(self._scanners) >= self._max_scanners:
            return OTHER
        self._scanners.add(scanner_id)
        return scanner_id

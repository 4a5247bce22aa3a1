"""Logs of the service: lines for people or JSON for machines, each with the id of its request."""

from __future__ import annotations

import json
import logging
import re
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

__all__ = ["JsonFormatter", "configure", "request_id", "request_id_of", "trace_id"]

request_id: Final[ContextVar[str]] = ContextVar("parcelray_request_id", default="-")
# Of the request, where it is traced.
trace_id: Final[ContextVar[str | None]] = ContextVar("parcelray_trace_id", default=None)
_GIVEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FIELDS: Final = ("method", "route", "status", "latency_ms", "key_id")


def request_id_of(given: str | None) -> str:
    """Return the id that a proxy gave a request, or a new one; what it says must not break a log line."""
    return given if given is not None and _GIVEN.fullmatch(given) else uuid.uuid4().hex


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": request_id.get(),
            "message": record.getMessage(),
        }
        if (trace := trace_id.get()) is not None:
            line["trace_id"] = trace
        line |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.request_id = " ".join(filter(None, (request_id.get(), trace_id.get())))
        return super().format(record)


def configure(log_format: Literal["text", "json"]) -> None:
    """Send the logs of this process to stderr."""
    handler = logging.StreamHandler()
    text = _TextFormatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in ("alembic", "httpx"):  # httpx would name every address that a webhook goes to
        logging.getLogger(name).setLevel(logging.WARNING)

"""What holds for every request before a route sees it: host, origin, body size, overload; headers of every answer."""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access.gate import KEY_ID, ROUTE, SAFE_METHODS
from serving.errors import BodyTooLargeError, ForeignOriginError, OverloadedError, ServiceError, WrongHostError
from serving.logs import request_id, request_id_of
from serving.problems import problem_response
from serving.services import Services
from serving.settings import Settings
from serving.tracing import Tracing

__all__ = ["Guard"]

# Everything a page needs comes from this service; nothing of it may be framed elsewhere.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SCANS: Final = "/v1/scans"
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics", "/live/board"})
_log = logging.getLogger("parcelray.serving")


class Guard:
    """ASGI middleware; refuses with the same problem body as everything else."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        sent = Headers(scope=scope)
        asked = sent.get("x-request-id")
        own_id = request_id_of(asked)
        request_id.set(own_id)
        began = time.monotonic()
        started = False
        status = 500
        tracing = None if scope["path"] in _PROBES else _tracing_of(scope)
        span = None if tracing is None else tracing.begin(sent, _method_of(scope), own_id)

        async def send_guarded(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = own_id
                _observe(scope, message["status"], time.monotonic() - began)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        refusal = self._refusal(scope) or _overload(scope)
        if refusal is not None:
            await problem_response(refusal, scope["path"])(scope, receive, send_guarded)
            return
        # Posted scans have their own, larger limit.
        body = receive if scope["path"] == _SCANS else _limited(receive, self._settings.max_json_bytes)
        try:
            await self._app(scope, body, send_guarded)
        except ClientDisconnect:
            _log.info("a client went away while it sent")
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer
            # A mistake of ours: the traceback goes to the log, the answer says nothing about the inside.
            _log.exception("a request failed")
            if not started:
                failure = ServiceError("the service made a mistake; its log says which")
                await problem_response(failure, scope["path"])(scope, receive, send_guarded)
        finally:
            if tracing is not None:
                tracing.end(span, _method_of(scope), scope.get(ROUTE, "none"), status)

    def _refusal(self, scope: Scope) -> ServiceError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        allowed = self._settings.hosts
        if allowed and name.lower() not in allowed:
            return WrongHostError(
                f"{name[:80]!r} is not among the allowed hosts; set PARCELRAY_ALLOWED_HOSTS to serve under it"
            )
        origin = headers.get("origin")
        if scope["method"] not in SAFE_METHODS and origin is not None and origin.split("://", 1)[-1] != host:
            return ForeignOriginError("a page of another origin may not write here; use this service's own pages")
        length = headers.get("content-length", "")
        limit = self._settings.max_json_bytes
        if scope["path"] != _SCANS and length.isdecimal() and int(length) > limit:
            return BodyTooLargeError(f"the body is over the limit of {limit} bytes")
        return None


def _overload(scope: Scope) -> ServiceError | None:
    """Refuse a scan that cannot be done in time, before anything is spent on its key and its body."""
    if scope["path"] != _SCANS or scope["method"] != "POST":
        return None
    services: Services = scope["app"].state.services
    asked = Headers(scope=scope).get("x-budget-ms", "")
    # Which scanner it is stands in the body: here with the longest budget, behind the body with its own.
    known = asked.isdecimal() and len(asked) <= 6
    try:
        services.admission.check(int(asked) if known else services.scanners.longest_budget_ms)
    except OverloadedError as error:
        scope[ROUTE] = _SCANS
        return error
    return None


def _observe(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get(ROUTE, "none")
    method = _method_of(scope)
    services = _services_of(scope)
    if services is not None:
        services.telemetry.request(method, route, status, seconds)
    # Templates of addresses only: addresses hold item ids. What asks every few seconds would hide the rest.
    level = logging.DEBUG if route in _PROBES or (status < 400 and route == "none") else logging.INFO
    fields = {"method": method, "route": route, "status": status, "latency_ms": round(seconds * 1e3, 1)}
    _log.log(
        level, "%s %s %d %.0f ms", method, route, status, seconds * 1e3, extra=fields | {"key_id": scope.get(KEY_ID)}
    )


def _method_of(scope: Scope) -> str:
    return str(scope["method"]) if scope["method"] in _METHODS else "other"


def _services_of(scope: Scope) -> Services | None:
    return getattr(scope["app"].state, "services", None) if "app" in scope else None


def _tracing_of(scope: Scope) -> Tracing | None:
    services = _services_of(scope)
    return None if services is None else services.tracing


def _limited(receive: Receive, limit: int) -> Receive:
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            # FastAPI passes this type on and turns every other one into 400.
            raise HTTPException(BodyTooLargeError.status, f"the body is over the limit of {limit} bytes")
        return message

    return receive_limited

"""The gate in front of every route: who asks, whether the route is open to them, and how often they may ask.

Every route says who may use it, with `@allow(...)` below its path; a route that forgets cannot be made. The gate looks
before a body is read. A key is read from the database in each request, so that revoking it takes effect at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse

from serving.access.keys import KeyStore, Scope
from serving.access.rates import RateLimiter
from serving.errors import (
    ForeignOriginError,
    NotSignedInError,
    RateLimitedError,
    StoreUnavailableError,
    WrongScopeError,
)
from serving.patience import from_database
from serving.settings import Settings
from serving.store.models import AccessKey

__all__ = [
    "ANY_KEY",
    "COOKIE",
    "KEY_ID",
    "PUBLIC",
    "ROUTE",
    "SAFE_METHODS",
    "Caller",
    "Gate",
    "GuardedRoute",
    "PageRoute",
    "allow",
    "caller_of",
]

COOKIE: Final = "parcelray_session"
# Where the middleware finds what was matched, and who asked.
ROUTE: Final = "parcelray.route"
KEY_ID: Final = "parcelray.key_id"
PUBLIC: Final[frozenset[Scope]] = frozenset()
ANY_KEY: Final[frozenset[Scope]] = frozenset(Scope)
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
# What proxies add: behind one, requests from anywhere look like requests from this machine.
_PROXY_HEADERS: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_T = TypeVar("_T")
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, at the desk or in a program; no key in demo mode."""

    key_id: str | None
    name: str | None
    scopes: frozenset[Scope]


_ANYONE: Final = Caller(None, None, frozenset(Scope))


def allow(*scopes: Scope | frozenset[Scope]) -> Callable[[_Endpoint], _Endpoint]:
    """Declare which scopes a route is open to; `PUBLIC` is everyone, `admin` is always among them."""
    allowed = frozenset().union(*(scope if isinstance(scope, frozenset) else {scope} for scope in scopes))

    def mark(endpoint: _Endpoint) -> _Endpoint:
        endpoint.scopes = allowed | {Scope.ADMIN} if allowed else PUBLIC  # type: ignore[attr-defined]
        return endpoint

    return mark


class GuardedRoute(APIRoute):
    """A route that declares its scopes and is opened by the gate."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        if not hasattr(endpoint, "scopes"):
            raise TypeError(f"{path}: say who may use it, with @allow(...) below the path")
        self.scopes: frozenset[Scope] = endpoint.scopes
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the gate in front."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.scope[ROUTE] = self.path
            if self.scopes:
                gate = cast("Gate", request.app.state.services.gate)
                request.state.caller = await gate.admit(request, self.scopes)
                request.scope[KEY_ID] = request.state.caller.key_id
            return await handle(request)

        return guarded


class PageRoute(GuardedRoute):
    """A page for people: who is not signed in is led to where that is done."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the gate and the way to it in front."""
        handle = super().get_route_handler()

        async def led(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedInError:
                address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/sign-in?{urlencode({'next': address})}", 303)

        return led


class Gate:
    """Admits requests; open to everyone on loopback until the first key is made."""

    def __init__(self, keys: KeyStore, settings: Settings) -> None:
        self.keys = keys
        self._settings = settings
        self._rates = RateLimiter()
        self._demo = settings.on_loopback
        # Threads of its own: nobody who looks at pictures holds up the look at a key.
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="access")

    def close(self) -> None:
        """Wait for the last look."""
        self._readers.shutdown(wait=True)

    async def in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:  # noqa: ANN401 - passed on
        """Run what the key store does beside the event loop."""
        return await from_database(asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments))

    async def admit(self, request: Request, allowed: frozenset[Scope]) -> Caller:
        """Return who asks, if the route is open to them.

        Raises:
            NotSignedInError: no key, or one that does not hold.
            WrongScopeError: the key is for something else.
            RateLimitedError: the key asks too often.
            ForeignOriginError: a session would write from a page that does not say it is ours.
        """
        key = await self._key_of(request)
        if key is None:
            return _ANYONE
        wait_s = self._rates.wait_s(key.id, key.requests_per_minute or self._settings.requests_per_minute)
        if wait_s:
            raise RateLimitedError(
                "the key sends more requests than it may; wait Retry-After seconds, or raise its limit "
                "(parcelray keys create --requests-per-minute)",
                retry_after_s=math.ceil(wait_s),
            )
        scopes = frozenset(Scope(scope) for scope in key.scopes)
        if not scopes & allowed:
            wanted = ", ".join(scope.value for scope in Scope if scope in allowed)
            has = ", ".join(key.scopes)
            raise WrongScopeError(f"this needs a key with one of the scopes {wanted}; the key has {has}")
        return Caller(key.id, key.name, scopes)

    async def still_admits(self, request: Request, allowed: frozenset[Scope]) -> bool:
        """Return whether who was admitted a while ago would be again, for answers that take long."""
        try:
            key = await self._key_of(request)
        except NotSignedInError:
            return False
        except (SQLAlchemyError, StoreUnavailableError):
            return True  # nothing that could be shown comes from a database that fails
        return key is None or bool(frozenset(Scope(scope) for scope in key.scopes) & allowed)

    async def _key_of(self, request: Request) -> AccessKey | None:
        """Return the key of a request, or None in demo mode."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            key = await self.in_thread(self.keys.by_text, text.strip())
            if key is None:
                raise NotSignedInError("the key is unknown or revoked; an admin makes one: parcelray keys create")
            return key
        session = request.cookies.get(COOKIE)
        if session is not None and (key := await self.in_thread(self.keys.by_session, session)) is not None:
            # The cookie is SameSite=Strict already; browsers that write also say from where, and the guard compares.
            if request.method not in SAFE_METHODS and "origin" not in request.headers:
                raise ForeignOriginError("a session writes from this service's pages only; programs send a key")
            return key
        if await self._is_demo(request):
            return None
        raise NotSignedInError("send a key: Authorization: Bearer prk_...; an admin makes one: parcelray keys create")

    async def _is_demo(self, request: Request) -> bool:
        if self._demo and await self.in_thread(self.keys.ever_made):
            self._demo = False
        return self._demo and not any(name in request.headers for name in _PROXY_HEADERS)


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    return cast("Caller", request.state.caller)

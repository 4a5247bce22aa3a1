"""Signing in and out at the desk: a key in, a cookie out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.templating import Jinja2Templates

from detector import __version__
from serving.access.gate import COOKIE, PUBLIC, GuardedRoute, allow
from serving.dependencies import ServicesDep

__all__ = ["router"]

_HOME: Final = "/review"
_templates = Jinja2Templates(Path(__file__).parents[1] / "review" / "templates")
router = APIRouter(include_in_schema=False, route_class=GuardedRoute, default_response_class=HTMLResponse)


@router.get("/sign-in")
@allow(PUBLIC)
async def sign_in_page(request: Request, next_page: Annotated[str, Query(alias="next")] = _HOME) -> Response:
    """Ask for a key."""
    return _page(request, next_page, 200)


@router.post("/sign-in")
@allow(PUBLIC)
async def sign_in(
    request: Request,
    services: ServicesDep,
    key: Annotated[str, Form(max_length=200)],
    next_page: Annotated[str, Form(alias="next")] = _HOME,
) -> Response:
    """Begin a session and lead on."""
    gate = services.gate
    found = await gate.in_thread(gate.keys.by_text, key.strip())
    if found is None:
        return _page(request, next_page, 401)
    lifetime = timedelta(hours=services.settings.session_hours)
    secret = await gate.in_thread(gate.keys.sign_in, found, lifetime)
    answer = RedirectResponse(_local(next_page), 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
@allow(PUBLIC)
async def sign_out(request: Request, services: ServicesDep) -> Response:
    """End the session."""
    if secret := request.cookies.get(COOKIE):
        await services.gate.in_thread(services.gate.keys.sign_out, secret)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _page(request: Request, next_page: str, status: int) -> Response:
    context = {"next": _local(next_page), "refused": status == 401, "software": __version__}
    return _templates.TemplateResponse(request, "sign_in.html", context, status)


def _local(address: str) -> str:
    """Return an address of this service; whoever made the link must not lead people elsewhere."""
    # Browsers read backslashes as slashes, and // begins another host's name; control characters split headers.
    plain = address.isprintable() and address.isascii() and "\\" not in address
    return address if plain and address.startswith("/") and not address.startswith("//") else _HOME

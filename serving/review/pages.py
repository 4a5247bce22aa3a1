"""Pages of the review desk: the list of scans and the workplace for one scan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from detector import __version__
from detector.policy import Verdict
from detector.taxonomy import ATTRIBUTES, LABELS, TAXONOMY, Group
from serving.access.gate import PUBLIC, PageRoute, allow
from serving.access.keys import Scope
from serving.dependencies import NO_NUL, ServicesDep, StoredScan
from serving.reviews import review_out
from serving.scans import scan_out
from serving.schemas import ReviewOut, ScanOut, ViewOut
from serving.services import Services
from serving.status import checks_of, warnings_of
from serving.store.scans import ScanFilter

__all__ = ["install"]

_HERE: Final = Path(__file__).parent
_PAGE: Final = 60
_COUNT_LIMIT: Final = 1000
_LABEL_KEYS: Final = "1234567890-="
_COLOURS: Final = {info.name: "#{:02x}{:02x}{:02x}".format(*info.colour_rgb) for info in TAXONOMY.values()}
Show = Literal["todo", "alarm", "refer", "clear", "reviewed", "all"]
_SHOWN: Final[Mapping[str, tuple[str, ScanFilter]]] = MappingProxyType(
    {
        "todo": ("To review", ScanFilter(verdicts=("alarm", "refer"), reviewed=False)),
        "alarm": ("Alarm", ScanFilter(verdicts=("alarm",))),
        "refer": ("Refer", ScanFilter(verdicts=("refer",))),
        "clear": ("Clear", ScanFilter(verdicts=("clear",))),
        "reviewed": ("Reviewed", ScanFilter(reviewed=True)),
        "all": ("All", ScanFilter()),
    }
)

_templates = Jinja2Templates(_HERE / "templates")
_router = APIRouter(include_in_schema=False, route_class=PageRoute, default_response_class=HTMLResponse)


def install(app: FastAPI) -> None:
    """Add the pages and their scripts and styles."""
    app.include_router(_router)
    app.mount("/review/static", StaticFiles(directory=_HERE / "static"), name="static")


@_router.get("/")
@allow(PUBLIC)
async def home() -> RedirectResponse:
    """Lead to the desk."""
    return RedirectResponse("/review", 307)


@_router.get("/review")
@allow(Scope.REVIEWER)
async def list_page(
    request: Request,
    services: ServicesDep,
    show: Show = "todo",
    item: Annotated[str, Query(max_length=128, pattern=NO_NUL)] = "",
    cursor: Annotated[str | None, Query(max_length=36, pattern=NO_NUL)] = None,
) -> HTMLResponse:
    """Show scans as a wall of pictures."""
    item = item.strip()
    wanted = _SHOWN[show][1].for_item(item or None)
    found = await asyncio.to_thread(services.store.find, wanted, before=cursor, limit=_PAGE + 1)
    scans = [scan_out(scan) for scan in found[:_PAGE]]
    more = urlencode({"show": show, "item": item, "cursor": scans[-1].id}) if len(found) > _PAGE else None
    context = await _context(services) | {
        "tabs": {name: title for name, (title, _) in _SHOWN.items()},
        "show": show,
        "item": item,
        "cards": [{"scan": scan, "view": (views := _best(scan))[0], "found": _labels(views)} for scan in scans],
        "first_page": cursor is None,
        "more": more,
    }
    return _templates.TemplateResponse(request, "list.html", context)


@_router.get("/review/scans/{scan_id}")
@allow(Scope.REVIEWER)
async def scan_page(request: Request, services: ServicesDep, scan: StoredScan, show: Show = "todo") -> HTMLResponse:
    """Show one scan with its boxes and the tools to judge it."""
    answer = scan_out(scan)
    reviews = [review_out(review) for review in await asyncio.to_thread(services.store.reviews, scan.id)]
    following = await asyncio.to_thread(_following, services, show, scan.id)
    context = await _context(services) | {
        "show": show,
        "title": _SHOWN[show][0],
        "scan": answer,
        "reviews": reviews,
        "evidence": await asyncio.to_thread(services.store.evidence, scan.id),
        "groups": {group.value: [info.name for info in TAXONOMY.values() if info.group is group] for group in Group},
        "label_keys": dict(zip(LABELS, _LABEL_KEYS, strict=False)),
        "attributes": ATTRIBUTES,
        "page": _page_data(answer, reviews, show, following),
    }
    return _templates.TemplateResponse(request, "scan.html", context)


@_router.get("/live")
@allow(Scope.REVIEWER)
async def live_page(request: Request, services: ServicesDep) -> HTMLResponse:
    """Show the latest verdicts of every lane; the page keeps itself up to date."""
    context = await _context(services) | await _board(services)
    return _templates.TemplateResponse(request, "live.html", context)


@_router.get("/live/board")
@allow(Scope.REVIEWER)
async def live_board(request: Request, services: ServicesDep) -> HTMLResponse:
    """Return the part of the live page that changes."""
    return _templates.TemplateResponse(request, "board.html", await _board(services))


async def _board(services: Services) -> dict[str, Any]:
    lanes = services.board.lanes()
    return {
        "lanes": lanes,
        "what": {scan.id: _what(scan) for lane in lanes for scan in lane.latest},
        "shown": {scan.id: _shown(scan) for lane in lanes for scan in lane.latest},
        "checks": await checks_of(services) | warnings_of(services),
        "waiting": services.pool.waiting,
        "webhooks": {state: services.webhooks.waiting(state) for state in ("pending", "dead")},
        "now": datetime.now(UTC),
        "colours": _COLOURS,
    }


def _shown(scan: ScanOut) -> ViewOut:
    """Return the first view that alarms, or the first."""
    return next((view for view in scan.views if any(found.alarm for found in view.detections)), scan.views[0])


def _what(scan: ScanOut) -> str:
    found = _labels(scan.views)
    if not found and scan.verdict is Verdict.CLEAR:
        return "nothing found"
    return ", ".join(found or scan.reasons).replace("_", " ")


async def _context(services: Services) -> dict[str, Any]:
    todo = await asyncio.to_thread(services.store.count, _SHOWN["todo"][1], limit=_COUNT_LIMIT)
    return {
        "todo": f"{_COUNT_LIMIT - 1}+" if todo >= _COUNT_LIMIT else str(todo),
        "model": services.detector.card,
        "model_sha256": services.detector.model_sha256,
        "software": __version__,
        "colours": _COLOURS,
    }


def _best(scan: ScanOut) -> list[ViewOut]:
    """Return the views as the model finished them, in time or late."""
    return scan.late_result.views if scan.late_result else scan.views


def _labels(views: list[ViewOut]) -> list[str]:
    return list(dict.fromkeys(found.label for view in views for found in view.detections if found.alarm))


def _following(services: Services, show: Show, scan_id: str) -> str | None:
    """Return the next scan of the same list that waits for a person, older first, then from the top."""
    wanted = _SHOWN[show][1].unreviewed()
    for before in (scan_id, None):
        for scan in services.store.find(wanted, before=before, limit=2):
            if scan.id != scan_id:
                return scan.id
    return None


def _page_data(scan: ScanOut, reviews: list[ReviewOut], show: Show, following: str | None) -> dict[str, Any]:
    """Return what the page's script works on."""
    views = _best(scan)
    return {
        "id": scan.id,
        "views": [
            {
                "name": view.name,
                "width": view.width,
                "height": view.height,
                "image": scan.links[f"image:{view.name}"],
                "detections": [found.model_dump(mode="json") for found in view.detections],
            }
            for view in views
        ],
        "inferred": all(view.inferred for view in views),
        "review": reviews[-1].model_dump(mode="json") if reviews else None,
        "colours": _COLOURS,
        "post": scan.links["reviews"],
        "next": f"/review/scans/{following}?show={show}" if following else f"/review?show={show}",
    }

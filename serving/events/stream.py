"""`GET /v1/events`: what happens to scans as server-sent events, for operator screens and other systems."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from serving.access.gate import GuardedRoute, allow
from serving.access.keys import Scope
from serving.dependencies import NO_NUL, ServicesDep
from serving.errors import BadRequestError
from serving.events.feed import Beat, End, Feed
from serving.events.schema import Event, EventType
from serving.services import Services
from serving.store.events import EventFilter

__all__ = ["EventStream", "router"]

_RETRY_MS: Final = 2000
_SCOPES: Final = frozenset({Scope.REVIEWER, Scope.ADMIN})
_log = logging.getLogger("parcelray.serving")
router = APIRouter(tags=["events"], route_class=GuardedRoute)


class EventStream(StreamingResponse):
    """Server-sent events to one reader; one that takes nothing for too long is cut off."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], feed: Feed, stall_s: float) -> None:
        # The last one is for proxies: nginx would keep events back.
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._feed = feed
        self._stall_s = stall_s

    async def stream_response(self, send: Send) -> None:
        """Send what comes."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._stall_s):
                await send(message)

        try:
            with self._feed.reading():
                await super().stream_response(send_in_time)
        except TimeoutError:
            _log.warning("a reader of events took nothing for %.0f s: cut off", self._stall_s)


_CONTENT: Final[Mapping[int | str, dict[str, Any]]] = {
    200: {
        "description": "A stream of server-sent events: `event` is the type, `id` the number of its record, `data` an "
        "Event in JSON. Comments are heartbeats. The event `end` says in `data.reason` why the service ends the "
        "stream; connect again with Last-Event-ID.",
        "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}}},
    }
}


@router.get("/v1/events", response_class=Response, responses=dict(_CONTENT), summary="Follow verdicts as they come")
@allow(*_SCOPES)
async def get_events(  # noqa: PLR0917 - each is a named parameter
    request: Request,
    services: ServicesDep,
    types: Annotated[list[EventType] | None, Query(alias="type", description="Any number of them; none: all.")] = None,
    scanner_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    lane: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
    after: Annotated[
        int | None, Query(ge=0, description="As Last-Event-ID, for those who cannot send headers; 0: from the start.")
    ] = None,
    last_event_id: Annotated[str | None, Header(description="`id` of the last event that came.")] = None,
) -> Response:
    """Send events behind the given one, else from now on, until the reader goes."""
    if last_event_id:
        if not (last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) < 19):
            raise BadRequestError(f"Last-Event-ID: expected the id of an event, got {last_event_id[:20]!r}")
        after = int(last_event_id)
    start = await services.feed.start(after)
    wanted = EventFilter(frozenset(types or ()), scanner_id, lane)
    return EventStream(_lines(request, services, start, wanted), services.feed, 2 * services.settings.event_heartbeat_s)


async def _lines(request: Request, services: Services, start: int, wanted: EventFilter) -> AsyncIterator[bytes]:
    # An id without data moves the reader's place, and is no event: who is cut off at once loses nothing either.
    yield format_sse_event(comment="events of ParcelRay", id=str(start), retry=_RETRY_MS)
    looked = time.monotonic()
    async for step in services.feed.follow(start, wanted):
        match step:
            case Event():
                data = step.model_dump_json()
                yield format_sse_event(data_str=data, event=step.type.value, id=str(step.sequence))
            case Beat():
                yield format_sse_event(comment="nothing new", id=str(step.sequence))
            case End():
                yield _end(step.reason)
        if time.monotonic() - looked >= services.settings.event_heartbeat_s:
            if not await services.gate.still_admits(request, _SCOPES):
                yield _end("the key or session has ended")
                return
            looked = time.monotonic()


def _end(reason: str) -> bytes:
    return format_sse_event(data_str=json.dumps({"reason": reason}), event="end")

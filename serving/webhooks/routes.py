"""Webhooks over HTTP: endpoints, what they have not got yet, and trying again."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from serving.access.gate import GuardedRoute, allow
from serving.access.keys import Scope
from serving.dependencies import NO_NUL, ServicesDep
from serving.errors import NotFoundError
from serving.events.schema import EventType
from serving.schemas import Word
from serving.store.models import WebhookDelivery, WebhookEndpoint
from serving.store.outbox import Outbox
from serving.webhooks.adding import add_endpoint

__all__ = [
    "DeliveryOut",
    "DeliveryPage",
    "EndpointIn",
    "EndpointList",
    "EndpointOut",
    "NewEndpointOut",
    "Retried",
    "router",
]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=GuardedRoute)
_Id = Annotated[str, Path(max_length=64, pattern=NO_NUL)]


class EndpointIn(BaseModel):
    """Where to post which events."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"url": "https://sorter.example/parcelray", "events": ["verdict"]}},
    )

    url: str = Field(max_length=2000, description="http or https; a public address, or one of the allowed networks.")
    events: set[EventType] = Field(default_factory=lambda: set(EventType), min_length=1, description="None: all.")
    scanners: set[Word] = Field(default_factory=set, max_length=100, description="Scanner ids; none: all.")


class EndpointOut(BaseModel):
    """A receiver of events."""

    id: str
    url: str
    events: list[EventType]
    scanners: list[str]
    created_at: datetime
    disabled_at: datetime | None = Field(description="When the receiver answered 410 Gone; a retry enables it again.")
    delivered_at: datetime | None = Field(description="When it last got an event.")
    pending: int = Field(description="Events that it has not got yet.")
    dead: int = Field(description="Events that were given up.")


class NewEndpointOut(EndpointOut):
    """A receiver that was just made."""

    secret: str = Field(description="Checks the signatures; shown this once.")


class EndpointList(BaseModel):
    """All receivers, oldest first."""

    items: list[EndpointOut]


class DeliveryOut(BaseModel):
    """An event that a receiver has not got."""

    id: str = Field(description="The webhook-id of every try.")
    endpoint_id: str
    type: EventType
    sequence: int
    scan_id: str
    state: Literal["pending", "dead"]
    attempts: int
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried next.")
    error: str | None = Field(description="What the last try came to.")


class DeliveryPage(BaseModel):
    """Deliveries, newest first, and the cursor of the next page."""

    items: list[DeliveryOut]
    next: str | None = Field(description="Give this as `cursor` to read on; null at the end.")


class Retried(BaseModel):
    """How many deliveries are tried again."""

    deliveries: int


@router.post("", status_code=201, summary="Post events to a receiver")
@allow(Scope.ADMIN)
async def post_webhook(new: EndpointIn, services: ServicesDep) -> NewEndpointOut:
    """Make an endpoint; the secret that checks its signatures is in the answer, this once."""
    networks = services.settings.webhook_networks
    made = await asyncio.to_thread(add_endpoint, services.outbox, networks, new.url, new.events, new.scanners)
    return NewEndpointOut(**_endpoint_out(made, {}).model_dump(), secret=made.secret)


@router.get("", summary="List the receivers")
@allow(Scope.ADMIN)
async def list_webhooks(services: ServicesDep) -> EndpointList:
    """Return every endpoint and how many events it has not got."""
    return EndpointList(items=await asyncio.to_thread(_endpoints, services.outbox))


@router.get("/deliveries", summary="List what receivers have not got")
@allow(Scope.ADMIN)
async def list_deliveries(
    services: ServicesDep,
    state: Literal["pending", "dead"] = "dead",
    cursor: Annotated[
        str | None, Query(max_length=36, pattern=NO_NUL, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeliveryPage:
    """Return one page of dead letters, or of deliveries that are still tried."""
    found = await asyncio.to_thread(services.outbox.deliveries, state, before=cursor, limit=limit + 1)
    items = [_delivery_out(delivery) for delivery in found[:limit]]
    return DeliveryPage(items=items, next=items[-1].id if len(found) > limit else None)


@router.post("/{any_id}/retry", summary="Try again")
@allow(Scope.ADMIN)
async def post_retry(any_id: _Id, services: ServicesDep) -> Retried:
    """Try one delivery again, or all dead letters of an endpoint, which is enabled again too."""
    count = await asyncio.to_thread(services.outbox.retry, any_id)
    if count is None:
        raise NotFoundError(f"there is no endpoint or delivery {any_id!r}; GET /v1/webhooks lists endpoints")
    return Retried(deliveries=count)


@router.delete("/{endpoint_id}", status_code=204, summary="Remove a receiver")
@allow(Scope.ADMIN)
async def delete_webhook(endpoint_id: _Id, services: ServicesDep) -> None:
    """Remove an endpoint with all that it has not got."""
    if not await asyncio.to_thread(services.outbox.remove, endpoint_id):
        raise NotFoundError(f"there is no endpoint {endpoint_id!r}; GET /v1/webhooks lists them")


def _endpoints(outbox: Outbox) -> list[EndpointOut]:
    counts = outbox.counts()
    return [_endpoint_out(endpoint, counts) for endpoint in outbox.endpoints()]


def _endpoint_out(endpoint: WebhookEndpoint, counts: dict[tuple[str, str], int]) -> EndpointOut:
    return EndpointOut(
        id=endpoint.id,
        url=endpoint.url,
        events=[EventType(event) for event in endpoint.events],
        scanners=endpoint.scanners,
        created_at=endpoint.created_at,
        disabled_at=endpoint.disabled_at,
        delivered_at=endpoint.delivered_at,
        pending=counts.get((endpoint.id, "pending"), 0),
        dead=counts.get((endpoint.id, "dead"), 0),
    )


def _delivery_out(delivery: WebhookDelivery) -> DeliveryOut:
    return DeliveryOut(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        type=EventType(delivery.kind),
        sequence=delivery.seq,
        scan_id=delivery.scan_id,
        state="dead" if delivery.state == "dead" else "pending",
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_at=None if delivery.state == "dead" else delivery.next_at,
        error=delivery.error,
    )

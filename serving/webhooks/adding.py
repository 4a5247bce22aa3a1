"""Adding a receiver: its address is checked first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import IPvAnyNetwork

from serving.events.schema import EventType
from serving.store.models import WebhookEndpoint
from serving.store.outbox import Outbox
from serving.webhooks.addresses import addresses_of, checked_url

__all__ = ["add_endpoint"]


def add_endpoint(
    outbox: Outbox,
    networks: Sequence[IPvAnyNetwork],
    url: str,
    events: Collection[EventType],
    scanners: Collection[str],
) -> WebhookEndpoint:
    """Make an endpoint and return it with its secret. Blocks.

    Raises:
        InvalidContentError: webhooks may not go to this address, or there are too many endpoints.
    """
    addresses_of(checked_url(url), networks)
    return outbox.add(url, events, scanners)

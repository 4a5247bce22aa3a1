"""An event as it goes over the wire: what a consumer needs to act on, and nothing else about the parcel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, Field

from detector.policy import Reason, Verdict
from detector.taxonomy import Group
from serving.schemas import ModelOut, ReviewDecision

__all__ = ["KIND_OF_RECORD", "Event", "EventBox", "EventType", "WebhookBody"]


class EventType(StrEnum):
    """What happened to a scan."""

    VERDICT = "verdict"
    LATE_VERDICT = "late_verdict"
    REVIEW = "review"


# The kinds of evidence records that are events; the others are nobody else's business.
KIND_OF_RECORD: Final[Mapping[str, EventType]] = MappingProxyType(
    {"scan": EventType.VERDICT, "late_result": EventType.LATE_VERDICT, "review": EventType.REVIEW}
)


class EventBox(BaseModel):
    """One object that alarmed, or that a reviewer says is there."""

    view: str
    xyxy: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1 in pixels of the posted view.")
    label: str
    group: Group
    score: float | None = Field(description="None where a person drew it.")


class Event(BaseModel):
    """One thing that happened to one scan."""

    sequence: int = Field(description="Number of its record in the evidence chain; it only rises.")
    type: EventType
    at: datetime = Field(description="When it happened.")
    scan_id: str
    item_id: str | None
    scanner_id: str | None
    lane: str | None
    received_at: datetime = Field(description="When the scan came.")
    verdict: Verdict = Field(description="As it was answered; of a late_verdict, what was found after the answer.")
    reasons: list[Reason]
    decision: ReviewDecision | None = Field(description="Of a review only.")
    boxes: list[EventBox] = Field(description="What alarmed; of a review, what is there.")
    model: ModelOut


class WebhookBody(BaseModel):
    """What a webhook posts, in the form of Standard Webhooks."""

    type: EventType
    timestamp: datetime = Field(description="When the event happened; the header says when it was sent.")
    data: Event

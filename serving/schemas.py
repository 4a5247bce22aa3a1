"""What goes over the wire, in and out; validated once, here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    field_validator,
    model_validator,
)

from detector.policy import Reason, Verdict
from detector.taxonomy import ATTRIBUTES, LABELS, Group

__all__ = [
    "VIEW_NAME_PATTERN",
    "AlarmRank",
    "AnnotationIn",
    "AnnotationOut",
    "DetectionOut",
    "LateResult",
    "ModelOut",
    "ReviewDecision",
    "ReviewIn",
    "ReviewList",
    "ReviewOut",
    "ScanMetadata",
    "ScanOut",
    "ScanPage",
    "ScanSummary",
    "TimingsOut",
    "ViewOut",
]

VIEW_NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_MAX_TAGS: Final = 32
_MAX_BOXES: Final = 500

# No control characters: these come back in pages, exports and, one day, labels on a printer.
Word = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=r"^[^\x00]*$")]
ViewName = Annotated[str, StringConstraints(pattern=VIEW_NAME_PATTERN)]
Xyxy = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


def _known_label(value: str) -> str:
    if value not in LABELS:
        raise ValueError(f"unknown label; known labels: {', '.join(LABELS)}")
    return value


Label = Annotated[str, AfterValidator(_known_label), Field(json_schema_extra={"enum": list(LABELS)})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _in_utc(value: datetime) -> datetime:
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a moment between the years 1 and 9999 of UTC") from None
    return value


class ScanMetadata(_Strict):
    """What the scanner knows about the parcel."""

    item_id: Word | None = Field(default=None, description="The parcel's own number.", examples=["RR473124829CA"])
    scanner_id: Word | None = Field(default=None, examples=["hub-3-belt-1"])
    scan_number: Word | None = Field(
        default=None,
        description="The scanner's own number of this scan, used once: a post that repeats it gets the first answer.",
        examples=["20261122-004711"],
    )
    lane: Word | None = Field(default=None, examples=["A"])
    views: list[ViewName] | None = Field(default=None, description="Names of the views in the order of the parts.")
    captured_at: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = Field(
        default=None, description="When the scanner took the images, with time zone."
    )
    tags: dict[Word, Word] = Field(default_factory=dict, max_length=_MAX_TAGS, description="Anything else.")


class DetectionOut(BaseModel):
    """One object found."""

    xyxy: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1 in pixels of the posted view.")
    label: str
    group: Group
    score: float
    alarm: bool = Field(description="Whether the score reaches its label's threshold.")


class ViewOut(BaseModel):
    """One image of the scan and what was found in it."""

    name: str
    width: int
    height: int
    sha256: str
    inferred: bool = Field(description="Whether an inference on this view completed in time.")
    detections: list[DetectionOut]


class ModelOut(BaseModel):
    """Which model looked."""

    name: str
    version: str
    sha256: str


class TimingsOut(BaseModel):
    """Milliseconds of each stage; stages overlap, so they need not add up to the total."""

    decode: float = Field(description="Until every view was decoded, or time ran out.")
    queue: float = Field(description="Longest wait of a view for a free session.")
    inference: float = Field(description="Longest inference of a view.")
    store: float = Field(description="Making the images durable, while the model runs.")
    total: float = Field(description="From the request's headers to the record's writing; Server-Timing has the whole.")


class AlarmRank(BaseModel):
    """Place of an alarm among those of its lane in the hour before it."""

    rank: int = Field(description="1 for the highest score.")
    alarms_last_hour: int = Field(description="This one too.")
    allowed: int = Field(description="Alarms an hour that people of this lane can open.")
    within: bool = Field(description="Whether the rank is within what is allowed; the verdict is alarm either way.")


class LateResult(BaseModel):
    """What the model found after the answer had to be given; it never changes the verdict that was answered."""

    verdict: Verdict
    reasons: list[Reason]
    views: list[ViewOut]
    model: ModelOut
    operating_point: str
    thresholds: Mapping[str, float]
    finished_at: datetime


_EXAMPLE_SCAN: Final[dict[str, Any]] = {
    "id": "0199f3a2-7c1e-7b52-9d3a-5f0e8c6b1a24",
    "verdict": "alarm",
    "reasons": ["above_threshold"],
    "views": [
        {
            "name": "top",
            "width": 640,
            "height": 512,
            "sha256": "5d41…",
            "inferred": True,
            "detections": [
                {
                    "xyxy": [212.4, 118.0, 331.9, 207.5],
                    "label": "handgun",
                    "group": "firearm",
                    "score": 0.91,
                    "alarm": True,
                }
            ],
        }
    ],
    "model": {"name": "parcelray-nano", "version": "0.1.0", "sha256": "9b0c…"},
    "operating_point": "balanced",
    "thresholds": {"handgun": 0.4},
    "timings_ms": {"decode": 4.1, "queue": 0.1, "inference": 24.9, "store": 2.2, "total": 33.0},
    "budget_ms": 250,
    "received_at": "2026-11-22T01:15:00.123456Z",
    "item_id": "RR473124829CA",
    "scanner_id": "hub-3-belt-1",
    "lane": "A",
    "captured_at": None,
    "tags": {},
    "late_result": None,
    "review": None,
    "links": {"self": "/v1/scans/0199f3a2-7c1e-7b52-9d3a-5f0e8c6b1a24"},
}


class ReviewDecision(StrEnum):
    """What the last reviewer said about a scan."""

    CONFIRM = "confirm"
    CORRECT = "correct"
    REJECT = "reject"


class ScanOut(BaseModel):
    """The answer to a scan, and the same again when it is read back."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE_SCAN})

    id: str
    verdict: Verdict = Field(description="A person must look at `alarm` and at `refer`.")
    reasons: list[Reason]
    views: list[ViewOut]
    model: ModelOut
    operating_point: str
    thresholds: Mapping[str, float]
    timings_ms: TimingsOut
    budget_ms: int
    received_at: datetime
    item_id: str | None
    scanner_id: str | None
    lane: str | None
    scan_number: str | None = None
    flags: list[str] = Field(default_factory=list, description="What is odd about the metadata: item_id_check_digit.")
    test: bool = Field(
        default=False, description="A scan with known content that the service sent to itself: no parcel, not counted."
    )
    alarm_rank: AlarmRank | None = Field(default=None, description="Only where the lane has an alarm budget.")
    captured_at: datetime | None = None
    tags: dict[str, str]
    late_result: LateResult | None = Field(
        default=None, description="What was found after the budget had run out, once it is known."
    )
    review: ReviewDecision | None = Field(default=None, description="The last reviewer's decision.")
    links: dict[str, str]


class ScanSummary(BaseModel):
    """One line of the list of scans."""

    id: str
    verdict: Verdict
    reasons: list[Reason]
    received_at: datetime
    item_id: str | None
    scanner_id: str | None
    lane: str | None
    views: list[str]
    review: ReviewDecision | None
    links: dict[str, str]


class ScanPage(BaseModel):
    """Scans, newest first, and the cursor of the next page."""

    items: list[ScanSummary]
    next: str | None = Field(description="Give this as `cursor` to read on; null at the end.")


class AnnotationIn(_Strict):
    """One object that the reviewer says is there."""

    view: ViewName | None = Field(default=None, description="Needed when the scan has more than one view.")
    xyxy: Xyxy
    label: Label
    attributes: list[str] = Field(default_factory=list, max_length=len(ATTRIBUTES))

    @field_validator("attributes")
    @classmethod
    def _known_attributes(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - set(ATTRIBUTES)):
            raise ValueError(f"unknown attributes {unknown}; known attributes: {', '.join(ATTRIBUTES)}")
        return sorted(set(value))

    @model_validator(mode="after")
    def _box_has_area(self) -> Self:
        x0, y0, x1, y1 = self.xyxy
        if not (x0 < x1 and y0 < y1):
            raise ValueError("expected x0 < x1 and y0 < y1")
        return self


class ReviewIn(_Strict):
    """A reviewer's decision about a scan."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "decision": "correct",
                "reviewer": "M. Tremblay",
                "note": "a barrel, not a pen",
                "annotations": [{"view": "top", "xyxy": [10, 20, 90, 44], "label": "barrel", "attributes": []}],
            }
        }
    )

    decision: ReviewDecision = Field(
        description="confirm: what alarmed is there and nothing else; correct: `annotations` are there and nothing "
        "else; reject: nothing is there."
    )
    reviewer: Word
    note: Note = ""
    annotations: list[AnnotationIn] = Field(default_factory=list, max_length=_MAX_BOXES)

    @model_validator(mode="after")
    def _boxes_only_with_correct(self) -> Self:
        if self.annotations and self.decision != ReviewDecision.CORRECT:
            raise ValueError(f"{self.decision} takes no annotations; use the decision correct to change boxes")
        if not self.annotations and self.decision == ReviewDecision.CORRECT:
            raise ValueError("correct needs annotations; use the decision reject when nothing is there")
        return self


class AnnotationOut(BaseModel):
    """One object that a person says is there."""

    view: str
    xyxy: tuple[float, float, float, float]
    label: str
    group: Group
    attributes: list[str]


class ReviewOut(BaseModel):
    """A stored review; it is never changed, only followed by another."""

    id: str
    scan_id: str
    created_at: datetime
    decision: ReviewDecision
    reviewer: str
    note: str
    annotations: list[AnnotationOut]


class ReviewList(BaseModel):
    """All reviews of one scan, oldest first; the last one counts."""

    items: list[ReviewOut]

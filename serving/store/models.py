"""Tables of the store, written so that SQLite and PostgreSQL hold the same things."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

__all__ = [
    "AccessKey",
    "Base",
    "Detection",
    "ErasedImage",
    "Evidence",
    "EvidenceHead",
    "Review",
    "Scan",
    "SignIn",
    "UtcDateTime",
    "View",
    "WebhookDelivery",
    "WebhookEndpoint",
]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets time zones, so they are put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment in UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment with its time zone."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Root of the tables."""

    # Named constraints, so that a later migration can find them in every database.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(),
    }


class Scan(Base):
    """One parcel's pass through a scanner, and what was answered."""

    __tablename__ = "scans"
    __table_args__ = (Index("ix_scans_verdict_id", "verdict", "id"), Index("ix_scans_late", "late_state", "id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    captured_at: Mapped[datetime | None]
    item_id: Mapped[str | None] = mapped_column(String(128), index=True)
    scanner_id: Mapped[str | None] = mapped_column(String(128), index=True)
    lane: Mapped[str | None] = mapped_column(String(128))
    tags: Mapped[dict[str, Any]]
    verdict: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[list[str]]
    # The answer exactly as it was sent; replays and proofs need its very bytes.
    answer: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    # Blinds the hashes of answer and metadata in the evidence chain, so that erasing the row erases what they prove.
    salt: Mapped[str] = mapped_column(String(64))
    late_state: Mapped[str] = mapped_column(String(16), default="none")
    late_attempts: Mapped[int] = mapped_column(Integer, default=0)
    late_result: Mapped[dict[str, Any] | None]
    review_state: Mapped[str] = mapped_column(String(16), default="none", index=True)
    # A scan with known content that the service sent to itself: no parcel.
    test: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    views: Mapped[list[View]] = relationship(order_by="View.position", lazy="selectin")


class View(Base):
    """One image of a scan; the bytes lie in the image folder under their hash."""

    __tablename__ = "views"
    __table_args__ = (UniqueConstraint("scan_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scan_id: Mapped[str] = mapped_column(ForeignKey("scans.id"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media_type: Mapped[str] = mapped_column(String(32))
    size_bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    detections: Mapped[list[Detection]] = relationship(order_by="Detection.id", lazy="selectin")


class Detection(Base):
    """One box of the model, in pixels of the posted view."""

    __tablename__ = "detections"

    id: Mapped[int] = mapped_column(primary_key=True)
    view_id: Mapped[int] = mapped_column(ForeignKey("views.id"), index=True)
    x0: Mapped[float] = mapped_column(Float(53))
    y0: Mapped[float] = mapped_column(Float(53))
    x1: Mapped[float] = mapped_column(Float(53))
    y1: Mapped[float] = mapped_column(Float(53))
    label: Mapped[str] = mapped_column(String(32), index=True)
    score: Mapped[float] = mapped_column(Float(53))
    late: Mapped[bool]


class Review(Base):
    """What one person decided about a scan; never changed, only followed by another."""

    __tablename__ = "reviews"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    scan_id: Mapped[str] = mapped_column(ForeignKey("scans.id"), index=True)
    created_at: Mapped[datetime]
    decision: Mapped[str] = mapped_column(String(16))
    reviewer: Mapped[str] = mapped_column(String(128))
    note: Mapped[str] = mapped_column(Text)
    # A JSON list in canonical form: the evidence chain holds the hash of this text.
    annotations: Mapped[str] = mapped_column(Text)


class Evidence(Base):
    """One link of the hash chain."""

    __tablename__ = "evidence"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scan_id: Mapped[str] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class EvidenceHead(Base):
    """The one row that names the last link; locking it makes writers take turns."""

    __tablename__ = "evidence_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class ErasedImage(Base):
    """An image whose scan was erased: to be removed, or removed a short while ago.

    Whoever stores a scan with the same image meanwhile finds this row, and writes the image again.
    """

    __tablename__ = "erased_images"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    erased_at: Mapped[datetime]
    removed: Mapped[bool]


class AccessKey(Base):
    """An API key: never its text, only the hash of its secret."""

    __tablename__ = "access_keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    requests_per_minute: Mapped[int | None]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignIn(Base):
    """A person's session at the desk, begun with a key."""

    __tablename__ = "sign_ins"

    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("access_keys.id"), index=True)
    expires_at: Mapped[datetime]


class WebhookEndpoint(Base):
    """A receiver of events."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    # As it is: signing needs the secret itself, a hash would not do.
    secret: Mapped[str] = mapped_column(String(128))
    events: Mapped[list[str]]
    scanners: Mapped[list[str]]  # empty: all
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event that a receiver has not got yet; its body is made of the rows that the evidence record speaks about."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_due", "endpoint_id", "state", "next_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    seq: Mapped[int]
    scan_id: Mapped[str] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(8), default="pending")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(String(300))

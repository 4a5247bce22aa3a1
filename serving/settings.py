"""Every setting of the service in one typed class: arguments, or environment variables that start with PARCELRAY_."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, IPvAnyNetwork, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from detector.images import ImageLimits
from serving.errors import BadSettingsError

__all__ = ["MAX_BUDGET_MS", "MIN_BUDGET_MS", "Settings", "settings_from"]

MIN_BUDGET_MS: Final = 1
MAX_BUDGET_MS: Final = 60_000
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1", "[::1]")
_MIB: Final = 1024 * 1024


class Settings(BaseSettings):
    """Settings of one service; pass it on, never import an instance."""

    model_config = SettingsConfigDict(env_prefix="PARCELRAY_", frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; the default is reachable from this machine only."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names that requests may name, with commas between them. "
        "Empty: loopback names when bound to loopback, else any.",
    )
    requests_per_minute: int = Field(
        default=6000, ge=1, description="Requests that a key may make a minute, unless it was made with its own limit."
    )
    session_hours: int = Field(
        default=12, ge=1, le=720, description="Hours after which people at the desk sign in again."
    )
    otlp_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Collector of OpenTelemetry traces, OTLP over HTTP, such as http://collector:4318 (needs the otel "
        "extra); none by default. OTEL_TRACES_SAMPLER and the like are read too.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="text: log lines for people; json: one object a line, with the request's id."
    )
    data_dir: Path = Field(
        default=Path("parcelray-data"), description="Folder of the embedded store: database and images."
    )
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL; the default is SQLite in the data folder."
    )
    migrate_on_start: bool = Field(
        default=True,
        description="Bring the database's schema up to date on start; if not, `parcelray db upgrade` has to.",
    )
    images_url: str | None = Field(
        default=None,
        description="Where images are kept, as fsspec names it, such as s3://bucket/folder; keys and endpoint come "
        "from the AWS_ variables. The default is a folder in the data folder.",
    )
    retain_clear_days: float | None = Field(
        default=None, gt=0, description="Days after which scans without any finding are erased; never by default."
    )
    retain_alarm_days: float | None = Field(
        default=None, gt=0, description="Days after which all other scans are erased; never by default."
    )
    retention_every_s: float = Field(
        default=3600.0, gt=0, description="Time between two looks for scans that have been kept long enough."
    )
    model_file: Path | None = Field(
        default=None,
        description="ONNX model with its card, or the name of one that ships: parcelray-nano-int8, the default, "
        "or parcelray-nano in float32.",
    )
    models_dir: Path | None = Field(
        default=None, description="Folder of models that POST /v1/model may serve; the default is in the data folder."
    )
    operating_point: str | None = Field(
        default=None, description="Named thresholds of the card; the default is the card's own."
    )
    scanners_file: Path | None = Field(
        default=None, description="TOML file with operating point, budget and alarms an hour of single scanners."
    )
    alarms_per_hour: int | None = Field(
        default=None, ge=1, description="Alarms an hour that people of a lane can open; more are ranked, never dropped."
    )
    quality_checks: bool = Field(
        default=True, description="Refer views that are blank, saturated, blurred or inverted, whatever the model says."
    )
    monitor_every_s: float | None = Field(
        default=None,
        ge=1,
        description="Time between two runs of the test scans, scans with known content that the service sends to "
        "itself; never by default.",
    )
    monitor_dir: Path | None = Field(
        default=None,
        description="Folder of test scans, made by `parcelray monitor pick`; the default is those that the shipped "
        "model was chosen for.",
    )
    monitor_band: float = Field(
        default=0.05, gt=0, le=1, description="Change of a test scan's score that counts as drift."
    )
    invalid_item_ids: Literal["flag", "refuse"] = Field(
        default="flag", description="What becomes of a scan whose item id fails the check digit of UPU S10."
    )
    min_score: float = Field(
        default=0.05, ge=0, le=1, description="Detections below this score are not kept (never thresholds)."
    )
    sessions: int = Field(default=1, ge=1, le=256, description="Inferences that may run at the same time.")
    queue_limit: int = Field(
        default=32,
        ge=0,
        description="Scans that may wait beside the running ones, and as many to be finished late; more get 503.",
    )
    budget_ms: int = Field(
        default=250,
        ge=MIN_BUDGET_MS,
        le=MAX_BUDGET_MS,
        description="Time to answer in when a request has no X-Budget-Ms.",
    )
    answer_reserve_ms: int = Field(
        default=25,
        ge=0,
        description="Part of the budget kept for storing and sending the answer; more where the disk turns out slower.",
    )
    max_body_bytes: int = Field(
        default=64 * _MIB, ge=1, description="Largest body of a posted scan, all views together."
    )
    max_json_bytes: int = Field(default=1 * _MIB, ge=1, description="Largest JSON body or metadata part.")
    max_views: int = Field(default=8, ge=1, le=64, description="Views that one scan may have.")
    max_view_pixels: int = Field(
        default=16_000_000,
        ge=1,
        le=ImageLimits().max_pixels,
        description="Largest picture of one view; decoding so many pixels takes up to a second in the worst format. "
        "A pixel of over four bytes, as in 16-bit colour, counts as more.",
    )
    max_requests: int = Field(
        default=128, ge=1, description="Posted scans that may be open at the same time, arriving ones too."
    )
    max_open_bytes: int = Field(default=512 * _MIB, ge=1, description="Bodies that may be in memory at the same time.")
    max_open_pixels: int = Field(
        default=400_000_000, ge=1, description="Decoded pixels that may be in memory at the same time."
    )
    receive_timeout_s: float = Field(
        default=30.0,
        gt=0,
        description="Time for a client to send the head of a request, and again for its body, and to take an answer.",
    )
    stall_s: float = Field(
        default=30.0,
        gt=0,
        description="An inference that runs longer makes the service unready; in shadow, it ends the candidate.",
    )
    late_attempts: int = Field(
        default=3, ge=1, description="Tries at work left over from an exceeded budget before giving up."
    )
    min_free_bytes: int = Field(
        default=256 * _MIB, ge=0, description="Free disk space below which the service is not ready."
    )
    webhook_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        default=(),
        description="Networks that webhooks may go to besides public addresses, with commas between them, "
        "such as 10.20.0.0/16.",
    )
    webhook_attempts: int = Field(
        default=12,
        ge=1,
        le=100,
        description="Tries to deliver a webhook, over about a day, before it is a dead letter.",
    )
    webhook_first_wait_s: float = Field(
        default=5.0, gt=0, description="Time before the second try of a webhook; each further one is three times that."
    )
    webhook_timeout_s: float = Field(
        default=10.0, gt=0, le=60, description="Time for the receiver of a webhook to answer."
    )
    webhook_dead_days: float = Field(default=30.0, gt=0, description="Days after which dead letters are forgotten.")
    event_streams: int = Field(default=64, ge=0, description="Readers that GET /v1/events may have at the same time.")
    event_heartbeat_s: float = Field(
        default=15.0, gt=0, description="Time without an event after which a stream of events shows that it lives."
    )
    warm_up: bool = Field(default=True, description="Run the model once before the first request is taken.")

    @field_validator("allowed_hosts", "webhook_networks", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [name.strip().lower() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                make_url(value)
        except ArgumentError as error:
            raise ValueError("expected a SQLAlchemy URL, such as postgresql+psycopg://user@host/name") from error
        return value

    @property
    def database(self) -> str:
        """The database URL, SQLite in the data folder unless another was given."""
        return self.database_url or f"sqlite:///{self.data_dir / 'parcelray.sqlite'}"

    @property
    def models(self) -> Path:
        """The folder of models to choose from."""
        return self.models_dir or self.data_dir / "models"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that are answered; empty means any."""
        # Without this a web page could reach a loopback service under its own name (DNS rebinding).
        return self.allowed_hosts or (_LOOPBACK if self.on_loopback else ())

    @property
    def on_loopback(self) -> bool:
        """Whether the service is reachable from this machine only."""
        return self.host in _LOOPBACK


def settings_from(given: Mapping[str, object]) -> Settings:
    """Return settings from arguments; those that are None come from the environment or are defaults.

    Raises:
        BadSettingsError: a value makes no sense; the message says which.
    """
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BadSettingsError(f"settings: {lines}") from None

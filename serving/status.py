"""Which model serves, and whether it does."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from detector import __version__
from serving.access.gate import ANY_KEY, PUBLIC, GuardedRoute, allow
from serving.access.keys import Scope
from serving.answers import model_out
from serving.dependencies import ServicesDep
from serving.schemas import ModelOut
from serving.services import Services

__all__ = ["Alive", "ModelInfo", "Ready", "SwapIn", "checks_of", "router", "warnings_of"]

router = APIRouter(tags=["status"], route_class=GuardedRoute)
_SELF_TEST_S: Final = 1.0


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"
    software: str = f"parcelray {__version__}"


class Ready(BaseModel):
    """Whether scans can be answered and kept, check by check."""

    ready: bool
    checks: dict[str, str] = Field(description="ok, or what is wrong.")
    warnings: dict[str, str] = Field(description="What a person should see to, though scans are answered and kept.")
    waiting_views: int


class ModelInfo(ModelOut):
    """The serving model and its card."""

    operating_point: str
    thresholds: dict[str, float]
    card: dict[str, Any]
    software: str = f"parcelray {__version__}"


class SwapIn(BaseModel):
    """Which model to serve."""

    model_config = ConfigDict(extra="forbid")

    # A name, never a path: nothing outside the folder can be asked for.
    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.onnx$")]


@router.get("/healthz", summary="Is the process alive?")
@allow(PUBLIC)
async def healthz() -> Alive:
    """Answer while the process lives, whatever else is wrong."""
    return Alive()


@router.get("/readyz", summary="Can scans be answered and kept?", responses={503: {"model": Ready}})
@allow(PUBLIC)
async def readyz(services: ServicesDep, response: Response) -> Ready:
    """Answer 503 while the model fails, hangs or misses what test scans hold, or the store cannot be written."""
    checks = await checks_of(services)
    ready = all(text == "ok" for text in checks.values())
    response.status_code = 200 if ready else 503
    return Ready(ready=ready, checks=checks, warnings=warnings_of(services), waiting_views=services.pool.waiting)


@router.get("/v1/model", summary="Which model looks?")
@allow(ANY_KEY)
async def get_model(services: ServicesDep) -> ModelInfo:
    """Return the serving model's identity, thresholds and card."""
    detector, point = services.detector, services.settings.operating_point
    return ModelInfo(
        name=detector.card.name,
        version=detector.card.version,
        sha256=detector.model_sha256,
        operating_point=point or detector.card.operating_point,
        thresholds=dict(detector.thresholds(point)),
        card=json.loads(detector.card.to_json()),
    )


@router.get("/metrics", response_class=Response, summary="Metrics for Prometheus")
@allow(ANY_KEY)
async def metrics(services: ServicesDep) -> Response:
    """Return all metrics in Prometheus' text format."""
    return Response(generate_latest(services.telemetry.registry), media_type=CONTENT_TYPE_LATEST)


@router.post("/v1/model", summary="Serve another model")
@allow(Scope.ADMIN)
async def post_model(swap: SwapIn, services: ServicesDep) -> ModelOut:
    """Load, check and warm up a file of the models folder, then serve it; no scan is lost."""
    return model_out(await services.swap.swap(swap.file))


@router.post("/v1/model/rollback", summary="Serve the model before this one again")
@allow(Scope.ADMIN)
async def post_rollback(services: ServicesDep) -> ModelOut:
    """Return to the model before, which is still in memory."""
    return model_out(await services.swap.roll_back())


async def checks_of(services: Services) -> dict[str, str]:
    """Return what was checked and ok, or what is wrong."""
    checks = {"model": await _model_check(services), "store": await services.store_check.ask()}
    run = services.monitor.last
    if run is not None and (run.ok or not run.trusted):
        checks["test scans"] = run.detail
    return checks


def warnings_of(services: Services) -> dict[str, str]:
    """Return what is odd, though scans can be answered and kept."""
    run = services.monitor.last
    return {} if run is None or run.ok or not run.trusted else {"test scans": run.detail}


async def _model_check(services: Services) -> str:
    pool = services.pool
    if pool.last_error is not None:
        # No scan comes while the service is not ready: it has to find out by itself that the model is well again.
        await pool.self_test(_SELF_TEST_S)
    if pool.last_error is not None:
        return f"the last inference failed: {pool.last_error}"
    if pool.oldest_running_s > services.settings.stall_s:
        return f"an inference has been running for {pool.oldest_running_s:.0f} s"
    return "ok"

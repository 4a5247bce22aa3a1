"""A candidate in shadow: start it, read where it differs, serve it or stop it."""

from __future__ import annotations

from fastapi import APIRouter

from serving.access.gate import GuardedRoute, allow
from serving.access.keys import Scope
from serving.answers import model_out
from serving.dependencies import ServicesDep
from serving.schemas import ModelOut
from serving.shadow.runner import ShadowReport
from serving.status import SwapIn

__all__ = ["router"]

router = APIRouter(prefix="/v1/model/shadow", tags=["status"], route_class=GuardedRoute)


@router.post("", status_code=201, summary="Run a candidate beside the serving model")
@allow(Scope.ADMIN)
async def post_shadow(candidate: SwapIn, services: ServicesDep) -> ShadowReport:
    """Load and check a file of the models folder; then it sees answered scans when nothing else is to be done."""
    return await services.shadow.start(candidate.file)


@router.get("", summary="Where does the candidate differ?")
@allow(Scope.REVIEWER, Scope.TRAINER)
async def get_shadow(services: ServicesDep) -> ShadowReport:
    """Return the report of the candidate that runs, or ran last."""
    return services.shadow.report()


@router.delete("", summary="Stop the candidate")
@allow(Scope.ADMIN)
async def delete_shadow(services: ServicesDep) -> ShadowReport:
    """End it and return its report."""
    return await services.shadow.stop()


@router.post("/promote", summary="Serve the candidate")
@allow(Scope.ADMIN)
async def post_promote(services: ServicesDep) -> ModelOut:
    """Load, check and warm up the file that was compared, then serve it; no scan is lost."""
    return model_out(await services.shadow.promote())

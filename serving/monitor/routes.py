"""Test scans: what the last run said, and a run by hand."""

from __future__ import annotations

from fastapi import APIRouter

from serving.access.gate import ANY_KEY, GuardedRoute, allow
from serving.access.keys import Scope
from serving.dependencies import ServicesDep
from serving.errors import BadSettingsError, InvalidContentError, NotFoundError
from serving.monitor.report import MonitorReport

__all__ = ["router"]

router = APIRouter(prefix="/v1/monitor", tags=["status"], route_class=GuardedRoute)


@router.get("", summary="Does the service still find what is known to be there?")
@allow(ANY_KEY)
async def get_monitor(services: ServicesDep) -> MonitorReport:
    """Return the last run of the test scans."""
    if services.monitor.last is None:
        raise NotFoundError("no test scans were run since the start; run them: POST /v1/monitor/run")
    return services.monitor.last


@router.post("/run", summary="Run the test scans now")
@allow(Scope.ADMIN)
async def post_run(services: ServicesDep) -> MonitorReport:
    """Send every test scan through the whole path once; they are marked in the store and count as no parcels."""
    try:
        return await services.monitor.run()
    except BadSettingsError as error:
        raise InvalidContentError(str(error)) from error

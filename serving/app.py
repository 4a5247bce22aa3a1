"""The HTTP application: settings and a detector in, an ASGI app out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from detector import __version__
from serving import export, problems, reviews, scans, status, threat_reports
from serving.access import pages as sign_in
from serving.events import stream
from serving.events.schema import Event
from serving.inference import ScanDetector
from serving.middleware import Guard
from serving.monitor import routes as monitor
from serving.review import pages
from serving.services import open_services
from serving.settings import Settings
from serving.shadow import routes as shadow
from serving.webhooks import routes as webhooks

__all__ = ["create_app"]

_DESCRIPTION = "Finds firearms, their parts and ammunition in X-ray images of parcels, and answers within a budget."


def create_app(settings: Settings, detector: ScanDetector) -> FastAPI:
    """Return the application; its lifespan opens and closes the store and the inference pool."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, detector) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="ParcelRay",
        description=_DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # their scripts come from other sites
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.PROBLEM_RESPONSES,
    )
    problems.install(app)
    app.add_middleware(Guard, settings=settings)
    for router in (
        scans.router,
        threat_reports.router,
        reviews.router,
        export.router,
        stream.router,
        webhooks.router,
        status.router,
        shadow.router,
        monitor.router,
        sign_in.router,
    ):
        app.include_router(router)
    pages.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        # Bodies that are read by hand, and errors, are not seen by FastAPI.
        for model in (problems.Problem, *scans.EXTRA_SCHEMAS, Event):
            schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        app.openapi_schema = document
    return app.openapi_schema

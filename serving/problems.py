"""One body for every error: problem details after RFC 9457, whoever raised it."""

from __future__ import annotations

import http
import logging
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from serving.errors import BodyTooLargeError, NotSignedInError, ServiceError, StoreUnavailableError

__all__ = ["MEDIA_TYPE", "PROBLEM_RESPONSES", "Problem", "broken_rules", "install", "problem_response"]

MEDIA_TYPE: Final = "application/problem+json"
_SHOWN: Final = 80
_DISK_FULL: Final = "53100"  # in PostgreSQL
_log = logging.getLogger("parcelray.serving")


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:parcelray:problem:unreadable-view",
                "title": "A view of the scan cannot be read",
                "status": 422,
                "detail": "view 'top': the PNG file is truncated; send the whole file",
                "instance": "/v1/scans",
                "view": "top",
            }
        }
    )

    type: str = Field(description="Names the kind of problem; compare this, not the title.")
    title: str
    status: int
    detail: str = Field(description="What happened this time, and the next step.")
    instance: str = Field(description="The path that was asked for.")
    view: str | None = Field(default=None, description="The view of the scan that is meant, where one is.")


# FastAPI documents its own error shape unless each route says otherwise.
PROBLEM_RESPONSES: Final[dict[int | str, dict[str, object]]] = {
    code: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for code, text in (("4XX", "The request was refused"), ("5XX", "The service could not do it"))
}
PROBLEM_RESPONSES[422] = {**PROBLEM_RESPONSES["4XX"], "description": "The content breaks a rule"}


def problem_response(error: ServiceError, path: str) -> JSONResponse:
    """Return the HTTP answer for an error."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if error.status == NotSignedInError.status:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(error.status, error.slug, error.title, error.detail, path, view=error.view, headers=headers)


def _answer(
    status: int,
    slug: str,
    title: str,
    detail: str,
    path: str,
    *,
    view: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:parcelray:problem:{slug}", title=title, status=status, detail=detail, instance=path, view=view
    )
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE)


def broken_rules(errors: Sequence[Any]) -> str:
    """Return what pydantic found wrong, at most five lines; names that came with the request are cut short."""
    lines = (f"{'.'.join(str(part)[:_SHOWN] for part in item['loc'])}: {item['msg']}"[:300] for item in errors[:5])
    return "; ".join(lines)


async def _service_error(request: Request, error: ServiceError) -> JSONResponse:
    return problem_response(error, request.url.path)


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    if error.status_code == BodyTooLargeError.status:
        return problem_response(BodyTooLargeError(str(error.detail)), request.url.path)
    phrase = http.HTTPStatus(error.status_code).phrase
    slug = phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    return _answer(error.status_code, slug, phrase, str(error.detail or phrase), request.url.path, headers=headers)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    return _answer(422, "invalid-content", "The content breaks a rule", broken_rules(error.errors()), request.url.path)


async def _store_error(request: Request, error: Exception) -> JSONResponse:
    _log.error("store failed: %s", type(error).__name__)
    cause = getattr(error, "orig", None)
    full = getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(cause, "sqlstate", "") == _DISK_FULL
    said = (
        "the database's disk is full; free space, then send again"
        if full
        else "the database does not answer; try again"
    )
    answer = StoreUnavailableError(said, retry_after_s=5 if full else 2)
    return problem_response(answer, request.url.path)


def install(app: FastAPI) -> None:
    """Give every error that a route of `app` raises the same shape; `serving.middleware` sees to the rest."""
    app.exception_handler(ServiceError)(_service_error)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(SQLAlchemyError)(_store_error)

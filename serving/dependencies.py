"""What routes ask for, by type.

All of it is `async`, although little of it waits: FastAPI runs plain functions in threads, one after the other.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, cast

from fastapi import Depends, Header, Path, Request

from serving.errors import BadRequestError, NotFoundError
from serving.services import Services
from serving.settings import MAX_BUDGET_MS, MIN_BUDGET_MS, Settings
from serving.store.models import Scan

__all__ = ["NO_NUL", "BudgetMs", "IdempotencyKey", "ServicesDep", "SettingsDep", "StoredScan"]


async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


# PostgreSQL takes no NUL in a text, and would answer with an error of its own.
NO_NUL: Final = r"^[^\x00]*$"

ServicesDep = Annotated[Services, Depends(_services)]


async def _settings(services: ServicesDep) -> Settings:
    return services.settings


SettingsDep = Annotated[Settings, Depends(_settings)]


async def _budget_ms(
    x_budget_ms: Annotated[
        str | None,
        Header(description=f"Time to answer in, {MIN_BUDGET_MS} to {MAX_BUDGET_MS} ms; past it the verdict is refer."),
    ] = None,
) -> int | None:
    if x_budget_ms is None:
        return None
    if not (x_budget_ms.isascii() and x_budget_ms.isdecimal() and len(x_budget_ms) <= 6):
        raise BadRequestError(f"X-Budget-Ms: expected whole milliseconds, got {x_budget_ms[:20]!r}")
    budget_ms = int(x_budget_ms)
    if not MIN_BUDGET_MS <= budget_ms <= MAX_BUDGET_MS:
        raise BadRequestError(f"X-Budget-Ms: expected {MIN_BUDGET_MS} to {MAX_BUDGET_MS}, got {budget_ms}")
    return budget_ms


BudgetMs = Annotated[int | None, Depends(_budget_ms)]


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None, Header(description="1 to 255 visible ASCII characters; a repeated post gets the first answer.")
    ] = None,
) -> str | None:
    key = idempotency_key
    if key is not None and not (1 <= len(key) <= 255 and all("!" <= letter <= "~" for letter in key)):
        raise BadRequestError("Idempotency-Key: expected 1 to 255 visible ASCII characters without spaces")
    return key


IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]


async def _stored_scan(services: ServicesDep, scan_id: Annotated[str, Path(max_length=64, pattern=NO_NUL)]) -> Scan:
    scan = await asyncio.to_thread(services.store.get, scan_id)
    if scan is None:
        raise NotFoundError(f"there is no scan {scan_id!r}; GET /v1/scans lists them")
    return scan


StoredScan = Annotated[Scan, Depends(_stored_scan)]

"""A client of the service: posts scans so that none is lost and none is stored twice.

    with Client("http://127.0.0.1:8000") as client:
        scan = client.screen({"top": Path("top.png").read_bytes()}, item_id="RR473124829CA", budget_ms=250)

Every post has an idempotency key, so it is repeated without a thought when the connection breaks or the service says
503; between the tries it waits as long as `Retry-After` says, or longer each time.

    for event in client.events(after=last_seen):    # verdicts as they come, none lost and none twice
        last_seen = event.sequence

ParcelRayError
└── ClientError
    ├── BadSignatureError  a webhook that is not from the service, or too old
    ├── RefusedError       the service said no; the same request would be refused again
    └── UnreachableError   no answer after every try; the scan may or may not have been stored, so use its key again
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from email.message import Message
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from httpx_sse import SSEError, connect_sse
from pydantic import BaseModel, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from detector import __version__
from detector.errors import ParcelRayError
from serving.events.schema import Event, EventType, WebhookBody
from serving.retry_after import retry_after_s
from serving.schemas import ScanMetadata, ScanOut, ScanPage, ScanSummary

__all__ = ["BadSignatureError", "Client", "ClientError", "RefusedError", "UnreachableError", "verify_webhook"]

# Someone in front of the service may answer the last two in its place.
_BUSY: Final = (429, 503, 502, 504)
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 30.0
_STRANGER: Final = "{} answers, but not as this service does; is the address right?"
_T = TypeVar("_T", bound=BaseModel)


class ClientError(ParcelRayError):
    """A request that brought no result."""


class BadSignatureError(ClientError):
    """A webhook that the service did not sign with this secret, or more than five minutes ago."""


class RefusedError(ClientError):
    """The service refused the request.

    Attributes:
        status: the HTTP status.
        problem: the body (RFC 9457), or empty where something else than the service answered.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        super().__init__(f"{status}: {problem.get('detail') or problem.get('title') or 'refused without a word'}")


class UnreachableError(ClientError):
    """There was no answer, however often it was tried."""


class Client:
    """Use it as a context manager, or call `close`; from several threads if you like.

    Args:
        url: where the service is, such as `http://127.0.0.1:8000`.
        key: an API key, where the service asks for one.
        attempts: how often to try one request before giving up.
        timeout_s: how long to wait for the connection, and for each piece of an answer.
        sleep: waits so many seconds; another one may stop the waiting early.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        attempts: int = 8,
        timeout_s: float = 90.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if attempts < 1:
            raise ValueError(f"expected at least one attempt, got {attempts}")
        headers = {"User-Agent": f"parcelray/{__version__}"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)
        self._attempts = attempts
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def screen(
        self,
        views: Mapping[str, bytes],
        *,
        item_id: str | None = None,
        scanner_id: str | None = None,
        lane: str | None = None,
        captured_at: datetime | None = None,
        tags: Mapping[str, str] | None = None,
        budget_ms: int | None = None,
        idempotency_key: str | None = None,
    ) -> ScanOut:
        """Post one parcel's scan, view name -> image file, and return the answer.

        Give a key of your own, such as the scanner's number of the scan, to be safe across restarts of your program.

        Raises:
            RefusedError: an image or a value that the service does not take.
            UnreachableError: no answer.
            ValueError: metadata that break a rule.
        """
        metadata = ScanMetadata(
            item_id=item_id,
            scanner_id=scanner_id,
            lane=lane,
            captured_at=captured_at,
            tags=dict(tags or {}),
            views=list(views),
        )
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        if budget_ms is not None:
            headers["X-Budget-Ms"] = str(budget_ms)
        parts: list[tuple[str, tuple[str | None, bytes, str]]] = [
            ("metadata", (None, metadata.model_dump_json(exclude_defaults=True).encode(), "application/json"))
        ]
        parts += [(name, (name, data, "application/octet-stream")) for name, data in views.items()]
        answer = self._ask("POST", "/v1/scans", headers=headers, files=parts)
        return _parsed(ScanOut, answer)

    def get(self, scan_id: str) -> ScanOut:
        """Return a scan as it was answered, with its late result and review.

        Raises:
            ClientError: as `screen`.
        """
        return _parsed(ScanOut, self._ask("GET", f"/v1/scans/{scan_id}"))

    def find(self, **filters: str | bool) -> Iterator[ScanSummary]:
        """Yield scans, newest first; filters are those of `GET /v1/scans`, such as `verdict="alarm"`.

        Raises:
            ClientError: as `screen`.
        """
        cursor: str | None = None
        while True:
            params: dict[str, str | bool] = {**filters, **({"cursor": cursor} if cursor else {})}
            page = _parsed(ScanPage, self._ask("GET", "/v1/scans", params=params))
            yield from page.items
            if (cursor := page.next) is None:
                return

    def events(
        self,
        *,
        after: int | None = None,
        types: Collection[EventType] = (),
        scanner_id: str | None = None,
        lane: str | None = None,
    ) -> Iterator[Event]:
        """Yield events as they come, without end; a broken connection is made again where it stood.

        Args:
            after: `sequence` of the last event that you have; 0 for all, None for those from now on.
            types: none for all.
            scanner_id: of this scanner only.
            lane: of this lane only.

        Raises:
            RefusedError: the key is not for this, or the sequence is another store's.
            UnreachableError: no stream after so many tries in a row.
        """
        params = {"type": sorted(types), "scanner_id": scanner_id, "lane": lane}
        params = {name: value for name, value in params.items() if value}
        place, failed = after, 0
        while True:
            headers = {} if place is None else {"Last-Event-ID": str(place)}
            wait_s = 0.0
            try:
                with connect_sse(self._http, "GET", "/v1/events", params=params, headers=headers) as source:
                    if not source.response.is_success:
                        source.response.read()
                    refusal = _refusal(source.response)
                    trouble, wait_s = refusal or ("the stream ended", 0.0)
                    for message in () if refusal else source.iter_sse():
                        failed = 0
                        place = int(message.id) if message.id.isdecimal() else place
                        if message.event in set(EventType):
                            yield Event.model_validate_json(message.data)
            except httpx.TransportError as error:
                trouble = _named(error)
            except (SSEError, ValidationError) as error:
                raise ClientError(_STRANGER.format(self._http.base_url)) from error
            failed += 1
            if failed >= self._attempts:
                raise UnreachableError(f"no events from {self._http.base_url} after {failed} tries ({trouble})")
            self._sleep(max(_wait_s(failed), wait_s))

    def threat_report(self, scan_id: str) -> bytes:
        """Return the answer as a DICOS Threat Detection Report.

        Raises:
            ClientError: as `screen`.
        """
        return self._ask("GET", f"/v1/scans/{scan_id}/tdr").content

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send JSON, or nothing, to any other address of the service, and return the JSON that it answers.

        Raises:
            ClientError: as `screen`.
        """
        answer = self._ask(method, path, json=body) if body is not None else self._ask(method, path)
        try:
            return dict(answer.json())
        except (ValueError, TypeError) as error:
            raise ClientError(f"{answer.request.url} answers, but not as this service does") from error

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        for attempt in range(1, self._attempts + 1):
            asked_s = 0.0
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                trouble = _named(error)
            else:
                refusal = _refusal(answer)
                if refusal is None:
                    return answer
                trouble, asked_s = refusal
            if attempt < self._attempts:
                self._sleep(max(_wait_s(attempt), asked_s))
        raise UnreachableError(f"no answer from {self._http.base_url} after {self._attempts} tries ({trouble})")


def verify_webhook(body: bytes, headers: Mapping[str, str], secret: str) -> Event:
    """Return the event of a webhook that the service sent; give the body as it came, byte for byte.

    An event may come twice, under the same `webhook-id`.

    Args:
        body: the body of the request.
        headers: its headers, in any case.
        secret: `whsec_...`, as `parcelray webhooks add` printed it.

    Raises:
        BadSignatureError: not signed with this secret, or more than five minutes ago: answer 4xx.
    """
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
        return WebhookBody.model_validate_json(body).data
    except (WebhookVerificationError, ValueError) as error:  # a header may hold anything
        raise BadSignatureError(f"not a webhook of this service: {error}") from error


def _wait_s(attempt: int) -> float:
    return min(_FIRST_WAIT_S * 2.0 ** (attempt - 1), _LONGEST_WAIT_S) * random.uniform(0.5, 1.0)  # noqa: S311


def _refusal(answer: httpx.Response) -> tuple[str, float] | None:
    """Return what is amiss for now and the seconds to wait; None when all is well.

    Raises:
        RefusedError: to ask again would not help.
    """
    if answer.is_success:
        return None
    if answer.status_code not in _BUSY:
        raise RefusedError(answer.status_code, _problem(answer))
    trouble = f"{answer.status_code}: {_problem(answer).get('detail', 'busy')}"
    return trouble, min(retry_after_s(answer), _LONGEST_WAIT_S)


def _named(error: httpx.TransportError) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _problem(answer: httpx.Response) -> dict[str, Any]:
    kind = Message()
    kind["content-type"] = answer.headers.get("content-type", "")
    if kind.get_content_type() != "application/problem+json":
        return {}
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _parsed(model: type[_T], answer: httpx.Response) -> _T:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise ClientError(_STRANGER.format(answer.request.url)) from error

"""One try to deliver a webhook: signed, to a checked address, within a time limit, with little read of the answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import certifi
import httpx
from pydantic import IPvAnyNetwork
from standardwebhooks import Webhook

from detector import __version__
from serving.errors import InvalidContentError
from serving.events.schema import Event, WebhookBody
from serving.retry_after import retry_after_s
from serving.store.outbox import Claim
from serving.webhooks.addresses import addresses_of, checked_url

__all__ = ["Answer", "Sender", "body_of"]

_READ_BYTES: Final = 4096
_READ_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; no error means that it has the event."""

    error: str | None = None
    wait_s: float = 0.0
    gone: bool = False


class Sender:
    """Sends webhooks; `close` it after use."""

    def __init__(self, networks: Sequence[IPvAnyNetwork], timeout_s: float) -> None:
        self._networks = networks
        self._timeout_s = timeout_s
        # Authorities that the machine trusts, a site's own among them, and those that everybody does.
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        # No connection is kept: one that was opened for a name must not be used for another one at the same address.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(verify=context, timeout=timeout_s, limits=limits, trust_env=False)
        # Threads of its own: names that nobody answers for hold up webhooks only.
        self._resolvers = ThreadPoolExecutor(32, thread_name_prefix="webhook-names")

    async def close(self) -> None:
        """Close what is open."""
        await self._http.aclose()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def send(self, claim: Claim) -> Answer:
        """Try once; whatever goes wrong is in the answer."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(claim)
        except TimeoutError:
            return Answer(f"no answer within {self._timeout_s:g} s")
        except InvalidContentError as error:
            return Answer(error.detail)
        except (httpx.HTTPError, OSError) as error:
            return Answer(f"{type(error).__name__}: {error}")

    async def _send(self, claim: Claim) -> Answer:
        url = checked_url(claim.url)
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._resolvers, addresses_of, url, self._networks)
        body = body_of(claim.event)
        headers = {"Host": url.netloc.decode("ascii"), **_headers(claim, body)}
        # The connection goes to the address; the certificate has to be the name's.
        tls = {"sni_hostname": url.raw_host.decode("ascii")}
        for number, address in enumerate(addresses, 1):
            to = url.copy_with(host=address)
            request = self._http.build_request("POST", to, headers=headers, content=body, extensions=tls)
            try:
                response = await self._http.send(request, stream=True, follow_redirects=False)
            except httpx.ConnectError:
                if number == len(addresses):
                    raise
            else:
                try:
                    return await _answer(response)
                finally:
                    await response.aclose()
        raise AssertionError("a host has at least one address")


def body_of(event: Event) -> str:
    """Return the body of an event's webhook; the same event always gives the same text."""
    return WebhookBody(type=event.type, timestamp=event.at, data=event).model_dump_json()


def _headers(claim: Claim, body: str) -> Mapping[str, str]:
    now = datetime.now(UTC)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"parcelray/{__version__}",
        "webhook-id": claim.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(claim.secret).sign(claim.id, now, body),
    }


async def _answer(response: httpx.Response) -> Answer:
    # The status says all. What follows is read a little, so that a receiver can end in order, and is kept nowhere:
    # it would show whoever added the endpoint what the service can reach.
    size = 0
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_READ_S):
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > _READ_BYTES:
                    break
    status = response.status_code
    if response.is_success:
        return Answer()
    if response.is_redirect:
        return Answer(f"status {status}: redirects are not followed; give the receiver's own address")
    wait_s = retry_after_s(response) if status in (429, 503) else 0.0
    return Answer(f"status {status}", wait_s, gone=status == 410)

"""Where webhooks may go: an address that somebody gives must not make the service speak to what only it can reach.

Public addresses are allowed, and those of the networks that the settings name. A name is looked up before each try and
the connection goes to the very address that was checked, so that a name cannot lead elsewhere meanwhile.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

import httpx
from pydantic import IPvAnyNetwork

from serving.errors import InvalidContentError

__all__ = ["addresses_of", "checked_url", "is_allowed"]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_MAX_URL: Final = 2000
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def checked_url(text: str) -> httpx.URL:
    """Return a webhook's address.

    Raises:
        InvalidContentError: it is none; the message says why.
    """
    if len(text) > _MAX_URL or not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidContentError(f"url: expected up to {_MAX_URL} visible ASCII characters")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidContentError(f"url: {error}") from error
    if url.scheme not in _PORTS or not url.host:
        raise InvalidContentError("url: expected one that begins with https://HOST or http://HOST")
    if not 1 <= (url.port or _PORTS[url.scheme]) <= 65535:
        raise InvalidContentError(f"url: there is no port {url.port}")
    if url.userinfo or url.fragment:
        raise InvalidContentError("url: no user, password or #fragment; the receiver knows us by the signature")
    return url


def addresses_of(url: httpx.URL, networks: Sequence[IPvAnyNetwork]) -> list[str]:
    """Look the host of a checked address up and return where it may be reached. Blocks.

    Raises:
        InvalidContentError: it has no address, or none that is allowed.
    """
    host = url.raw_host.decode("ascii")
    try:
        found = socket.getaddrinfo(host, url.port or _PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidContentError(f"url: the host {host!r} has no address; is the name right?") from error
    # An IPv6 address may come with the name of its interface: fe80::1%eth0.
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    allowed = [address for address in addresses if is_allowed(ipaddress.ip_address(address), networks)]
    if not allowed:
        raise InvalidContentError(
            f"url: {host} is {', '.join(addresses)}, not a public address; if webhooks shall go there, name its "
            "network in PARCELRAY_WEBHOOK_NETWORKS"
        )
    return allowed


def is_allowed(address: IpAddress, networks: Sequence[IPvAnyNetwork]) -> bool:
    """Return whether webhooks may go to an address."""
    real = _within(address)
    return (real.is_global and not real.is_multicast) or any(real in network for network in networks)


def _within(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address leads to, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address

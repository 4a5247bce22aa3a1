"""Webhooks go to public addresses and to networks that the settings name, whatever form an address has."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from serving.errors import InvalidContentError
from serving.webhooks.addresses import addresses_of, checked_url, is_allowed

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",  # where clouds keep the keys of a machine
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:0a00:0001::1",
]


@pytest.mark.parametrize("text", INSIDE)
def test_addresses_inside_are_refused(text: str) -> None:
    assert not is_allowed(ip_address(text), ())


@pytest.mark.parametrize("text", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_allowed(ip_address(text), ())


def test_a_named_network_is_allowed_and_nothing_beside_it() -> None:
    networks = (ip_network("10.20.0.0/16"), ip_network("fc00::/7"))
    for text, allowed in {
        "10.20.3.4": True,
        "::ffff:10.20.3.4": True,
        "fc00::1": True,
        "10.21.0.1": False,
        "127.0.0.1": False,
        "169.254.169.254": False,
    }.items():
        assert is_allowed(ip_address(text), networks) is allowed


@pytest.mark.parametrize(
    "text",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "//a.example/",
        "a.example",
        "http://",
        "http:///path",
        "http://user:word@a.example/",
        "http://a.example/#part",
        "http://a.example:99999/",
        "http://a.example/\r\nX: y",
        "http://a.example/ x",
        "http://ä.example/",
        "http://[::1/",
        "https://a.example/" + "x" * 2000,
        "",
    ],
)
def test_what_is_no_address_for_a_webhook_is_refused(text: str) -> None:
    with pytest.raises(InvalidContentError, match=r"^url: "):
        checked_url(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "127.1", "[::1]", "127.0.0.1."]
)
def test_loopback_is_found_in_every_disguise(host: str) -> None:
    url = checked_url(f"http://{host}:8000/hook")
    with pytest.raises(InvalidContentError, match=r"PARCELRAY_WEBHOOK_NETWORKS|has no address"):
        addresses_of(url, ())


def test_the_addresses_of_a_name_are_those_that_are_allowed() -> None:
    url = checked_url("http://localhost:8000/hook?a=b")
    assert addresses_of(url, (ip_network("127.0.0.0/8"),)) == ["127.0.0.1"]


def test_a_name_without_an_address_is_said() -> None:
    with pytest.raises(InvalidContentError, match="has no address; is the name right"):
        addresses_of(checked_url("https://nowhere.invalid/"), ())

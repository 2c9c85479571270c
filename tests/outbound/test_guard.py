"""Where this server lets itself be sent — https://owasp.org/API-Security/editions/2023/en/0xa7-server-side-request-forgery/"""

import ipaddress
from collections.abc import Iterable

import pytest

from fhirserver.outbound.addresses import is_public
from fhirserver.outbound.guard import Allowed, Guard, Pinned, Refused

PUBLIC, OTHER = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

ADDRESSES = [
    pytest.param(PUBLIC, True, id="a public IPv4 address"),
    pytest.param(OTHER, True, id="a public IPv6 address"),
    pytest.param("127.0.0.1", False, id="loopback"),
    pytest.param("127.8.9.10", False, id="all of 127/8 is loopback"),
    pytest.param("::1", False, id="loopback of IPv6"),
    pytest.param("0.0.0.0", False, id="this host on this network"),  # noqa: S104 - read, not bound
    pytest.param("::", False, id="the unspecified address"),
    pytest.param("10.1.2.3", False, id="private 10/8"),
    pytest.param("172.16.0.1", False, id="private 172.16/12, its beginning"),
    pytest.param("172.31.255.255", False, id="private 172.16/12, its end"),
    pytest.param("192.168.1.1", False, id="private 192.168/16"),
    pytest.param("100.64.0.1", False, id="carrier-grade NAT"),
    pytest.param("169.254.169.254", False, id="link-local: the metadata of clouds"),
    pytest.param("192.0.0.1", False, id="IETF protocol assignments"),
    pytest.param("198.18.0.1", False, id="benchmarks"),
    pytest.param("224.0.0.1", False, id="multicast"),
    pytest.param("239.255.255.250", False, id="multicast of a site"),
    pytest.param("240.0.0.1", False, id="reserved"),
    pytest.param("255.255.255.255", False, id="broadcast"),
    pytest.param("fc00::1", False, id="unique local fc00::/7"),
    pytest.param("fd12::1", False, id="unique local fd00::/8"),
    pytest.param("fe80::1", False, id="link-local of IPv6"),
    pytest.param("ff02::1", False, id="multicast of IPv6"),
    pytest.param("::ffff:127.0.0.1", False, id="IPv4-mapped loopback"),
    pytest.param("::ffff:10.0.0.1", False, id="IPv4-mapped private"),
    pytest.param("64:ff9b::7f00:1", False, id="loopback behind NAT64"),
    pytest.param("64:ff9b::a9fe:a9fe", False, id="link-local behind NAT64"),
    pytest.param("2002:7f00:1::", False, id="loopback behind 6to4"),
    pytest.param("2002:a00:1::1", False, id="private behind 6to4"),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_only_public_addresses_are_public(text: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(text)) is expected


def guard_of(*addresses: str, allowed: Iterable[str] = ()) -> Guard:
    """Return a guard whose names all have these addresses."""

    async def resolve(host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return list(addresses)

    return Guard(Allowed.parse(allowed), resolve)


REFUSED = [
    pytest.param("http://keys.example.org/", [PUBLIC], "https", id="http is refused"),
    pytest.param("file:///etc/passwd", [PUBLIC], "https", id="file is refused"),
    pytest.param("gopher://keys.example.org/", [PUBLIC], "https", id="gopher is refused"),
    pytest.param("ftp://keys.example.org/", [PUBLIC], "https", id="ftp is refused"),
    pytest.param("//keys.example.org/", [PUBLIC], "https", id="a URL without scheme is refused"),
    pytest.param("https:///path", [PUBLIC], "host", id="a URL without host is refused"),
    pytest.param("https://user:pass@keys.example.org/", [PUBLIC], "user", id="credentials in the URL are refused"),
    pytest.param("https://public.example.org@127.0.0.1/", [PUBLIC], "user", id="a host that looks like a user"),
    pytest.param("https://keys.example.org\\@127.0.0.1/", [PUBLIC], "characters", id="a backslash is refused"),
    pytest.param("https://keys.example.org/\r\nHost: x", [PUBLIC], "characters", id="line ends are refused"),
    pytest.param("https://keys.example.org:99999/", [PUBLIC], "read", id="a port that is none"),
    pytest.param("https://[::1/", [PUBLIC], "read", id="an address that is none"),
    pytest.param("https://127.0.0.1/", [], "public", id="an address written out is judged too"),
    pytest.param("https://[::ffff:169.254.169.254]/", [], "public", id="an IPv4-mapped address written out"),
    pytest.param("https://keys.example.org/", ["10.0.0.1"], "public", id="a name of a private address"),
    pytest.param("https://keys.example.org/", [PUBLIC, "127.0.0.1"], "public", id="one private address is enough"),
    pytest.param("https://keys.example.org/", [], "known", id="a name without address"),
    pytest.param("https://keys.example.org/", ["fe80::1%eth0"], "public", id="an address with its zone"),
]


@pytest.mark.parametrize(("url", "addresses", "says"), REFUSED)
async def test_a_url_that_may_lead_inside_is_refused(url: str, addresses: list[str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        await guard_of(*addresses).pin(url)


@pytest.mark.parametrize("text", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "0"])
async def test_the_system_knows_what_odd_spellings_of_loopback_mean(text: str) -> None:
    with pytest.raises(Refused):
        await Guard().pin(f"https://{text}/")


PINNED = [
    pytest.param(
        "https://keys.example.org/jwks?x=1#y", [], Pinned("https", "keys.example.org", 443, PUBLIC), id="https"
    ),
    pytest.param("https://keys.example.org.:8443/", [], Pinned("https", "keys.example.org", 8443, PUBLIC), id="a port"),
    pytest.param(
        "http://Keys.example.org/", ["keys.example.org"], Pinned("http", "keys.example.org", 80, PUBLIC), id="by name"
    ),
    pytest.param(
        "http://10.1.2.3:81/", ["10.1.2.3:81"], Pinned("http", "10.1.2.3", 81, "10.1.2.3"), id="by name and port"
    ),
    pytest.param("https://10.1.2.3/", ["10.1.0.0/16"], Pinned("https", "10.1.2.3", 443, "10.1.2.3"), id="by network"),
]


@pytest.mark.parametrize(("url", "allowed", "expected"), PINNED)
async def test_what_is_public_or_allowed_is_pinned(url: str, allowed: list[str], expected: Pinned) -> None:
    assert await guard_of(PUBLIC, allowed=allowed).pin(url) == expected


async def test_another_port_of_an_allowed_host_is_refused() -> None:
    with pytest.raises(Refused):
        await guard_of(allowed=["10.1.2.3:81"]).pin("http://10.1.2.3:82/")


async def test_a_name_outside_the_allowed_network_is_refused() -> None:
    with pytest.raises(Refused):
        await guard_of("10.1.2.3", "10.2.0.1", allowed=["10.1.0.0/16"]).pin("https://keys.example.org/")

"""What a URL may lead to: https, one host, public addresses; the address that was judged is the one connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from fhirserver.outbound.addresses import Address, Network, is_public

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses, as texts."""

_PORTS: Final = {"https": 443, "http": 80}
_UNFIT: Final = frozenset(map(chr, range(33))) | {"\\", "\x7f"}


class Refused(Exception):
    """A request that is not made; the text is one sentence that names no address."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where a request goes: ``host`` is whom it is for and whose certificate is wanted, ``address`` who is asked."""

    scheme: str
    host: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator lets through beside the public: ``host``, ``host:port`` or a network (``10.1.0.0/16``).

    Hosts and networks named here may be private and spoken to by http.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Allowed":
        """Read the entries of the setting; raises ValueError."""
        hosts, networks = set(), []
        for entry in entries:
            if "/" in entry:
                networks.append(ipaddress.ip_network(entry))
            else:
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def has_host(self, host: str, port: int) -> bool:
        """Tell whether a host is let through by its name."""
        return host in self.hosts or f"{host}:{port}" in self.hosts

    def has_address(self, address: Address) -> bool:
        """Tell whether an address is let through by its network."""
        return any(address in network for network in self.networks)


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver, off the loop; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


class Guard:
    """Reads a URL and resolves its host, once."""

    def __init__(self, allowed: Allowed | None = None, resolve: Resolve = resolve_by_system) -> None:
        """Let through the public and what is ``allowed``."""
        self._allowed = allowed or Allowed()
        self._resolve = resolve

    async def pin(self, url: str) -> Pinned:
        """Return where a request to a URL may go; raises Refused."""
        scheme, host, port = _read(url)
        by_name = self._allowed.has_host(host, port)
        addresses = await self._addresses(host, port)
        private = [one for one in addresses if not is_public(one)]
        is_allowed = by_name or all(map(self._allowed.has_address, addresses))
        if private and not is_allowed:  # one private address among public ones is a trap, not a choice
            raise Refused("The host of the URL is not public.")
        if scheme != "https" and not is_allowed:
            raise Refused("The URL must be of https.")
        return Pinned(scheme, host, port, str(addresses[0]))

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = await self._resolve(host, port)
            addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
        except (OSError, ValueError, UnicodeError):
            raise Refused("The host of the URL is not known.") from None
        if not addresses:
            raise Refused("The host of the URL is not known.")
        return addresses


def _read(url: str) -> tuple[str, str, int]:
    """Split a URL into scheme, host and port; raises Refused."""
    if not _UNFIT.isdisjoint(url):
        raise Refused("The URL has characters that no URL has.")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise Refused("The URL cannot be read.") from None
    if parts.scheme not in _PORTS:
        raise Refused("The URL must be of https.")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise Refused("The URL must name a host and no user.")
    return parts.scheme, parts.hostname.rstrip("."), port

"""Which IP addresses are other people's, in public: everything else is never asked.

Spec: https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry
"""

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRANSLATED: Final = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("::/96"), 0),  # IPv4-compatible
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4: the IPv4 address follows the prefix
)
"""Prefixes of IPv6 addresses that carry an IPv4 address, and how far from the right end it stands."""


def is_public(address: Address) -> bool:
    """Tell whether an address, and the IPv4 address that it may stand for, is globally reachable by one host."""
    if isinstance(address, ipaddress.IPv4Address):
        return _is_global(address)
    return _is_global(address) and all(map(_is_global, carried(address)))


def carried(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 addresses that a packet to this one may end at."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.teredo is not None:
        return address.teredo
    number = int(address)
    return tuple(
        ipaddress.IPv4Address(number >> shift & 0xFFFFFFFF) for network, shift in _TRANSLATED if address in network
    )


def _is_global(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

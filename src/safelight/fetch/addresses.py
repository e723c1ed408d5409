"""Which addresses are never asked: every one that is not public.

Python's ``ipaddress.is_global`` is no guard: it depends on the version of Python, and takes for
public what forwards to private networks (NAT64, 6to4), multicast, and the metadata services of
clouds. So the table is written down here: the special-purpose registries of IANA (RFC 6890), and
what the clouds answer on.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_PUBLIC = {
    ipaddress.ip_network(network): name
    for network, name in {
        # What hands out the credentials of a machine has a row of its own, so that a network
        # around it that is allowed does not open it.
        "100.100.100.200/32": "metadata of Alibaba Cloud",
        "168.63.129.16/32": "metadata of Azure",
        "169.254.0.23/32": "metadata of Tencent Cloud",
        "169.254.169.254/32": "metadata of AWS, Azure, Google Cloud and others",
        "169.254.170.2/32": "credentials of containers in AWS",
        "169.254.170.23/32": "credentials of pods in AWS",
        "192.0.0.192/32": "metadata of Oracle Cloud",
        "fd00:c1::a9fe:a9fe/128": "metadata of Oracle Cloud",
        "fd00:ec2::23/128": "credentials of pods in AWS",
        "fd00:ec2::254/128": "metadata of AWS",
        "fd20:ce::254/128": "metadata of Google Cloud",
        "0.0.0.0/8": "this network, RFC 791 §3.2",
        "10.0.0.0/8": "private, RFC 1918",
        "100.64.0.0/10": "shared by a provider's customers, RFC 6598",
        "127.0.0.0/8": "loopback, RFC 1122 §3.2.1.3",
        "169.254.0.0/16": "link-local, RFC 3927",
        "172.16.0.0/12": "private, RFC 1918",
        "192.0.0.0/24": "protocol assignments, RFC 6890 §2.1",
        "192.0.2.0/24": "documentation, RFC 5737",
        "192.31.196.0/24": "AS112, RFC 7535",
        "192.52.193.0/24": "AMT, RFC 7450",
        "192.88.99.0/24": "6to4 relays, RFC 7526",
        "192.168.0.0/16": "private, RFC 1918",
        "192.175.48.0/24": "AS112, RFC 7534",
        "198.18.0.0/15": "benchmarks, RFC 2544",
        "198.51.100.0/24": "documentation, RFC 5737",
        "203.0.113.0/24": "documentation, RFC 5737",
        "224.0.0.0/4": "multicast, RFC 5771",
        "240.0.0.0/4": "reserved and broadcast, RFC 1112 §4, RFC 919 §7",
        "::/96": "IPv4-compatible, RFC 4291 §2.5.5.1; unspecified and loopback, §2.5.2, §2.5.3",
        "::ffff:0:0/96": "IPv4-mapped, RFC 4291 §2.5.5.2",
        "::ffff:0:0:0/96": "IPv4-translated (SIIT), RFC 2765 §2.1",
        "64:ff9b::/96": "NAT64, RFC 6052 §2.1",
        "64:ff9b:1::/48": "NAT64 of a network's own, RFC 8215",
        "100::/64": "discarded, RFC 6666",
        "100:0:0:1::/64": "dummy prefix, RFC 9780",
        "2001::/32": "Teredo, RFC 4380",
        "2001::/23": "protocol assignments, RFC 2928: ORCHID, benchmarks and others",
        "2001:db8::/32": "documentation, RFC 3849",
        "2002::/16": "6to4, RFC 3056",
        "2620:4f:8000::/48": "AS112, RFC 7534",
        "3fff::/20": "documentation, RFC 9637",
        "fc00::/7": "unique local, RFC 4193",
        "fe80::/10": "link-local, RFC 4291 §2.5.6",
        "fec0::/10": "site-local, RFC 3879",
        "ff00::/8": "multicast, RFC 4291 §2.7",
        # Of IPv6 2000::/3 alone is assigned to hosts in public (RFC 4291 §2.4, IANA's registry).
        "::/3": "not global unicast, RFC 4291 §2.4",
        "4000::/2": "not global unicast, RFC 4291 §2.4",
        "8000::/1": "not global unicast, RFC 4291 §2.4",
    }.items()
}
# RFC 5214 §6.1: the lower half of an ISATAP address, for private and for unique IPv4 addresses.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


class Guard:
    """Judge addresses; networks that are not public may be allowed one by one."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Allow ``networks`` such as "10.0.0.0/8". Raises ValueError for one that means nothing."""
        self._allowed = [_network(text) for text in networks]

    def fault(self, address: Address) -> str | None:
        """Tell why an address may not be asked; None when it may.

        Every row of the table that holds the address has to be opened, by a network within it.
        """
        for row, name in _NOT_PUBLIC.items():
            if address in row and not any(
                address in allowed and _within(allowed, row) for allowed in self._allowed
            ):
                return name
        if isinstance(address, ipaddress.IPv6Address):
            return self._embedded_fault(address)
        return None

    def _embedded_fault(self, address: ipaddress.IPv6Address) -> str | None:
        """Judge the IPv4 address to which a packet would be handed on."""
        number = int(address)
        if (number >> 32) & 0xFFFF_FFFF in _ISATAP:
            return "ISATAP, RFC 5214"
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and (number >> 32 == 0x64_FF9B << 64 or number >> 80 == 0x64_FF9B_0001):
            # A prefix of 96 bits is meant, as in most networks; of the others (RFC 6052 §2.2) these
            # bits are the end, and whoever opens them trusts their translator.
            inner = ipaddress.IPv4Address(number & 0xFFFF_FFFF)
        return self.fault(inner) if inner is not None else None


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network, such as 10.0.0.0/8") from None
    if not any(_within(network, row) for row in _NOT_PUBLIC):
        raise ValueError(
            f"{text!r} is public, and allowed anyway, or wider than any network that is not: "
            "name those that are meant, such as 10.0.0.0/8"
        )
    return network


def _within(network: Network, row: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(row, ipaddress.IPv4Network) and network.subnet_of(row)
    return isinstance(row, ipaddress.IPv6Network) and network.subnet_of(row)

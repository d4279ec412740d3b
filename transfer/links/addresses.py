"""How near to this machine an address is: a redirect leads no nearer than its source is [T-135].

The address that a connection has counts, not the name that led there: a name can be given any address at any time.
"""

import ipaddress
import socket
from enum import IntEnum

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_MASK = 0xFFFFFFFF


class Nearness(IntEnum):
    """From far to near."""

    WORLD = 0  # whoever is on the internet
    PRIVATE = 1  # private ranges, shared ones of carriers, others that are not for the internet
    MACHINE = 2  # loopback, link-local, multicast, unspecified: this machine, or its own wire


def nearness(address: str) -> Nearness:
    """Of an address as the system writes it; one that it does not know counts as near."""
    try:
        found = _embedded(ipaddress.ip_address(address))
    except ValueError:
        return Nearness.MACHINE
    if found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified:
        return Nearness.MACHINE
    is_of_a_site = isinstance(found, ipaddress.IPv6Address) and found.is_site_local
    return Nearness.WORLD if found.is_global and not is_of_a_site else Nearness.PRIVATE


def spelled_nearness(host: str) -> Nearness:
    """Of a host as a URL names it, if the name itself tells an address, in any spelling that a resolver takes."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return Nearness.MACHINE
    try:
        return nearness(str(ipaddress.ip_address(host)))
    except ValueError:
        pass
    try:
        return nearness(socket.inet_ntoa(socket.inet_aton(host)))  # 2130706433, 0x7f.1, 0177.0.0.1
    except (OSError, ValueError):
        return Nearness.WORLD


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for; else the same."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _IPV4_MASK)
    return address.ipv4_mapped or address.sixtofour or address

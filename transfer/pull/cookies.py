"""Cookies: a ship that repeats one has shown that it receives what is sent to its address [T-160].

A cookie is a keyed hash of the address and the hour. The server keeps nothing for it. It holds for the address and
not for the port, so that a NAT may change that.
"""

import ipaddress
from hashlib import blake2b
from hmac import compare_digest

from transfer.pull.datagrams import TOKEN_BYTES

PERIOD_S = 3600.0
MIN_SECRET_BYTES = 16


class CookieJar:
    """Makes cookies and knows them again. `secret`: drawn at random by whoever starts the server."""

    def __init__(self, secret: bytes) -> None:
        if not MIN_SECRET_BYTES <= len(secret) <= blake2b.MAX_KEY_SIZE:
            raise ValueError(f"a secret has {MIN_SECRET_BYTES} to {blake2b.MAX_KEY_SIZE} bytes")
        self._secret = secret

    def cookie(self, host: str, now: float) -> bytes:
        """The one that an address gets now."""
        return self._of_period(host, int(now // PERIOD_S))

    def is_valid(self, cookie: bytes, host: str, now: float) -> bool:
        """Whether an address got that cookie in this period or in the one before."""
        period = int(now // PERIOD_S)
        return any(compare_digest(cookie, self._of_period(host, one)) for one in (period, period - 1))

    def _of_period(self, host: str, period: int) -> bytes:
        return blake2b(f"{period} {host}".encode(), key=self._secret, digest_size=TOKEN_BYTES).digest()


def neighbourhood(host: str) -> str:
    """The part of an address that has one share of a server: an IPv4 address, or 64 bits of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((int(address) >> 64 << 64, 64)).network_address)
    return str(address)

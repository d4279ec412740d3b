"""TCP connections to a name with several addresses: the families take turns, a moment apart [T-172].

An address that leads nowhere costs that moment, and not the time until it is given up (RFC 8305). The address that
answered is tried first the next time.
"""

import contextlib
import ctypes
import errno
import os
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

APART_S = 0.3
MAX_REMEMBERED = 64

SocketOption = tuple[int, int, int | bytes]

_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)}
_answered: dict[tuple[str, int], Any] = {}


def dial(host: str, port: int, timeout_s: float, options: Sequence[SocketOption] = ()) -> socket.socket:
    """A connection to the first address that answers, which blocks.

    Raises TimeoutError if none does in time, gaierror for a name without an address, OSError if all refuse.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    waiting = _in_turns(found, _answered.get((host, port)))
    fault: OSError = TimeoutError("timed out")
    until = time.monotonic() + timeout_s
    under_way: set[socket.socket] = set()
    with selectors.DefaultSelector() as selector, contextlib.closing(_Losers(under_way)):
        while (waiting or under_way) and (now := time.monotonic()) < until:
            if waiting:
                family, address = waiting.pop(0)
                try:
                    begun = _begun(family, address, options)
                except OSError as error:
                    fault = error
                    continue
                under_way.add(begun)
                selector.register(begun, selectors.EVENT_WRITE, address)
            for key, _ in selector.select(min(APART_S, until - now) if waiting else until - now):
                sock = next(one for one in under_way if one is key.fileobj)
                selector.unregister(sock)
                if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    under_way.discard(sock)
                    sock.close()
                    fault = _fault(code)
                    continue
                _remember((host, port), key.data)
                under_way.discard(sock)
                sock.setblocking(True)
                return sock
        raise TimeoutError("timed out") if under_way else fault


class _Losers:
    """The connections that are not needed in the end."""

    def __init__(self, under_way: set[socket.socket]) -> None:
        self._under_way = under_way

    def close(self) -> None:
        for sock in self._under_way:
            sock.close()


def _in_turns(found: Sequence[tuple[int, Any, int, str, Any]], best: object) -> list[tuple[int, Any]]:
    """Addresses, the families in turns, and the one that answered last time before all."""
    families: dict[int, list[tuple[int, Any]]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append((family, address))
    ordered = [one for one in chain.from_iterable(zip_longest(*families.values())) if one is not None]
    return sorted(ordered, key=lambda one: one[1] != best)


def _begun(family: int, address: Any, options: Sequence[SocketOption]) -> socket.socket:
    """A connection that is being made. Raises OSError for what speaks against it at once."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        for option in options:
            sock.setsockopt(*option)
        code = sock.connect_ex(address)
        if code not in _UNDER_WAY:
            raise _fault(code)
    except OSError:
        sock.close()
        raise
    return sock


def _fault(code: int) -> OSError:
    if sys.platform == "win32":
        return ctypes.WinError(code)
    return OSError(code, os.strerror(code))


def _remember(place: tuple[str, int], address: object) -> None:
    while len(_answered) >= MAX_REMEMBERED and place not in _answered:
        _answered.pop(next(iter(_answered)))
    _answered[place] = address

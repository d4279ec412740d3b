"""Connections of urllib3, watched: every byte is counted as it leaves the socket, and heads have an end [T-134].

http.client takes a hundred lines of 64 KiB for a head, and any number of answers 100 before it. What stands between it
and the socket here stops both, at `MAX_HEAD_BYTES`, and everything where the budget is spent.
"""

import io
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection

from transfer.budget import Meter

if sys.platform != "win32":
    import fcntl
    import termios

MAX_HEAD_BYTES = 16 * 1024  # of all that comes before one body
MAX_INTERIM = 4  # answers 1xx before the one that counts

_SWITCHING = 101


class HeadTooLong(HTTPException):
    """What comes before the body is more than any server has to say."""


class NothingLeft(HTTPException):
    """The budget is spent: not a byte more is taken from the socket."""


class MeteredStream(io.RawIOBase):
    """What comes over a socket. `head_left`: how much of it may still be head; None behind that."""

    def __init__(self, stream: io.RawIOBase, meter: Meter) -> None:
        self.head_left: int | None = MAX_HEAD_BYTES
        self._stream = stream
        self._meter = meter
        self._is_held = False
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As of a raw stream. Raises HeadTooLong or NothingLeft, and takes nothing then."""
        if self._is_held:
            return None
        view = memoryview(buffer).cast("B")
        allowed = self._meter.may_take(len(view))
        if self.head_left is not None:
            allowed = min(allowed, self.head_left)
        if len(view) and not allowed:
            raise HeadTooLong if self.head_left == 0 else NothingLeft
        amount = self._stream.readinto(view[:allowed])
        self._count(amount or 0)
        return cast("int | None", amount)

    def end_head(self, buffered: io.BufferedReader) -> None:
        """The head is over. What was read of the body with it stands in the buffer."""
        self._is_held = True  # where that is empty, nobody waits here for the body
        self._meter.head_bytes = self._taken - len(buffered.peek())
        self._is_held, self.head_left = False, None

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _count(self, amount: int) -> None:
        self._taken += amount
        self._meter.count(amount)
        if self.head_left is not None:
            self.head_left -= amount


class MeteredResponse(HTTPResponse):
    """An answer whose bytes are counted; also that of a proxy to CONNECT, which is all head."""

    def __init__(self, meter: Meter, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._stream = MeteredStream(self.fp.detach(), meter)
        self.fp = io.BufferedReader(self._stream)

    def begin(self) -> None:
        """Reads the head. Raises HTTPException, HeadTooLong among them."""
        super().begin()
        if self.fp is not None:  # closed already if there is no body
            self._stream.end_head(self.fp)

    def _read_status(self) -> tuple[str, int, str]:
        """The status line that counts, behind answers 1xx, which http.client knows one of [RFC 9110, 15.2]."""
        for _ in range(MAX_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc] # typeshed leaves it out
            if not 100 <= status < 200 or status == _SWITCHING:
                return version, status, reason
            while self.fp.readline(MAX_HEAD_BYTES + 1).strip():
                pass
        raise HeadTooLong


class _Watched(HTTPConnection):
    """`admit`: is shown the socket before a byte is sent over it, and raises what refuses it."""

    admit: Callable[[socket.socket], None]

    def watch(self, meter: Meter, admit: Callable[[socket.socket], None]) -> "_Watched":
        """Has its bytes counted, and its peers admitted."""
        self.response_class = partial(MeteredResponse, meter)  # type: ignore[assignment] # called like the class
        self.admit = admit
        return self

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        try:
            self.admit(sock)
        except BaseException:
            sock.close()
            raise
        return sock


class PlainConnection(_Watched):
    """HTTP, or HTTP through a proxy."""


class TlsConnection(_Watched, HTTPSConnection):
    """HTTPS, or HTTPS through a proxy."""


def unread_bytes(sock: socket.socket) -> int:
    """What has come over a connection and was not taken from it: it was paid for all the same. 0 where nobody tells."""
    if sys.platform == "win32":
        return 0
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0])
    except (OSError, ValueError):
        return 0

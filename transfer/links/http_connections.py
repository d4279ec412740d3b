"""Connections of urllib3, watched: every byte is counted as it leaves the socket, and heads have an end [T-134].

http.client takes a hundred lines of 64 KiB for a head, and any number of answers 100 before it. What stands between it
and the socket here stops both, at `MAX_HEAD_BYTES`, and everything where the budget is spent.
"""

import contextlib
import io
import socket
import struct
import sys
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError

from transfer.links.budget import Meter
from transfer.links.dialing import dial

if sys.platform != "win32":
    import fcntl
    import termios

MAX_HEAD_BYTES = 16 * 1024  # of all that comes before one body
CONNECT_S = 20.0
MAX_INTERIM = 4  # answers 1xx before the one that counts
FRAMING_SHARE = 4  # chunks and trailers may take such a part of what was asked for, and what the head left

_SWITCHING = 101


class HeadTooLong(HTTPException):
    """What comes before the body is more than any server has to say."""


class BodyTooLong(HTTPException):
    """Beside what was asked for comes more than the framing of a body needs."""


class NothingLeft(HTTPException):
    """The budget is spent: not a byte more is taken from the socket."""


class MeteredStream(io.RawIOBase):
    """What comes over a socket for one answer, whose body may have `body_bytes`."""

    def __init__(self, stream: io.RawIOBase, meter: Meter, body_bytes: int) -> None:
        self._left = MAX_HEAD_BYTES
        self._body_bytes = body_bytes
        self._is_head = True
        self._stream = stream
        self._meter = meter
        self._is_held = False
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As of a raw stream. Raises HeadTooLong, BodyTooLong or NothingLeft, and takes nothing then."""
        if self._is_held:
            return None
        view = memoryview(buffer).cast("B")
        allowed = min(self._meter.may_take(len(view)), self._left)
        if len(view) and not allowed:
            too_long = HeadTooLong if self._is_head else BodyTooLong
            raise NothingLeft if self._left else too_long
        amount = self._stream.readinto(view[:allowed])
        self._count(amount or 0)
        return cast("int | None", amount)

    def end_head(self, buffered: io.BufferedReader) -> None:
        """The head is over. What was read of the body with it stands in the buffer."""
        self._is_held = True  # where that is empty, nobody waits here for the body
        self._meter.head_bytes = self._taken - len(buffered.peek())
        self._is_held = self._is_head = False
        self._left += self._body_bytes + self._body_bytes // FRAMING_SHARE

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _count(self, amount: int) -> None:
        self._taken += amount
        self._meter.count(amount)
        self._left -= amount


class MeteredResponse(HTTPResponse):
    """An answer whose bytes are counted; also that of a proxy to CONNECT, which is all head."""

    def __init__(self, meter: Meter, body_bytes: int, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._stream = MeteredStream(self.fp.detach(), meter, body_bytes)
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
    """`admit`: is shown the socket before a byte is sent over it, and raises what refuses it. `asked_bytes`: of the
    body that is asked for next."""

    admit: Callable[[socket.socket], None]
    asked_bytes = 0

    def watch(self, meter: Meter, admit: Callable[[socket.socket], None]) -> "_Watched":
        """Has its bytes counted, and its peers admitted."""
        # Called like the class, once a request was sent.
        self.response_class = lambda *args, **options: MeteredResponse(meter, self.asked_bytes, *args, **options)  # type: ignore[assignment]
        self.admit = admit
        return self

    def _new_conn(self) -> socket.socket:
        """As urllib3's own, but that the addresses of a name are tried side by side [T-172]."""
        try:
            sock = dial(
                self._dns_host,
                self.port or self.default_port,
                float(self.timeout or CONNECT_S),
                self.socket_options or (),
            )
        except UnicodeError as error:
            raise LocationParseError(f"{self.host}: label empty or too long") from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no answer from {self.host}") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error
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


def reset(sock: socket.socket) -> None:
    """Ends a connection at once for both sides, and whoever blocks on it, from another thread."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not the method of a TLS socket, which another thread reads

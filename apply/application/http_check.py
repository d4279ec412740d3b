"""A health check by HTTP or HTTPS: one GET under one deadline, however slowly the server feeds it."""

import http.client
import io
import socket
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from apply.application.dialing import connect, remaining_s
from apply.errors import StepFailed
from apply.site.health_checks import HttpCheck
from apply.site.layout import StepContext

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BODY_BYTES: Final = 64 * 1024


def ask(check: HttpCheck, context: StepContext, step: str, deadline: float) -> str:
    """How the check passed. Raises StepFailed, OSError or ValueError if it did not."""
    try:
        return _asked(check, context, step, deadline)
    except http.client.HTTPException as error:  # its text holds whatever the server sent
        what = f"{type(error).__name__} {str(error)[:100]!r}"
        raise StepFailed(step, f"answered something that is not HTTP ({what})") from error


def _asked(check: HttpCheck, context: StepContext, step: str, deadline: float) -> str:
    url = urlsplit(check.url)
    host = url.hostname or ""  # the configuration made sure of one
    secure = url.scheme == "https"
    connection_type = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connection_type(host, url.port)
    with connect(host, connection.port, deadline) as plain:
        if secure:
            plain.settimeout(remaining_s(deadline))
        stream = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
        with stream:
            connection.sock = _BoundedSocket(stream, deadline)
            connection.request("GET", url._replace(scheme="", netloc="", fragment="").geturl() or "/")
            return _judged(connection.getresponse(), check, context, step)


def _judged(response: http.client.HTTPResponse, check: HttpCheck, context: StepContext, step: str) -> str:
    if response.status != check.expect_status:
        raise StepFailed(step, f"answered {response.status}, expected {check.expect_status}")
    if check.expect_body_contains is None:
        return f"answered {response.status}"
    expected = context.expand(check.expect_body_contains)
    # A bounded part of the body: a page without an end must not fill the memory.
    if expected.encode(errors="surrogateescape") not in response.read(MAX_BODY_BYTES):
        raise StepFailed(step, f"answered {response.status} without {expected!r}")
    return f"answered {response.status} with {expected!r}"


class _BoundedSocket:
    """What http.client uses of a socket, with one deadline over all of it.

    A socket's own timeout begins anew with every read, so a byte a second would go on for ever.
    """

    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._stream.settimeout(remaining_s(self._deadline))
        self._stream.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._stream, self._deadline))

    def close(self) -> None:
        """Not yet: http.client closes before it reads the body. Whoever connected closes."""


class _BoundedReader(io.RawIOBase):
    def __init__(self, stream: socket.socket, deadline: float) -> None:
        super().__init__()
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._stream.settimeout(remaining_s(self._deadline))
        return self._stream.recv_into(buffer)

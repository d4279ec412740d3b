"""One health check, made once: does what was just started answer as it should?

Every check ends within its timeout as a whole, however slowly the other side feeds it, and any garbage is an answer:
a check passes or fails, and never raises. Only the lookup of a host name keeps the system's own time, so give
addresses.
"""

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from apply.application.commands import quoted, run, run_own
from apply.application.programs import system_program
from apply.application.windows_programs import service_state
from apply.errors import StepFailed
from apply.site.health_checks import (
    CommandCheck,
    HealthCheck,
    HttpCheck,
    SystemdUnitCheck,
    TcpCheck,
    WindowsServiceCheck,
)
from apply.site.layout import StepContext

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BODY_BYTES: Final = 64 * 1024
STEP: Final = "health"
# What may come of asking. Timeouts and TLS errors are OSErrors, a host that cannot be encoded is a ValueError.
_FAILURES: Final = (OSError, http.client.HTTPException, ValueError, StepFailed)


@dataclass(frozen=True)
class CheckResult:
    """What came of one check. detail: one clause, such as "answered 503, expected 200"."""

    check: str
    requirement: Literal["required", "wanted"]
    passed: bool
    detail: str


def check_once(check: HealthCheck, context: StepContext, timeout_s: float | None = None) -> CheckResult:
    """Make the check, within its own timeout or a shorter one that is given. Never raises for what it finds."""
    limit_s = check.timeout_s if timeout_s is None else min(timeout_s, check.timeout_s)
    try:
        detail, passed = _answer(check, context, limit_s), True
    except _FAILURES as error:
        detail, passed = _reason(error, limit_s), False
    return CheckResult(label(check), check.requirement, passed, detail)


def fingerprint(check: HealthCheck) -> str:
    """Names what a check asks, in 16 hex digits, whatever its timeout and requirement."""
    asked = msgspec.structs.replace(check, timeout_s=1.0, requirement="required")
    return sha256(msgspec.json.encode(asked)).hexdigest()[:16]


def label(check: HealthCheck) -> str:
    """The check as messages and records name it, such as "tcp 127.0.0.1:5432"."""
    match check:
        case HttpCheck():
            return f"http {check.url}"
        case TcpCheck():
            return f"tcp {check.host}:{check.port}"
        case CommandCheck():
            return f"command {quoted(check.argv)}"
        case WindowsServiceCheck():
            return f"windows_service {check.name}"
        case SystemdUnitCheck():
            return f"systemd_unit {check.name}"


def _answer(check: HealthCheck, context: StepContext, limit_s: float) -> str:
    """Returns how the check passed. Raises one of _FAILURES if it did not."""
    match check:
        case HttpCheck():
            return _http(check, context, time.monotonic() + limit_s)
        case TcpCheck():
            _connect(check.host, check.port, time.monotonic() + limit_s).close()
            return "connected"
        case CommandCheck():
            run(check.argv, context, step=STEP, timeout_s=limit_s)
            return "exited with 0"
        case WindowsServiceCheck():
            state = service_state(check.name, context, step=STEP, timeout_s=limit_s)
            if state != "RUNNING":
                raise StepFailed(STEP, f"is {state}, expected RUNNING")
            return "is RUNNING"
        case SystemdUnitCheck():
            systemctl = system_program("systemctl")
            run_own([systemctl, "is-active", "--", check.name], context, step=STEP, timeout_s=limit_s)
            return "is active"


def _reason(error: Exception, limit_s: float) -> str:
    if isinstance(error, StepFailed):
        return error.reason
    if isinstance(error, TimeoutError):
        return f"no answer within {limit_s:.3g} s"
    if isinstance(error, http.client.HTTPException):  # its text holds whatever the server sent
        return f"answered something that is not HTTP ({type(error).__name__} {str(error)[:100]!r})"
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def _http(check: HttpCheck, context: StepContext, deadline: float) -> str:
    url = urlsplit(check.url)
    host = url.hostname or ""  # the configuration made sure of one
    secure = url.scheme == "https"
    connection_type = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connection_type(host, url.port)
    with _connect(host, connection.port, deadline) as plain:
        if secure:
            plain.settimeout(_remaining_s(deadline))
        stream = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
        with stream:
            connection.sock = _BoundedSocket(stream, deadline)
            connection.request("GET", url._replace(scheme="", netloc="", fragment="").geturl() or "/")
            return _judged(connection.getresponse(), check, context)


def _judged(response: http.client.HTTPResponse, check: HttpCheck, context: StepContext) -> str:
    if response.status != check.expect_status:
        raise StepFailed(STEP, f"answered {response.status}, expected {check.expect_status}")
    if check.expect_body_contains is None:
        return f"answered {response.status}"
    expected = context.expand(check.expect_body_contains)
    # A bounded part of the body: a page without an end must not fill the memory.
    if expected.encode(errors="surrogateescape") not in response.read(MAX_BODY_BYTES):
        raise StepFailed(STEP, f"answered {response.status} without {expected!r}")
    return f"answered {response.status} with {expected!r}"


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    failure = OSError(f"{host} has no address")
    # Each address in turn, under the one deadline: a name may have an IPv6 address where nothing listens.
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_remaining_s(deadline))
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _remaining_s(deadline: float) -> float:
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s


class _BoundedSocket:
    """What http.client uses of a socket, with one deadline over all of it.

    A socket's own timeout begins anew with every read, so a byte a second would go on for ever.
    """

    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._stream.settimeout(_remaining_s(self._deadline))
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
        self._stream.settimeout(_remaining_s(self._deadline))
        return self._stream.recv_into(buffer)

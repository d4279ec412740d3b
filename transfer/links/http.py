"""A bundle file on an HTTP or HTTPS server that answers ranges, read with urllib3 (spec/decisions/0004-urllib3.md).

urllib3 is kept from being helpful: no retries, no redirects, no decoding of its own, since each could cost bytes that
nobody agreed to. Entity tags are not compared: mirrors differ in them, and the hashes decide [T-14].
"""

import contextlib
import re
import socket
import struct
from collections.abc import Callable, Iterator
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError
from threading import Lock
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import Url, parse_url

from transfer.errors import BadAnswer, Dropped, PastEnd, Silent, SourceRefused
from transfer.links.threads import ThreadedConnection, Threads

CONNECT_S = 20.0
MOST_LANES = 4

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,16})-(\d{1,16})/(\d{1,16})")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,16})")


class HttpAnswer:
    """The body of one 206 answer."""

    def __init__(self, response: BaseHTTPResponse, length: int, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._response = response
        self._left = length

    def read(self, max_bytes: int) -> bytes:
        wanted = min(max_bytes, self._left)
        if not wanted:
            return b""
        try:
            data = self._response.read1(wanted, decode_content=False)
        except HTTPError as error:
            raise _fault(error) from error
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._response.close()


class HttpReader:
    """One connection to one URL, kept alive between ranges; it blocks.

    `connect_s` bounds the making of a connection, `idle_s` every single wait for bytes; None: whoever waits aborts it.
    `on_connect` is called for each connection made. Where a redirect has led once is asked first the next time.
    """

    def __init__(
        self,
        url: str,
        max_redirects: int,
        receive_buffer_bytes: int | None = None,
        connect_s: float = CONNECT_S,
        idle_s: float | None = None,
        on_connect: Callable[[], None] = lambda: None,
    ) -> None:
        _check_url(url, url)
        self.name = url
        self._target = url
        self._max_redirects = max_redirects
        self._connect_s = connect_s
        self._idle_s = idle_s
        self._on_connect = on_connect
        self._socket_options: list[tuple[int, int, int | bytes]] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        if receive_buffer_bytes is not None:
            self._socket_options.append((socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes))
        self._connection: HTTPConnection | None = None
        self._origin: tuple[str | None, str | None, int | None] | None = None
        self._is_aborted = False
        self._is_new = False  # connected, and not asked anything yet

    def connect(self) -> None:
        with self._faults():
            self._connected(self._target)

    def open(self, offset: int, length: int) -> HttpAnswer:
        """Asks for `length` bytes from `offset` on. Raises Dropped, Silent, BadAnswer, PastEnd or SourceRefused."""
        was_led_elsewhere = self._target != self.name
        try:
            return self._follow(offset, length)
        except SourceRefused:
            if not was_led_elsewhere:
                raise
            self._target = self.name  # an address that a redirect gave may hold for a while only
            return self._follow(offset, length)

    def abort(self) -> None:
        self._is_aborted = True
        connection = self._connection
        if connection is not None and isinstance(connection.sock, socket.socket):
            _reset(connection.sock)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _follow(self, offset: int, length: int) -> HttpAnswer:
        for _ in range(self._max_redirects + 1):
            url = self._target
            with self._faults():
                response = self._request(url, offset, length)
            if response.status == 206:
                return _accept(response, offset, length)
            if response.status == 200 and offset == 0 and (whole := _whole_file(response, length)):
                return whole
            self._drop(response)  # before its body is paid for
            if response.status not in _REDIRECTS:
                raise self._refusal(response)
            self._target = self._redirected(url, response)
        raise SourceRefused(f"{self.name}: more than {self._max_redirects} redirects; give the address they lead to")

    def _request(self, url: str, offset: int, length: int) -> BaseHTTPResponse:
        connection = self._connected(url)
        self._is_new = False
        connection.request(
            "GET",
            parse_url(url).request_uri,
            headers={
                "User-Agent": "unrep",
                "Accept-Encoding": "identity",
                "Range": f"bytes={offset}-{offset + length - 1}",
            },
            preload_content=False,
            decode_content=False,
        )
        return connection.getresponse()

    def _connected(self, url: str) -> HTTPConnection:
        """The connection to where a URL leads, which stands."""
        parts = parse_url(url)
        origin = (parts.scheme, parts.host, parts.port)
        if self._connection is None or self._origin != origin:
            self.close()
            self._connection, self._origin = self._new_connection(parts), origin
        connection = self._connection
        if not self._is_new and not connection.is_connected:  # a new one is readable when TLS sends its tickets
            connection.close()
        self._is_new = False
        if connection.sock is None:
            connection.timeout = self._connect_s
            connection.connect()
            self._on_connect()
            self._is_new = True
            if self._is_aborted:
                raise Dropped("the connection was given up")
        if connection.sock is not None:
            connection.sock.settimeout(self._idle_s)
        connection.timeout = self._idle_s
        return connection

    def _new_connection(self, parts: Url) -> HTTPConnection:
        host = (parts.host or "").strip("[]")
        if parts.scheme == "https":
            return HTTPSConnection(host, parts.port, socket_options=self._socket_options, cert_reqs="CERT_REQUIRED")
        return HTTPConnection(host, parts.port, socket_options=self._socket_options)

    def _drop(self, response: BaseHTTPResponse) -> None:
        """Forgets an answer; its connection goes on if nothing of a body can be under way."""
        if response.headers.get("Content-Length") == "0":
            response.read()
        else:
            self.close()
        response.close()

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Turns what goes wrong into a fault, and names the source in one that ends the session."""
        try:
            yield
        except (HTTPError, HTTPException, OSError) as error:
            fault = _fault(error)
            if isinstance(fault, SourceRefused):
                raise SourceRefused(f"{self.name}: {fault}") from error
            raise fault from error

    def _refusal(self, response: BaseHTTPResponse) -> Exception:
        """What an answer that is neither a range nor a redirect means for the session [T-15], [T-19], [T-26]."""
        status = response.status
        if status == 200 and response.headers.get("Content-Length") == "0":
            return PastEnd("is empty")
        if status == 200:
            return SourceRefused(
                f"{self.name}: the server does not answer ranges, so nothing that a broken connection leaves undone "
                "could be continued; put the bundle on a server that does, or carry it there as a file"
            )
        if status == 416:
            found = _UNSATISFIED.fullmatch(response.headers.get("Content-Range", ""))
            return PastEnd(f"ends at byte {found[1]}" if found else "has no bytes there")
        said = f"{status} {response.reason or ''}".strip()
        if status in _PASSING or status >= 500:
            wait_s = 0.0
            with contextlib.suppress(InvalidHeader):
                wait_s = Retry().get_retry_after(response) or 0.0
            return Dropped(f"answers {said}", wait_s)
        return SourceRefused(f"{self.name}: the server answers {said}; check the address, and what it lets you read")

    def _redirected(self, url: str, response: BaseHTTPResponse) -> str:
        """Where a redirect leads [T-17]. Raises SourceRefused for anything but http and https, or less than before."""
        location = response.headers.get("Location", "")
        try:
            target = urljoin(url, location)
        except ValueError as error:
            raise SourceRefused(f"{self.name}: redirected to {location!r}, which is not a valid URL") from error
        _check_url(target, f"{self.name}: redirected to {target}")
        if parse_url(url).scheme == "https" and parse_url(target).scheme != "https":
            raise SourceRefused(
                f"{self.name}: redirected from https to {target}; give an address that stays with https"
            )
        return target


class HttpLink:
    """One URL, over as many connections at once as are dialed.

    `receive_buffer_bytes` bounds what the machine takes in ahead of each, so that a limited rate is limited on the
    link and not only behind it; None leaves it to the system. Raises SourceRefused for a URL that cannot be used.
    """

    most_lanes = MOST_LANES
    is_free = False

    def __init__(self, url: str, threads: Threads, max_redirects: int, receive_buffer_bytes: int | None = None) -> None:
        _check_url(url, url)
        self.name = url
        self.connections = 0
        self._max_redirects = max_redirects
        self._receive_buffer_bytes = receive_buffer_bytes
        self._threads = threads
        self._counting = Lock()

    def dial(self) -> ThreadedConnection:
        return self._threads.dial(
            lambda: HttpReader(
                self.name, self._max_redirects, self._receive_buffer_bytes, on_connect=self._count_connection
            )
        )

    def _count_connection(self) -> None:
        with self._counting:
            self.connections += 1


def _reset(sock: socket.socket) -> None:
    """Ends a connection at once for both sides, and whoever blocks on it, from another thread."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not the method of a TLS socket, which another thread reads


def _check_url(url: str, name: str) -> None:
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise SourceRefused(f"{name}: not a valid URL") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise SourceRefused(f"{name}: a bundle is fetched from an http:// or https:// URL, a file or a directory")
    if parts.auth:
        raise SourceRefused(f"{name}: a user name or password in the URL is not used; take it out")


def _whole_file(response: BaseHTTPResponse, length: int) -> HttpAnswer | None:
    """A file that is no longer than the range may be sent as if none was asked for: it costs no more [T-15]."""
    stated = response.headers.get("Content-Length", "")
    if not re.fullmatch(r"\d{1,16}", stated) or not 0 < int(stated) <= length:
        return None
    return None if _encoding(response) else HttpAnswer(response, int(stated), int(stated))


def _encoding(response: BaseHTTPResponse) -> str:
    """The content coding of a body; empty if it is sent as it is."""
    coding: str = response.headers.get("Content-Encoding", "")
    return "" if coding.lower() == "identity" else coding


def _accept(response: BaseHTTPResponse, offset: int, length: int) -> HttpAnswer:
    try:
        sent, total = _check_place(response, offset, length)
    except BadAnswer:
        response.close()
        raise
    return HttpAnswer(response, sent, total)


def _check_place(response: BaseHTTPResponse, offset: int, length: int) -> tuple[int, int]:
    """(bytes in the range, bytes in the whole file) by the head of a 206 [T-14]. Raises BadAnswer."""
    if encoding := _encoding(response):
        raise BadAnswer(f"sends the range in another encoding, {encoding}")
    place = response.headers.get("Content-Range", "")
    found = _CONTENT_RANGE.fullmatch(place)
    if not found:
        raise BadAnswer(f"does not say which bytes it sends: Content-Range is {place!r}")
    first, last, total = (int(number) for number in found.groups())
    if first != offset or not first <= last < min(total, offset + length):
        raise BadAnswer(f"was asked for bytes {offset}-{offset + length - 1} and sends {place!r}")
    return last - first + 1, total


def _fault(error: Exception) -> Exception:
    """What an exception of urllib3, or of what is below it, means for the session."""
    cause = _cause(error, lambda e: isinstance(e, (OSError, HTTPException)) and not isinstance(e, HTTPError))
    match error:
        case TimeoutError():
            return Silent("nothing arrives")
        case NameResolutionError():
            return Dropped("its name cannot be resolved to an address")
        case ReadTimeoutError() | ConnectTimeoutError() if not isinstance(error, NewConnectionError):
            return Silent("nothing arrives")  # NewConnectionError, such as a refusal, counts as a time-out in urllib3
        case _ if isinstance(cause, SSLCertVerificationError):
            return SourceRefused(
                f"the server's certificate does not verify: {cause.verify_message}; check the address, this machine's "
                "clock and its certificate authorities"
            )
        case LocationParseError():
            return SourceRefused("not a valid URL")
        case InvalidHeader():
            return BadAnswer("sends headers that contradict each other")
        case ProtocolError() | HTTPException() if isinstance(cause, HTTPException) and not isinstance(
            cause, (RemoteDisconnected, IncompleteRead)
        ):
            return BadAnswer(f"does not speak HTTP as it should ({type(cause).__name__})")
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection ended too early"
    return Dropped(reason[0].lower() + reason[1:])


def _cause(error: BaseException, fits: Callable[[BaseException], bool]) -> BaseException | None:
    """The innermost exception that fits, in the order in which urllib3 wraps them."""
    found = None
    seen: BaseException | None = error
    while seen is not None:
        wrapped = next((a for a in reversed(seen.args) if isinstance(a, BaseException)), None)
        found = seen if fits(seen) else found
        seen = wrapped or seen.__cause__ or seen.__context__
    return found

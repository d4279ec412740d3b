"""A bundle file on an HTTP or HTTPS server that answers ranges, read with urllib3 (spec/decisions/0004-urllib3.md).

urllib3 is kept from being helpful: no retries, no redirects, no decoding of its own, since each could cost bytes that
nobody agreed to. Entity tags are not compared: mirrors differ in them, and the hashes decide [T-14].
"""

import contextlib
import re
import socket
from collections.abc import Callable
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urljoin

import urllib3
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

from transfer.errors import BadAnswer, Dropped, PastEnd, Silent, SourceRefused

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
        self._response.close()  # leaves a connection alone that has gone back to its pool: the body was read whole


class HttpLink:
    """One URL. Connections are kept alive between ranges.

    `receive_buffer_bytes` bounds what the machine takes in ahead of `read`, so that a limited rate is limited on the
    link and not only behind it; None leaves it to the system. Raises SourceRefused for a URL that cannot be used.
    """

    def __init__(self, url: str, max_redirects: int, receive_buffer_bytes: int | None = None) -> None:
        _check_url(url, url)
        self.name = url
        self.connections = 0
        self._max_redirects = max_redirects
        self._socket_options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        if receive_buffer_bytes is not None:
            self._socket_options.append((socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes))
        self._pools: dict[tuple[str | None, str | None, int | None], HTTPConnectionPool] = {}

    def open(self, offset: int, length: int, idle_s: float) -> HttpAnswer:
        url = self.name
        for _ in range(self._max_redirects + 1):
            response = self._request(url, offset, length, idle_s)
            if response.status == 206:
                return _accept(response, offset, length)
            if response.status == 200 and offset == 0 and (whole := _whole_file(response, length)):
                return whole
            response.close()  # before its body is paid for
            if response.status not in _REDIRECTS:
                raise self._refusal(response)
            url = self._redirected(url, response)
        raise SourceRefused(f"{self.name}: more than {self._max_redirects} redirects; give the address they lead to")

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _request(self, url: str, offset: int, length: int, idle_s: float) -> BaseHTTPResponse:
        try:
            return self._pool(url).urlopen(
                "GET",
                parse_url(url).request_uri,
                headers={
                    "User-Agent": "unrep",
                    "Accept-Encoding": "identity",
                    "Range": f"bytes={offset}-{offset + length - 1}",
                },
                timeout=Timeout(connect=idle_s, read=idle_s),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            fault = _fault(error)
            if isinstance(fault, SourceRefused):
                raise SourceRefused(f"{self.name}: {fault}") from error
            raise fault from error

    def _pool(self, url: str) -> HTTPConnectionPool:
        parts = parse_url(url)
        origin = (parts.scheme, parts.host, parts.port)
        if origin not in self._pools:
            options: dict[str, Any] = {"maxsize": 1, "socket_options": self._socket_options}
            if parts.scheme == "https":
                options["cert_reqs"] = "CERT_REQUIRED"  # [T-18]
            pool = urllib3.connection_from_url(url, **options)
            pool.ConnectionCls = self._counted(pool.ConnectionCls)
            self._pools[origin] = pool
        return self._pools[origin]

    def _counted(self, kind: Any) -> Any:
        """A pool counts connection objects, which connect anew after each drop."""
        link = self

        class Counted(kind):  # type: ignore[misc] # whichever class the pool has, for http or https
            def connect(self) -> None:
                super().connect()
                link.connections += 1

        return Counted

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


def _fault(error: HTTPError) -> Exception:
    """What an exception of urllib3 means for the session."""
    cause = _cause(error, lambda e: isinstance(e, (OSError, HTTPException)) and not isinstance(e, HTTPError))
    match error:
        case NameResolutionError():
            return Dropped("its name cannot be resolved to an address")
        case ReadTimeoutError() | ConnectTimeoutError() if not isinstance(error, NewConnectionError):
            return Silent("nothing arrives")  # NewConnectionError, such as a refusal, counts as a time-out in urllib3
        case SSLError() if isinstance(cause, SSLCertVerificationError):
            return SourceRefused(
                f"the server's certificate does not verify: {cause.verify_message}; check the address, this machine's "
                "clock and its certificate authorities"
            )
        case LocationParseError():
            return SourceRefused("not a valid URL")
        case InvalidHeader():
            return BadAnswer("sends headers that contradict each other")
        case ProtocolError() if isinstance(cause, HTTPException) and not isinstance(
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

"""A bundle file on an HTTP or HTTPS server that answers ranges, read with urllib3 (spec/decisions/0004-urllib3.md).

urllib3 is kept from being helpful: no retries, no redirects, no decoding of its own, since each could cost bytes that
nobody agreed to. Entity tags are not compared: mirrors differ in them, and the hashes decide [T-14].
"""

import contextlib
import re
import socket
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPException
from threading import Lock
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError
from urllib3.util import Url, parse_url

from bundle.names.plain_text import excerpt
from transfer.errors import AnotherAnswers, Dropped, PastEnd, SourceRefused
from transfer.links.access import NOTHING, Access, shown
from transfer.links.addresses import Nearness, nearness, spelled_nearness
from transfer.links.budget import Meter
from transfer.links.http_answers import HttpAnswer, accept, udp_port, whole_file
from transfer.links.http_connections import (
    CONNECT_S,
    MAX_HEAD_BYTES,
    PlainConnection,
    TlsConnection,
    reset,
    unread_bytes,
)
from transfer.links.http_faults import fault_of
from transfer.links.threads import ThreadedConnection, Threads
from transfer.pull.spans import Spans

MAX_CONNECTIONS = 6
SMALL_SEGMENT = 1200  # passes where a path takes no full packets and does not say so

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FORBIDDEN = frozenset({401, 403, 404})  # what servers say to who shows no credentials
_PASSING = frozenset({408, 425, 429})
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,16})")


class LinkMemory:
    """What all connections to one URL have seen. For any thread.

    has_ranges   whether a range was answered, so that the source does answer ranges
    alternative  the URL of the same file over UDP, if an answer told of one [T-185]; else ""
    """

    def __init__(self) -> None:
        self.has_ranges = False
        self.alternative = ""
        self._delivered = Spans()
        self._dials = 0
        self._lock = Lock()

    def delivered(self, start: int, end: int) -> None:
        """These bytes of the file came."""
        with self._lock:
            self._delivered.add(start, end)

    def has_come(self, start: int, end: int) -> bool:
        """Whether any of these bytes came before. If they are wanted again, they were not the right ones."""
        with self._lock:
            return self._delivered.missing_of(start, end) != [(start, end)]

    def needs_small_segments(self) -> bool:
        """Whether the next connection is to try small ones: every second, while nothing came over any [T-173]."""
        with self._lock:
            self._dials += 1
            return self._dials % 2 == 0 and not self._delivered


class HttpReader:
    """One connection to one URL, kept alive between ranges; it blocks.

    `connect_s` bounds the making of a connection, `idle_s` every single wait for bytes; None: whoever waits aborts it.
    `on_connect` is called for each connection made, and `meter` told of every byte that comes over any.
    Where a redirect has led once is asked first the next time.
    """

    def __init__(
        self,
        url: str,
        max_redirects: int,
        receive_buffer_bytes: int | None = None,
        access: Access = NOTHING,
        connect_s: float = CONNECT_S,
        idle_s: float | None = None,
        on_connect: Callable[[], None] = lambda: None,
        meter: Meter | None = None,
        memory: LinkMemory | None = None,
    ) -> None:
        _check_url(url, shown(url))
        self.name = shown(url)
        self._memory = memory or LinkMemory()
        self._source = self._target = url
        self._access = access
        self._max_redirects = max_redirects
        self._connect_s = connect_s
        self._idle_s = idle_s
        self._on_connect = on_connect
        self._meter = meter or Meter()
        self._socket_options: list[tuple[int, int, int | bytes]] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        if receive_buffer_bytes is not None:
            self._socket_options.append((socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes))
        if self._memory.needs_small_segments() and sys.platform != "win32":
            self._socket_options.append((socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT))
        self._connection: PlainConnection | TlsConnection | None = None
        self._origin: tuple[str | None, str | None, int | None] | None = None
        self._nearest = Nearness.WORLD  # how near redirects may lead: as near as the source
        self._is_aborted = False
        self._is_new = False  # connected, and not asked anything yet

    def connect(self) -> None:
        with self._faults():
            self._connected(self._target)

    def open(self, offset: int, length: int) -> HttpAnswer:
        """Asks for `length` bytes from `offset` on. Raises Dropped, Silent, BadAnswer, PastEnd or SourceRefused."""
        was_led_elsewhere = self._target != self._source
        try:
            try:
                return self._follow(offset, length)
            except SourceRefused:
                if not was_led_elsewhere:
                    raise
                self._target = self._source  # an address that a redirect gave may hold for a while only
                return self._follow(offset, length)
        except AnotherAnswers as refusal:
            self._target = self._source
            if not self._memory.has_ranges:
                raise
            raise Dropped("something in between answers instead, perhaps a login page") from refusal

    def abort(self) -> None:
        self._is_aborted = True
        connection = self._connection
        if connection is not None and isinstance(connection.sock, socket.socket):
            reset(connection.sock)

    def close(self) -> None:
        if self._connection is not None:
            if isinstance(self._connection.sock, socket.socket):
                self._meter.count(unread_bytes(self._connection.sock))
            self._connection.close()

    def _follow(self, offset: int, length: int) -> HttpAnswer:
        for _ in range(self._max_redirects + 1):
            url = self._target
            with self._faults():
                response = self._request(url, offset, length)
            if response.status == 206:
                answer = accept(response, offset, length)
                self._memory.has_ranges = True
                self._note_alternative(url, response)
                answer.on_read = lambda start, end: self._memory.delivered(offset + start, offset + end)
                return answer
            if response.status == 200 and offset == 0 and (whole := whole_file(response, length)):
                return whole
            self._drop(response)  # before its body is paid for
            if response.status not in _REDIRECTS:
                raise self._refusal(response)
            self._target = self._redirected(url, response)
        raise SourceRefused(f"{self.name}: more than {self._max_redirects} redirects; give the address they lead to")

    def _note_alternative(self, url: str, response: BaseHTTPResponse) -> None:
        """Remembers where the same host has the file over UDP. A proxy would not lead there, and a query not either."""
        parts = parse_url(url)
        port = udp_port(response)
        if port and parts.host and not parts.query and self._access.proxy(parts) is None:
            self._memory.alternative = f"udp://{parts.host}:{port}{parts.path or '/'}"

    def _request(self, url: str, offset: int, length: int) -> BaseHTTPResponse:
        connection = self._connected(url)
        self._is_new = False
        connection.asked_bytes = length
        target, headers = self._addressed(parse_url(url))
        connection.request(
            "GET",
            target,
            headers={
                "User-Agent": "unrep",
                "Accept-Encoding": "identity",
                "Range": f"bytes={offset}-{offset + length - 1}",
                **({"Cache-Control": "no-cache"} if self._memory.has_come(offset, offset + length) else {}),
                **headers,
            },
            preload_content=False,
            decode_content=False,
        )
        return connection.getresponse()

    def _addressed(self, url: Url) -> tuple[str, dict[str, str]]:
        """What to ask for, and with which credentials: those of the source go nowhere but there [T-96], [T-97]."""
        headers: dict[str, str] = {}
        if _origin(url) == _origin(parse_url(self._source)) and (value := self._access.authorization(url)):
            headers["Authorization"] = value
        proxy = self._access.proxy(url)
        if proxy is None or url.scheme == "https":
            return url.request_uri, headers
        if value := self._access.proxy_authorization(proxy):
            headers["Proxy-Authorization"] = value
        return f"{url.scheme}://{url.netloc}{url.request_uri}", headers

    def _connected(self, url: str) -> PlainConnection | TlsConnection:
        """The connection to where a URL leads, which stands."""
        parts = parse_url(url)
        origin = _origin(parts)
        if self._connection is None or self._origin != origin:
            self.close()
            self._connection, self._origin = self._new_connection(parts), origin
        connection = self._connection
        if not self._is_new and not connection.is_connected:  # a new one is readable when TLS sends its tickets
            connection.close()
        self._is_new = False
        if connection.sock is None:
            connection.timeout = self._connect_s
            self._connect(connection, parts)
            self._on_connect()
            self._is_new = True
            if self._is_aborted:
                raise Dropped("the connection was given up")
        if connection.sock is not None:
            connection.sock.settimeout(self._idle_s)
        connection.timeout = self._idle_s
        return connection

    def _new_connection(self, parts: Url) -> PlainConnection | TlsConnection:
        place = _place(self._access.proxy(parts) or parts)
        connection: PlainConnection | TlsConnection
        if parts.scheme == "https":
            ca_certs = str(self._access.ca_file) if self._access.ca_file else None
            connection = TlsConnection(
                *place, socket_options=self._socket_options, cert_reqs="CERT_REQUIRED", ca_certs=ca_certs
            )
        else:
            connection = PlainConnection(*place, socket_options=self._socket_options)
        connection.watch(self._meter, lambda sock: self._admit(parts, sock))
        return connection

    def _admit(self, parts: Url, sock: socket.socket) -> None:
        """Raises SourceRefused for a connection to where a redirect must not lead [T-135].

        Through a proxy the address is not known, so a host counts that is an address by its own spelling.
        """
        is_direct = self._access.proxy(parts) is None
        near = nearness(str(sock.getpeername()[0])) if is_direct else spelled_nearness(parts.host or "")
        if _origin(parts) == _origin(parse_url(self._source)):
            self._nearest = near
        elif near > self._nearest:
            raise AnotherAnswers(
                f"{self.name}: redirected to {shown(self._target)}, which is an address of this machine or of a "
                "private network, as the source is not; name that as the source if it is meant"
            )

    def _connect(self, connection: PlainConnection | TlsConnection, parts: Url) -> None:
        proxy = self._access.proxy(parts)
        if proxy and parts.scheme == "https":  # set anew each time: a connection that is closed forgets it
            value = self._access.proxy_authorization(proxy)
            connection.set_tunnel(*_place(parts), headers={"Proxy-Authorization": value} if value else None)
        connection.connect()

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
            fault = fault_of(error)
            if isinstance(fault, SourceRefused):
                raise SourceRefused(f"{self.name}: {fault}") from error
            raise fault from error

    def _refusal(self, response: BaseHTTPResponse) -> Exception:
        """What an answer that is neither a range nor a redirect means for the session [T-15], [T-19], [T-26]."""
        status = response.status
        if status == 200 and response.headers.get("Content-Length") == "0":
            return PastEnd("is empty")
        if status == 200:
            return AnotherAnswers(
                f"{self.name}: the server does not answer ranges, so nothing that a broken connection leaves undone "
                "could be continued; put the bundle on a server that does, or carry it there as a file"
            )
        if status == 416:
            found = _UNSATISFIED.fullmatch(response.headers.get("Content-Range", ""))
            return PastEnd(f"ends at byte {found[1]}" if found else "has no bytes there")
        said = f"{status} {excerpt(response.reason or '')}".strip()
        withheld = self._access.withheld(parse_url(self._target)) if status in _FORBIDDEN else ""
        if status in _PASSING or status >= 500:
            wait_s = 0.0
            with contextlib.suppress(InvalidHeader, ValueError, OverflowError):  # a year or a number out of range
                wait_s = Retry().get_retry_after(response) or 0.0
            return Dropped(f"answers {said}", wait_s)
        return SourceRefused(
            f"{self.name}: the server answers {said}; check the address, and what it lets you read{withheld}"
        )

    def _redirected(self, url: str, response: BaseHTTPResponse) -> str:
        """Where a redirect leads [T-17]. Raises SourceRefused for anything but http and https, or less than before."""
        location = response.headers.get("Location", "")
        try:
            target = urljoin(url, location)
        except ValueError as error:
            raise SourceRefused(f"{self.name}: redirected to '{excerpt(shown(location))}', no valid URL") from error
        _check_url(target, f"{self.name}: redirected to {excerpt(shown(target))}")
        if parse_url(url).scheme == "https" and parse_url(target).scheme != "https":
            raise AnotherAnswers(
                f"{self.name}: redirected from https to {excerpt(shown(target))}; give an address that stays with https"
            )
        return target


class HttpLink:
    """One URL, over as many connections at once as are dialed.

    `receive_buffer_bytes` bounds what the machine takes in ahead of each, so that a limited rate is limited on the
    link and not only behind it; None leaves it to the system. Raises SourceRefused for a URL that cannot be used.
    """

    max_connections = MAX_CONNECTIONS
    max_head_bytes = MAX_HEAD_BYTES
    is_free = False

    def __init__(
        self,
        url: str,
        threads: Threads,
        max_redirects: int,
        receive_buffer_bytes: int | None = None,
        access: Access = NOTHING,
    ) -> None:
        _check_url(url, shown(url))
        self.name = shown(url)
        self.connections = 0
        self.meter = Meter()
        self._url = url
        self._max_redirects = max_redirects
        self._receive_buffer_bytes = receive_buffer_bytes
        self._access = access
        self._threads = threads
        self._memory = LinkMemory()
        self._counting = Lock()

    @property
    def alternative(self) -> str:
        """The URL of the same file over UDP, if an answer told of one [T-185]; else ""."""
        return self._memory.alternative

    def dial(self) -> ThreadedConnection:
        return self._threads.dial(
            lambda: HttpReader(
                self._url,
                self._max_redirects,
                self._receive_buffer_bytes,
                self._access,
                on_connect=self._count_connection,
                meter=self.meter,
                memory=self._memory,
            )
        )

    def _count_connection(self) -> None:
        with self._counting:
            self.connections += 1


def _check_url(url: str, name: str) -> None:
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise SourceRefused(f"{name}: not a valid URL") from error
    if parts.auth:
        raise SourceRefused(f"{name}: a user name or password in the URL is not used; put it into --auth-file")
    if parts.scheme not in ("http", "https") or not parts.host:
        raise SourceRefused(f"{name}: a bundle is fetched from an http:// or https:// URL, a file or a directory")


def _origin(url: Url) -> tuple[str | None, str | None, int | None]:
    return url.scheme, url.host, url.port


def _place(url: Url) -> tuple[str, int | None]:
    return (url.host or "").strip("[]"), url.port

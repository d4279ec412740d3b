"""Small messages to a server, by HTTP POST, one request each on one connection [A-147].

All of it has an end: `total_s` is for the whole connection, whatever the server does, and of an answer no more than its
first KiB is read. Nothing is sent anew and no redirect is followed, for only 2xx says that a message was taken.
"""

import contextlib
import threading
from http.client import HTTPException
from types import TracebackType
from typing import Final, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from transfer.errors import SourceRefused, TransferError
from transfer.links.access import NOTHING, Access, shown
from transfer.links.http_connections import reset
from transfer.links.http_faults import fault_of

IDLE_S: Final = 20.0
_ANSWER_BYTES: Final = 1024


class NotTaken(TransferError):
    """The server did not take a message: it may take it later."""


class Posting:
    """A connection to the server at `url`, as a context manager; what it raises names the server."""

    def __init__(self, url: str, access: Access = NOTHING, total_s: float = 60.0) -> None:
        """Raises SourceRefused for a URL that is none."""
        self._name = shown(url)
        try:
            self._url = parse_url(url)
        except LocationParseError as error:
            raise SourceRefused(f"{self._name}: not a valid URL") from error
        self._access = access
        self._connection = self._made(min(IDLE_S, total_s))  # not everywhere does the alarm wake who waits
        self._is_over = False
        self._alarm = threading.Timer(total_s, self._end)
        self._alarm.daemon = True
        self._total_s = total_s

    def __enter__(self) -> Self:
        self._alarm.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._alarm.cancel()
        self._connection.close()

    def post(self, body: bytes, content_type: str) -> None:
        """Returns once the server has taken it. Raises NotTaken."""
        target, headers = self._addressed()
        try:
            self._connection.request(
                "POST",
                target,
                body=body,
                headers={"Content-Type": content_type, "User-Agent": "unrep", **headers},
                preload_content=False,
            )
            answer = self._connection.getresponse()
            status, whole = answer.status, len(answer.read(_ANSWER_BYTES + 1)) <= _ANSWER_BYTES
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if self._is_over:
                raise NotTaken(f"{self._name}: has not taken it within {self._total_s:g} s") from error
            raise NotTaken(f"{self._name}: {fault_of(error)}") from error
        if not whole or self._is_over:
            self._connection.close()  # the rest is not waited for
        if not 200 <= status < 300:
            raise NotTaken(f"{self._name}: answers {status}, so it has not taken it{self._access.withheld(self._url)}")

    def _made(self, idle_s: float) -> HTTPConnection:
        proxy = self._access.proxy(self._url)
        host, port = _place(proxy or self._url)
        if self._url.scheme != "https":
            return HTTPConnection(host, port, timeout=idle_s)
        ca_certs = str(self._access.ca_file) if self._access.ca_file else None
        connection = HTTPSConnection(host, port, timeout=idle_s, cert_reqs="CERT_REQUIRED", ca_certs=ca_certs)
        if proxy:
            value = self._access.proxy_authorization(proxy)
            target, target_port = _place(self._url)
            connection.set_tunnel(target, target_port, headers={"Proxy-Authorization": value} if value else None)
        return connection

    def _addressed(self) -> tuple[str, dict[str, str]]:
        headers = {}
        if value := self._access.authorization(self._url):
            headers["Authorization"] = value
        proxy = self._access.proxy(self._url)
        if proxy is None or self._url.scheme == "https":
            return self._url.request_uri, headers
        if value := self._access.proxy_authorization(proxy):
            headers["Proxy-Authorization"] = value
        return f"{self._url.scheme}://{self._url.netloc}{self._url.request_uri}", headers

    def _end(self) -> None:
        """Time is up: whoever waits on the socket, in another thread, gets an error."""
        self._is_over = True
        with contextlib.suppress(OSError, AttributeError):
            reset(self._connection.sock)


def _place(url: Url) -> tuple[str, int | None]:
    return (url.host or "").strip("[]"), url.port

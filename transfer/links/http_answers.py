"""What an HTTP server may answer to a range, and what it may not: spec/transfer.md, section 3."""

import re
from collections.abc import Callable

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from bundle.names.plain_text import excerpt
from transfer.errors import BadAnswer
from transfer.links.http_faults import fault_of

# RFC 7838, section 3; the name of the protocol is unrep's own
_ALTERNATIVE = re.compile(r'(?:^|,)[ \t]*unrep-pull="([^"]*):(\d{1,5})"')
_CONTENT_RANGE = re.compile(r"bytes (\d{1,16})-(\d{1,16})/(\d{1,16})")


class HttpAnswer:
    """The body of one 206 answer."""

    def __init__(self, response: BaseHTTPResponse, length: int, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.on_read: Callable[[int, int], None] = lambda start, end: None  # told which bytes of the answer came
        self._response = response
        self._length = self._left = length

    def read(self, max_bytes: int) -> bytes:
        wanted = min(max_bytes, self._left)
        if not wanted:
            return b""
        try:
            data = self._response.read1(wanted, decode_content=False)
        except HTTPError as error:
            raise fault_of(error) from error
        start = self._length - self._left
        self._left -= len(data)
        self.on_read(start, start + len(data))
        return data

    def close(self) -> None:
        self._response.close()


def udp_port(response: BaseHTTPResponse) -> int | None:
    """The port at which the same host answers over UDP, if the answer says so [T-185].

    Another host is not taken: a server may not send a ship to a third one.
    """
    found = _ALTERNATIVE.search(response.headers.get("Alt-Svc", ""))
    if not found or found[1] or not 0 < int(found[2]) < 65536:
        return None
    return int(found[2])


def whole_file(response: BaseHTTPResponse, length: int) -> HttpAnswer | None:
    """A file that is no longer than the range may be sent as if none was asked for: it costs no more [T-15]."""
    stated = response.headers.get("Content-Length", "")
    if not re.fullmatch(r"\d{1,16}", stated) or not 0 < int(stated) <= length:
        return None
    return None if _encoding(response) else HttpAnswer(response, int(stated), int(stated))


def _encoding(response: BaseHTTPResponse) -> str:
    """The content coding of a body; empty if it is sent as it is."""
    coding: str = response.headers.get("Content-Encoding", "")
    return "" if coding.lower() == "identity" else coding


def accept(response: BaseHTTPResponse, offset: int, length: int) -> HttpAnswer:
    """The body of a 206, if its head keeps the rules. Raises BadAnswer."""
    try:
        sent, total = _check_place(response, offset, length)
    except BadAnswer:
        response.close()
        raise
    return HttpAnswer(response, sent, total)


def _check_place(response: BaseHTTPResponse, offset: int, length: int) -> tuple[int, int]:
    """(bytes in the range, bytes in the whole file) by the head of a 206 [T-14]. Raises BadAnswer."""
    if encoding := _encoding(response):
        raise BadAnswer(f"sends the range in another encoding, {excerpt(encoding)}")
    place = response.headers.get("Content-Range", "")
    found = _CONTENT_RANGE.fullmatch(place)
    if not found:
        raise BadAnswer(f"does not say which bytes it sends: Content-Range is '{excerpt(place)}'")
    first, last, total = (int(number) for number in found.groups())
    if first != offset or not first <= last < min(total, offset + length):
        raise BadAnswer(f"was asked for bytes {offset}-{offset + length - 1} and sends '{place}'")
    return last - first + 1, total

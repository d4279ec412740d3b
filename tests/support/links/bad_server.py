"""A web server that misbehaves on purpose: `with BadServer(content, ["reset", "honest"]) as server`.

It serves one file at every path. Each request that brings a body meets the next behaviour; the last one goes on for
ever. What was asked is kept in `requests`, so that a test can count what a client did about it.
"""

import gzip
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

BLOCK_BYTES = 16 * 1024
ENDLESS_PAUSE_S = 0.001
RESET_PAUSE_S = 0.05
RETRY_AFTER_S = 1


@dataclass(frozen=True)
class Request:
    """What a client asked; `range` and `cache_control` as sent, empty without one."""

    method: str
    path: str
    range: str
    cache_control: str = ""


class Handler(BaseHTTPRequestHandler):
    """One connection; behaviours are functions of it."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        """Notes the request and behaves."""
        asked = self.headers.get("Range", "")
        BEHAVIOURS[self.server.next_behaviour(self._request(asked))](self)

    def do_HEAD(self) -> None:
        """Honest: a client learns the size, and no behaviour is used up."""
        self.server.note(self._request(""))
        self.head(200, len(self.content))

    def _request(self, asked: str) -> Request:
        return Request(self.command, self.path, asked, self.headers.get("Cache-Control", ""))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test reads `requests`."""

    @property
    def content(self) -> bytes:
        """The whole file."""
        return self.server.content

    @property
    def asked(self) -> tuple[int, int] | None:
        """The first and last byte of the range that was asked for, or None."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not found:
            return None
        return int(found[1]), min(int(found[2] or len(self.content)), len(self.content) - 1)

    @property
    def wanted(self) -> bytes:
        """The bytes that an honest server would send."""
        first, last = self.asked or (0, len(self.content) - 1)
        return self.content[first : last + 1]

    def place(self, shift: int = 0) -> str:
        """Content-Range of the honest answer, or of one so many bytes later."""
        first, last = self.asked or (0, len(self.content) - 1)
        return f"bytes {first + shift}-{last + shift}/{len(self.content)}"

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Sends the status line and headers; names are written with `_` for `-`."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def range_head(self, shift: int = 0) -> None:
        """The head of the honest answer, or of one that claims to begin so many bytes later."""
        length = len(self.wanted)
        if self.asked is None:
            self.head(200, length, Accept_Ranges="bytes")
        else:
            self.head(206, length, Content_Range=self.place(shift))

    def hang(self) -> None:
        """Silence, until the client leaves or the server stops."""
        self.close_connection = True
        self.connection.settimeout(0.05)
        while not self.server.stopping.is_set():
            try:
                if not self.connection.recv(1024):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def reset(self) -> None:
        """A TCP reset instead of an end."""
        time.sleep(RESET_PAUSE_S)  # a reset overtakes what lies in the buffers
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def honest(handler: Handler) -> None:
    """The range that was asked for, or the whole file."""
    if handler.asked and handler.asked[0] >= len(handler.content):
        range_unsatisfiable(handler)
        return
    handler.range_head()
    handler.wfile.write(handler.wanted)


def whole_to_range(handler: Handler) -> None:
    """200 and the whole file, whatever range was asked for."""
    handler.head(200, len(handler.content))
    handler.wfile.write(handler.content)


def wrong_content_range(handler: Handler) -> None:
    """206 that says it starts one byte later than asked."""
    handler.range_head(shift=1)
    handler.wfile.write(handler.wanted)


def wrong_bytes(handler: Handler) -> None:
    """The right range of another file: every byte is flipped."""
    handler.range_head()
    handler.wfile.write(bytes(byte ^ 0xFF for byte in handler.wanted))


def short_body(handler: Handler) -> None:
    """Half of the body, then a clean end."""
    handler.range_head()
    handler.wfile.write(handler.wanted[: len(handler.wanted) // 2])
    handler.close_connection = True


def stall(handler: Handler) -> None:
    """Half of the body, then silence."""
    handler.range_head()
    handler.wfile.write(handler.wanted[: len(handler.wanted) // 2])
    handler.hang()


def silent(handler: Handler) -> None:
    """Not even a head."""
    handler.hang()


def reset(handler: Handler) -> None:
    """Half of the body, then a TCP reset."""
    handler.range_head()
    handler.wfile.write(handler.wanted[: len(handler.wanted) // 2])
    handler.reset()


def not_found(handler: Handler) -> None:
    """404."""
    handler.head(404, 0)


def range_unsatisfiable(handler: Handler) -> None:
    """416, as if the file were empty or gone."""
    handler.head(416, 0, Content_Range=f"bytes */{len(handler.content)}")


def unavailable(handler: Handler) -> None:
    """503 with Retry-After."""
    handler.head(503, 0, Retry_After=str(RETRY_AFTER_S))


def too_many_requests(handler: Handler) -> None:
    """429 with Retry-After."""
    handler.head(429, 0, Retry_After=str(RETRY_AFTER_S))


def closed_for_today(handler: Handler) -> None:
    """503 that asks to be left alone for a day."""
    handler.head(503, 0, Retry_After="86400")


def no_content_range(handler: Handler) -> None:
    """206 that does not say which bytes it holds."""
    handler.head(206, len(handler.wanted))
    handler.wfile.write(handler.wanted)


def longer_file(handler: Handler) -> None:
    """The range as asked, out of a file that is said to be one byte longer."""
    place, length = handler.place().split("/")
    handler.head(206, len(handler.wanted), Content_Range=f"{place}/{int(length) + 1}")
    handler.wfile.write(handler.wanted)


def capped(handler: Handler) -> None:
    """Honest, but never more than one block at a time, as some caches do."""
    first, last = handler.asked or (0, len(handler.content) - 1)
    last = min(last, first + BLOCK_BYTES - 1)
    body = handler.content[first : last + 1]
    handler.head(206, len(body), Content_Range=f"bytes {first}-{last}/{len(handler.content)}")
    handler.wfile.write(body)


def one_byte(handler: Handler) -> None:
    """Honest, and a single byte of each range."""
    first, _ = handler.asked or (0, 0)
    handler.head(206, 1, Content_Range=f"bytes {first}-{first}/{len(handler.content)}")
    handler.wfile.write(handler.content[first : first + 1])


def slow_head(handler: Handler) -> None:
    """A head that never ends, a byte at a time."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 206 Partial Content\r\n")
    while not handler.server.stopping.wait(0.1):
        handler.wfile.write(b"X")


def long_header(handler: Handler) -> None:
    """The longest header that a preamble can announce, a KiB at a time."""
    first, last = handler.asked or (0, len(handler.content) - 1)
    begun = b"UNREP\x01" + struct.pack("<II", 262_144, 65_536)
    handler.range_head()
    for at in range(first, last + 1, 1024):
        if handler.server.stopping.wait(0.3):
            break
        handler.wfile.write((begun + bytes(1010))[: last + 1 - at] if at == 0 else bytes(min(1024, last + 1 - at)))


def chunked(handler: Handler) -> None:
    """The range in chunks of the transfer coding, without a length."""
    handler.head(206, None, Content_Range=handler.place(), Transfer_Encoding="chunked")
    for start in range(0, len(handler.wanted), 1000):
        block = handler.wanted[start : start + 1000]
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
    handler.wfile.write(b"0\r\n\r\n")


def endless_trailer(handler: Handler) -> None:
    """The range in one chunk, a byte short, then trailers until the client leaves."""
    handler.close_connection = True
    handler.head(206, None, Content_Range=handler.place(), Transfer_Encoding="chunked")
    block = handler.wanted[:-1]
    chunk = b"%x\r\n%b\r\n" % (len(block), block) if block else b""  # an empty one would be the last
    handler.wfile.write(chunk + b"0\r\n")
    while not handler.server.stopping.is_set():
        handler.wfile.write(b"X-Pad: " + b"p" * 4000 + b"\r\n")


def heavy_chunks(handler: Handler) -> None:
    """The range in chunks of one byte, each with an extension of 60,000."""
    handler.head(206, None, Content_Range=handler.place(), Transfer_Encoding="chunked")
    for byte in handler.wanted:
        handler.wfile.write(b"1;%b\r\n%c\r\n" % (b"e" * 60_000, byte))
    handler.wfile.write(b"0\r\n\r\n")


def no_http(handler: Handler) -> None:
    """Something else than HTTP, as a captive box in between may send."""
    handler.wfile.write(b"ahoy\r\n\r\n")
    handler.close_connection = True


def endless(handler: Handler) -> None:
    """A body without a length that goes on behind the range, until the client leaves."""
    handler.close_connection = True
    handler.head(206 if handler.asked else 200, None, Content_Range=handler.place(), Connection="close")
    handler.wfile.write(handler.wanted)
    while not handler.server.stopping.is_set():
        handler.wfile.write(bytes(BLOCK_BYTES))
        time.sleep(ENDLESS_PAUSE_S)


def redirect_loop(handler: Handler) -> None:
    """302 to another path that does the same."""
    handler.head(302, 0, Location=f"/again{len(handler.server.requests)}")


def gzip_on_top(handler: Handler) -> None:
    """The range, compressed once more on the way."""
    body = gzip.compress(handler.wanted, mtime=0)
    handler.head(206 if handler.asked else 200, len(body), Content_Range=handler.place(), Content_Encoding="gzip")
    handler.wfile.write(body)


BEHAVIOURS: dict[str, Callable[[Handler], None]] = {
    behave.__name__: behave
    for behave in (
        *(honest, whole_to_range, wrong_content_range, wrong_bytes, short_body, stall, silent, reset),
        *(not_found, range_unsatisfiable, unavailable, too_many_requests, closed_for_today, endless, redirect_loop),
        *(gzip_on_top, no_content_range, longer_file, capped, chunked, no_http),
        *(endless_trailer, heavy_chunks, one_byte, slow_head, long_header),
    )
}


class Server(ThreadingHTTPServer):
    """What the connections share."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, content: bytes, behaviours: Sequence[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._behaviours = list(behaviours)
        self._lock = threading.Lock()

    def note(self, request: Request) -> None:
        """Keeps a request that uses up no behaviour."""
        with self._lock:
            self.requests.append(request)

    def next_behaviour(self, request: Request) -> str:
        """Keeps a request, and says how to treat it."""
        with self._lock:
            self.requests.append(request)
            return self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: clients that leave in the middle are the point."""


class BadServer:
    """The server, on a thread of this process; `behaviours` are names in BEHAVIOURS."""

    def __init__(self, content: bytes, behaviours: Sequence[str]) -> None:
        unknown = [name for name in behaviours if name not in BEHAVIOURS]
        assert behaviours and not unknown, f"no such behaviour: {unknown}; there are {', '.join(BEHAVIOURS)}"
        self._server = Server(content, behaviours)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.port = self._server.server_port

    @property
    def requests(self) -> list[Request]:
        """What was asked so far."""
        return list(self._server.requests)

    def url(self, path: str = "") -> str:
        """An address on this server."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

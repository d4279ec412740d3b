"""A small web server for bundles: tests, and fleets that have no other.

It serves files for ships that lie in one directory: ranges, entity tags, keep-alive. There is no listing, and no way
out of the directory, by dots, by escapes or by links [T-60]. Nobody keeps others out by being slow [T-136].
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from bundle.host import presence
from bundle.host.files import closed_on_error, open_plain
from transfer.disk.partial import PARTIAL_SUFFIX
from transfer.errors import OutputRefused, SourceRefused
from transfer.serving.limited import LimitedHandler, LimitedServer
from transfer.serving.shown_files import is_shown

BLOCK_BYTES = 64 * 1024

_RANGE = re.compile(r"bytes=(\d{1,16})?-(\d{1,16})?")


class HttpCounts:
    """What a server answered. For any thread."""

    def __init__(self) -> None:
        self._answers: Counter[int] = Counter()
        self._sent_bytes = 0
        self._lock = Lock()

    def answered(self, status: int) -> None:
        """One more answer."""
        with self._lock:
            self._answers[status] += 1

    def sent(self, amount: int) -> None:
        """So many more bytes of a file."""
        with self._lock:
            self._sent_bytes += amount

    def read(self) -> tuple[Mapping[int, int], int]:
        """(answers by status, bytes of files)."""
        with self._lock:
            return dict(self._answers), self._sent_bytes


class BundleServer(LimitedServer):
    """Listens once it is made; `serve_forever` answers until `shutdown`.

    `udp_port`: where a server of pull shows the same directory, as each answer then says [T-185]. None: nowhere.
    Raises SourceRefused for a directory that is not there, OutputRefused for an address that cannot be listened on.
    """

    def __init__(self, directory: Path, bind: str, port: int) -> None:
        if not presence.is_directory(directory):
            raise SourceRefused(f"{directory}: no such directory; name the one that holds the bundles")
        self.directory = directory.resolve()
        self.counts = HttpCounts()
        self.udp_port: int | None = None
        try:
            super().__init__((bind, port), _Handler)
        except (OSError, OverflowError, TypeError, ValueError) as error:  # the latter for what is no name of a host
            said = getattr(error, "strerror", None) or str(error)
            raise OutputRefused(
                f"{bind}:{port}: cannot be listened on: {said}; name another --port or --bind"
            ) from error

    @property
    def url(self) -> str:
        """The address of the directory."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}/"


class _Handler(LimitedHandler):
    """One connection."""

    server: BundleServer

    def send_response(self, code: int, message: str | None = None) -> None:
        """As for any server; it is counted."""
        self.server.counts.answered(code)
        super().send_response(code, message)

    def serve(self, with_body: bool) -> None:
        """A file, or a stretch of it."""
        if not self.begin_answer():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, with_body)
            return
        file = open_inside(self.server.directory, self.path)
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND, with_body)
            return
        with file:
            status = os.fstat(file.fileno())
            tag = entity_tag(status)
            wanted = _wanted_range(self.headers.get_all("Range") or [], status.st_size)
            if wanted is not None and self.headers.get("If-Range", tag) != tag:
                wanted = None
            if wanted == ():
                self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, with_body, f"bytes */{status.st_size}")
                return
            self._head(status, tag, wanted)
            if with_body:
                first, last = wanted or (0, status.st_size - 1)
                self._copy(file, first, last - first + 1)

    def _head(self, status: os.stat_result, tag: str, wanted: tuple[int, int] | tuple[()] | None) -> None:
        length = status.st_size
        if wanted:
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes {wanted[0]}-{wanted[1]}/{length}")
            length = wanted[1] - wanted[0] + 1
        else:
            self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        if self.server.udp_port:
            self.send_header("Alt-Svc", f'unrep-pull=":{self.server.udp_port}"')
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", formatdate(status.st_mtime, usegmt=True))
        self.end_headers()

    def _copy(self, file: BinaryIO, start: int, length: int) -> None:
        file.seek(start)
        while length:
            data = file.read(min(BLOCK_BYTES, length))
            if not data:  # it was cut short meanwhile: what was promised cannot be kept
                self.close_connection = True
                return
            self.wfile.write(data)
            self.server.counts.sent(len(data))
            length -= len(data)

    def _refuse(self, status: HTTPStatus, with_body: bool, content_range: str = "") -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if with_body:
            self.wfile.write(text)


def open_inside(directory: Path, target: str) -> BinaryIO | None:
    """The file that a request names, opened, if it is one for ships; None for all else: a stranger learns nothing.

    A name is taken apart once, after its escapes are undone; no component may be empty, hidden, a step up or a drive.
    """
    try:
        names = unquote(urlsplit(target).path).split("/")[1:]
    except ValueError:  # an address with half a bracket
        return None
    if not names or any(not name or name[0] == "." or re.search(r"[\\:\0]", name) for name in names):
        return None
    if names[-1].endswith(PARTIAL_SUFFIX):
        return None
    try:
        path = directory.joinpath(*names).resolve(strict=True)
        if not path.is_relative_to(directory) or not stat.S_ISREG(path.stat().st_mode):
            return None
        return _shown(path)
    except (OSError, ValueError, RuntimeError):
        return None


def _shown(path: Path) -> BinaryIO | None:
    file = open_plain(path, buffered=True)
    with closed_on_error(file):
        if is_shown(file):
            return file
    file.close()
    return None


def entity_tag(status: os.stat_result) -> str:
    """Strong: other bytes in a file of the same name come with another time, length or file number."""
    return f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'


def _wanted_range(asked: list[str], length: int) -> tuple[int, int] | tuple[()] | None:
    """(first, last) byte; () for a range that the file does not have; None to send all of it [RFC 9110, 14.2]."""
    found = _RANGE.fullmatch(asked[0].strip()) if len(asked) == 1 else None
    if not found or found.groups() == (None, None):
        return None
    if found[1] is None:
        count = min(int(found[2]), length)
        return (length - count, length - 1) if count else ()
    first = int(found[1])
    last = min(int(found[2]), length - 1) if found[2] is not None else length - 1
    if found[2] is not None and int(found[2]) < first:
        return None
    return (first, last) if first < length else ()

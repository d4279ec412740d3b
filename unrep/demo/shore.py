"""The shore's web server behind a satellite link that fails: byte ranges, a low rate, and resets in mid-body."""

import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType

from transfer.serving.limited import LinkServer

CHUNK_BYTES = 4096


class Shore:
    """Serves one directory on 127.0.0.1 at `bytes_per_s`, with `delay_s` before each answer; a connection is reset each
    time that `drop_every_bytes` more have been sent. A context manager."""

    def __init__(self, directory: Path, bytes_per_s: int, delay_s: float, drop_every_bytes: int) -> None:
        self.directory = directory
        self.bytes_per_s = bytes_per_s
        self.delay_s = delay_s
        self.drop_every_bytes = drop_every_bytes
        self.sent_bytes = 0
        self.drops = 0
        self._server = LinkServer(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where the directory is served, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Shore":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def due_for_drop(self, amount: int) -> bool:
        """Counts bytes about to be sent; whether the link fails before they arrive."""
        before = self.sent_bytes // self.drop_every_bytes
        self.sent_bytes += amount
        dropped = self.sent_bytes // self.drop_every_bytes > before
        self.drops += dropped
        return dropped


def _handler_for(shore: Shore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(shore.delay_s)
            path = shore.directory / Path(self.path).name
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if not path.is_file() or not wanted:
                self.send_error(404 if wanted else 400)
                return
            content = path.read_bytes()
            first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
            if first > last:
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            self._send_slowly(content[first : last + 1])

        def _send_slowly(self, body: bytes) -> None:
            for at in range(0, len(body), CHUNK_BYTES):
                chunk = body[at : at + CHUNK_BYTES]
                if shore.due_for_drop(len(chunk)):
                    self._reset()
                    return
                try:
                    self.wfile.write(chunk)
                except OSError:
                    self.close_connection = True
                    return
                time.sleep(len(chunk) / shore.bytes_per_s)

        def _reset(self) -> None:
            """Ends the connection as a failing link does: without a goodbye."""
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler

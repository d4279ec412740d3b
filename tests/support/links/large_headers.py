"""A web server whose heads are as heavy as it likes: `with HeavyHeads(content, head_bytes) as server`.

Ranges are answered as asked, so that only what comes before them is wrong. `sent_bytes` is what left it, of any kind.
"""

import re
import socket
import threading
from types import TracebackType
from typing import Self

LINE_BYTES = 60_000


class HeavyHeads:
    """Heads of `head_bytes`, in lines of 60,000 at most; `interim`: so many answers 100 before each, as heavy each."""

    def __init__(self, content: bytes, head_bytes: int, interim: int = 0, status: str = "206 Partial Content") -> None:
        self.sent_bytes = 0
        self.answers = 0
        self._content = content
        self._head_bytes = head_bytes
        self._interim = interim
        self._status = status
        self._counting = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/b"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)  # what stands there did not leave yet
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while asked := self._asked(connection):
                    self.answers += 1
                    self._answer(connection, *asked)
            except OSError:
                return

    def _asked(self, connection: socket.socket) -> tuple[int, int] | None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            if not (part := connection.recv(4096)):
                return None
            request += part
        found = re.search(rb"bytes=(\d+)-(\d+)", request)
        assert found
        return int(found[1]), min(int(found[2]), len(self._content) - 1)

    def _answer(self, connection: socket.socket, first: int, last: int) -> None:
        for _ in range(self._interim):
            self._send(connection, self._head("HTTP/1.1 100 Continue\r\n"))
        total = len(self._content)
        place = f"Content-Range: bytes {first}-{last}/{total}\r\nContent-Length: {last + 1 - first}\r\n"
        self._send(connection, self._head(f"HTTP/1.1 {self._status}\r\n{place}"))
        self._send(connection, self._content[first : last + 1])

    def _head(self, begun: str) -> bytes:
        lines, left = begun, self._head_bytes - len(begun) - 2
        while left > 12:
            lines += f"X-Pad: {'p' * (min(left, LINE_BYTES) - 9)}\r\n"
            left -= min(left, LINE_BYTES)
        return f"{lines}\r\n".encode()

    def _send(self, connection: socket.socket, data: bytes) -> None:
        """Counted in small steps: what is never taken does not count for what left."""
        for at in range(0, len(data), 1024):
            connection.sendall(data[at : at + 1024])
            with self._counting:
                self.sent_bytes += len(data[at : at + 1024])

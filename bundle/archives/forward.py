"""Reading an object forward through one window: for walks that must not hold the object in memory."""

import re

from bundle.format.objects import Readable

WINDOW_BYTES = 256 * 1024


class Forward:
    """A view on an object that is read mostly forward. Reads that lie within the window cost no read of the object."""

    def __init__(self, source: Readable) -> None:
        self.size = source.size
        self._source = source
        self._start, self._data = 0, b""

    def get(self, at: int, length: int) -> bytes:
        """The bytes from there on, fewer at the object's end."""
        length = max(0, min(length, self.size - at))
        if not length:
            return b""
        begin = at - self._start
        if begin < 0 or begin + length > len(self._data):
            if length >= WINDOW_BYTES:
                return self._source.read_at(at, length)
            self.load(at)
            begin = 0
        return self._data[begin : begin + length]

    def number(self, at: int, width: int) -> int:
        """A little-endian number."""
        return int.from_bytes(self.get(at, width), "little")

    def load(self, at: int) -> None:
        """Moves the window to there."""
        self._start, self._data = at, self._source.read_at(at, min(WINDOW_BYTES, self.size - at))

    def window(self, at: int, least: int) -> tuple[int, bytes]:
        """(where the window begins, its bytes), with at least so many bytes from `at` on, or all there are."""
        end = self._start + len(self._data)
        if not self._start <= at or (at + least > end and end < self.size):
            self.load(at)
        return self._start, self._data

    def find(self, pattern: re.Pattern[bytes], longest: int, at: int) -> int | None:
        """Where the pattern, of at most `longest` bytes, is found first from there on."""
        while at < self.size:
            start, data = self.window(at, longest)
            if hit := pattern.search(data, at - start):
                return start + hit.start()
            at = self.next_start(longest)
        return None

    def next_start(self, longest: int) -> int:
        """The first place where something of that length may begin that does not lie in the window."""
        end = self._start + len(self._data)
        return self.size if end == self.size else end - longest + 1

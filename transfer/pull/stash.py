"""Bytes that have come and wait for those before them."""

from bisect import bisect_left, bisect_right, insort


class Stash:
    """Chunks of a file by their offsets, none over another. `held_bytes`: all together."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self._offsets: list[int] = []
        self._chunks: dict[int, bytes] = {}

    def put(self, offset: int, data: bytes) -> None:
        """Keeps a chunk."""
        insort(self._offsets, offset)
        self._chunks[offset] = data
        self.held_bytes += len(data)

    def read(self, position: int, end: int) -> bytes:
        """What is there from `position` on without a gap, up to `end`."""
        parts = []
        at = bisect_right(self._offsets, position) - 1
        while position < end and 0 <= at < len(self._offsets):
            offset = self._offsets[at]
            chunk = self._chunks[offset]
            if not offset <= position < offset + len(chunk):
                break
            parts.append(chunk[position - offset : end - offset])
            position += len(parts[-1])
            at += 1
        return b"".join(parts)

    def discard(self, start: int, end: int) -> list[tuple[int, int]]:
        """Lets go of the chunks that lie between. Returns where they stood."""
        first = last = bisect_left(self._offsets, start)
        dropped = []
        while last < len(self._offsets) and self._offsets[last] + len(self._chunks[self._offsets[last]]) <= end:
            offset = self._offsets[last]
            length = len(self._chunks.pop(offset))
            self.held_bytes -= length
            dropped.append((offset, offset + length))
            last += 1
        del self._offsets[first:last]
        return dropped

    def clear(self) -> None:
        """Lets go of all."""
        self.held_bytes = 0
        self._offsets.clear()
        self._chunks.clear()

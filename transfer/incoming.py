"""Pieces out of chunks: what a link hands over in any portions is taken in exact lengths."""

from collections.abc import Generator


class Incoming:
    """`kept` bytes followed by those of `chunks`."""

    def __init__(self, kept: bytes, chunks: Generator[bytes]) -> None:
        self._buffer = bytearray(kept)
        self._chunks = chunks

    def take(self, length: int) -> bytes:
        """The next `length` bytes. Raises what `chunks` raises; what has arrived by then is lost with this object."""
        while len(self._buffer) < length:
            self._buffer += next(self._chunks)
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def close(self) -> None:
        """Ends the transfer behind it."""
        self._chunks.close()

"""The annotated hex dump of spec/format.md: every byte of one small delta bundle, and what it is.

    python spec/vectors/annotate.py [FILE]

It reads a bundle whose delta stands in the root, as `inner-delta.unrep`, and prints the dump. A test compares it with
the page.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

SAMPLE = Path(__file__).parent / "inner-delta.unrep"
ROOT = (
    "format",
    "features",
    "product",
    "version",
    "epoch",
    "seq",
    "created",
    "tree",
    "manifest_size",
    "entries",
    "size",
)
SECTION = (
    "base",
    "features",
    "room",
    "index: codec, length, size",
    "length: the body stands here",
    "content: the body",
)
COLUMNS = (
    "kinds",
    "places, as differences",
    "sizes of intermediate results",
    "sources, as differences",
    "numbers",
    "packs",
)
STREAMS = ("literals", "add lengths", "extra lengths", "seeks", "skips", "changes", "extra bytes")
ROW = 16
Line = tuple[int, int, str]  # first byte, length, what it is


class Walk:
    """A walk through MessagePack, which only finds where values end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def head(self) -> tuple[int, int, bool]:
        """Bytes of a head, items or bytes behind it, and whether these are items."""
        tag = self.data[self.at]
        if 0x90 <= tag < 0xA0:
            return 1, tag & 15, True
        if tag == 0xDC:
            return 3, int.from_bytes(self.data[self.at + 1 : self.at + 3], "big"), True
        if 0x80 <= tag < 0x90:
            return 1, 2 * (tag & 15), True
        if 0xA0 <= tag < 0xC0:
            return 1, tag & 31, False
        if tag in (0xC4, 0xD9):
            return 2, self.data[self.at + 1], False
        if tag in (0xC5, 0xDA):
            return 3, int.from_bytes(self.data[self.at + 1 : self.at + 3], "big"), False
        return 1, {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}.get(tag, 0), False

    def array(self, name: str) -> Line:
        """The head of an array alone."""
        size, _, _ = self.head()
        self.at += size
        return self.at - size, size, name

    def value(self, name: str) -> Line:
        """A whole value."""
        start, left = self.at, 1
        while left:
            size, more, is_items = self.head()
            self.at += size + (0 if is_items else more)
            left += (more if is_items else 0) - 1
        return start, self.at - start, name


def lines(data: bytes) -> Iterator[Line]:
    """What the bytes are, from the first to the last."""
    root, block = (int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    yield from ((0, 5, "magic"), (5, 1, "format version"), (6, 4, f"root: {root} bytes"))
    yield 10, 4, f"signature block: {block} bytes"
    walk = Walk(data, 14)
    yield walk.array(f"root: an array of {data[14] & 15}")
    yield from (walk.value(name) for name in ROOT)
    yield walk.value("piece_log")
    yield walk.array("sections: an array of 1")
    yield walk.array("section: an array of 6")
    yield from (walk.value(name) for name in SECTION[:-1])
    size, length, _ = walk.head()
    body = walk.at + size
    yield walk.at, size, f"{SECTION[-1]}, {length} bytes"
    yield from _body(data, body, body + length)
    yield from _signatures(data, 14 + root)


def _body(data: bytes, at: int, end: int) -> Iterator[Line]:
    walk = Walk(data, at)
    yield walk.array("index: an array of 3")
    yield walk.value("base objects")
    yield walk.value("opened archives: none")
    yield walk.array("frames: an array of 1")
    yield walk.array("frame: an array of 6")
    yield from (walk.value(name) for name in COLUMNS[:-1])
    start = walk.at
    yield walk.value(f"{COLUMNS[-1]}: stream and length")
    numbers = _numbers(data, start)
    at = walk.at
    for stream, length in zip(numbers[::2], numbers[1::2], strict=True):
        yield at, length, f"pack of {STREAMS[stream]}"
        at += length
    assert at == end


def _numbers(data: bytes, at: int) -> list[int]:
    walk = Walk(data, at)
    _, count, _ = walk.head()
    walk.array("")
    found = []
    for _ in range(count):
        start, size, _ = walk.value("")
        found.append(int.from_bytes(data[start + (size > 1) : start + size], "big"))
    return found


def _signatures(data: bytes, at: int) -> Iterator[Line]:
    walk = Walk(data, at)
    yield walk.array("signature block: a map of 1")
    yield walk.value("its key: s")
    yield walk.array("an array of 1")
    yield walk.array("a pair")
    yield walk.value("key id")
    yield walk.value("signature")
    assert walk.at == len(data)


def dump(data: bytes) -> str:
    """The dump: offset, up to 16 bytes, and what begins there."""
    found = []
    for start, size, name in lines(data):
        for at in range(start, start + size, ROW):
            row = data[at : min(at + ROW, start + size)]
            text = f"{at:04x}  {row.hex(' '):{3 * ROW}} {name if at == start else ''}"
            found.append(text.rstrip())
    return "\n".join(found)


if __name__ == "__main__":
    print(dump(Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else SAMPLE.read_bytes()))

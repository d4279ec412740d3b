"""The lowest layer of the second reader: refusals, canonical msgpack [F-3], varints [F-40], packed bytes [F-24]."""

import io
import lzma
from typing import Any

try:
    from compression import zstd  # from Python 3.14 on
except ImportError:
    zstd = None

MAX_INT = 2**53 - 1
MAX_DEPTH = 16
ONE = frozenset(
    bytes.fromhex("01 03 09 0B 21 23 29 2B 31 33 38 39 3A 3B 63 80 81 83 84 85 87 88 89 8A 8B 8D C6 C7 F6 F7 FF")
)
TWO = frozenset((*range(0x10, 0x18), *range(0x40, 0x50), *range(0x57, 0x5B), *range(0x5C, 0x60)))
TWO |= frozenset(bytes.fromhex("28 29 2E 2F 51 54 6E 6F 7E 7F AF B6 B7 BE BF D6 DB EB EF"))
FILTERED_MAX = 1 << 30
STEP = 512  # a Zstandard block of a few bytes may make 128 KiB, so input goes in by small steps


class Refused(Exception):
    """The bundle is refused; `kind` is a class of spec/vectors: malformed, corrupt, untrusted, unsupported."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def malformed(sentence: str) -> Refused:
    return Refused("malformed", sentence)


def corrupt(sentence: str) -> Refused:
    return Refused("corrupt", sentence)


def need(holds: bool, sentence: str) -> None:
    """Refuses as malformed what does not hold."""
    if not holds:
        raise malformed(sentence)


class Allowance:
    """Bytes that recipes may still take in, for a release of that size [F-68]."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, amount: int) -> None:
        self.left -= amount
        need(self.left >= 0, "the recipes take in too much for such a release")


class Cursor:
    """Bytes that are taken from the front, and must be used up."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, f"{self.name} ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        """[F-40]"""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            need(value <= MAX_INT and shift <= 56, f"{self.name} has a varint over 2^53 - 1")
            if byte < 128:
                need(byte > 0 or shift == 7, f"{self.name} has a varint with a zero byte at its end")
                return value

    def seek(self) -> int:
        value = self.varint()
        return value >> 1 if value % 2 == 0 else -(value + 1 >> 1)

    def end(self) -> None:
        need(self.at == len(self.data), f"{self.name} has bytes that nothing uses")


def decode(data: bytes, name: str) -> Any:
    """One canonical value: maps as lists of pairs, so that the order of keys can be compared."""
    cursor = Cursor(data, name)
    value = _value(cursor, 0)
    cursor.end()
    return value


def _value(c: Cursor, depth: int) -> Any:
    need(depth < MAX_DEPTH, f"{c.name} is nested too deep")
    tag = c.byte()
    if tag < 0x80:
        return tag
    if tag >= 0xE0:
        return tag - 256
    if tag < 0xC0:
        count = tag & (31 if tag >= 0xA0 else 15)
        return _text(c, count) if tag >= 0xA0 else _items(c, count, depth, pairs=tag < 0x90)
    if 0xCC <= tag <= 0xD3:
        return _integer(c, 1 << (tag & 3), signed=tag >= 0xD0)
    if tag in (0xC4, 0xC5, 0xC6):
        return c.take(_length(c, 1 << tag - 0xC4, 0))
    if tag in (0xD9, 0xDA, 0xDB):
        return _text(c, _length(c, 1 << tag - 0xD9, 31))
    if tag in (0xDC, 0xDD, 0xDE, 0xDF):
        return _items(c, _length(c, 4 if tag & 1 else 2, 15), depth, pairs=tag >= 0xDE)
    raise malformed(f"{c.name} has a byte {tag:02x} where no integer, string, bytes, array or map begins")


def _integer(c: Cursor, size: int, *, signed: bool) -> int:
    value = int.from_bytes(c.take(size), "big", signed=signed)
    smaller = 256 ** (size // 2) if size > 1 else 128
    small = value >= (-32 if size == 1 else -smaller // 2) if signed else value < smaller
    need(not small and abs(value) <= MAX_INT, f"{c.name} has an integer not in its smallest form or over 2^53 - 1")
    return value


def _length(c: Cursor, size: int, short: int) -> int:
    """A length of so many bytes, which says what a shorter form, of up to `short`, could not."""
    value = int.from_bytes(c.take(size), "big")
    fits = 256 ** (size // 2) - 1 if size > 1 and (size > 2 or short != 15) else short
    need(value > fits or (size == 1 and short == 0), f"{c.name} has a length not in its smallest form")
    return value


def _text(c: Cursor, size: int) -> str:
    try:
        return c.take(size).decode()
    except UnicodeDecodeError as fault:
        raise malformed(f"{c.name} has a string that is not UTF-8") from fault


def _items(c: Cursor, count: int, depth: int, *, pairs: bool) -> list[Any]:
    need(count <= len(c.data) - c.at, f"{c.name} ends too early")
    if not pairs:
        return [_value(c, depth + 1) for _ in range(count)]
    return Pairs((_value(c, depth + 1), _value(c, depth + 1)) for _ in range(count))


class Pairs(list[Any]):
    """A map as it stood."""


def encode(value: Any) -> bytes:
    """The one encoding of a str-keyed dict, list, str, bytes or int not below 0."""
    if isinstance(value, int):
        for limit, tag, size in (
            (0x80, None, 1),
            (256, 0xCC, 1),
            (1 << 16, 0xCD, 2),
            (1 << 32, 0xCE, 4),
            (1 << 64, 0xCF, 8),
        ):
            if value < limit:
                return (b"" if tag is None else bytes([tag])) + value.to_bytes(size, "big")
    if isinstance(value, bytes):
        return _prefix(len(value), None, 0, (0xC4, 0xC5, 0xC6)) + value
    if isinstance(value, str):
        text = value.encode()
        return _prefix(len(text), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + text
    if isinstance(value, list):
        return _prefix(len(value), 0x90, 15, (None, 0xDC, 0xDD)) + b"".join(map(encode, value))
    return _prefix(len(value), 0x80, 15, (None, 0xDE, 0xDF)) + b"".join(encode(k) + encode(v) for k, v in value.items())


def _prefix(count: int, fix: int | None, short: int, tags: tuple[int | None, ...]) -> bytes:
    if fix is not None and count <= short:
        return bytes([fix | count])
    size, tag = next((s, t) for s, t in zip((1, 2, 4), tags, strict=True) if t is not None and count < 256**s)
    return bytes([tag]) + count.to_bytes(size, "big")


def packed(value: Any, name: str) -> tuple[int, int, int]:
    """[codec, length, size], judged before anything is unpacked [F-24]."""
    need(
        type(value) is list and len(value) == 3 and all(type(n) is int and n >= 0 for n in value),
        f"{name} is no packed array",
    )
    codec, length, size = value
    known = codec in (0, 1) or any(first + 12 <= codec <= first + 26 for first in (32, 96, 160))
    need(known, f"{name} has codec {codec}")
    need(codec < 160 or size <= FILTERED_MAX, f"{name} is too large for the filter of code")
    need(length > 0 and size > 0 and (codec != 0 or length == size), f"{name} has lengths out of bounds")
    return codec, length, size


def unpack(codec: int, data: bytes, size: int, name: str) -> bytes:
    """Exactly `size` bytes out of a stream that is nothing but these [F-25]."""
    if codec == 0:
        return data
    try:
        made = _drain(
            _zstandard() if codec == 1 else _lzma2(codec),
            (b"\x28\xb5\x2f\xfd" if codec == 1 else b"") + data,
            size,
            name,
        )
        return without_filter(made) if codec >= 160 else made
    except (lzma.LZMAError, EOFError, ValueError, _zstandard_error()) as fault:
        raise corrupt(f"{name} does not unpack") from fault


def without_filter(data: bytes) -> bytes:
    """Code as it was before the filter [F-143]."""
    size, made, at, behind = len(data), bytearray(data), 0, 0
    reach = 1 << max(16, (size + size // 2).bit_length())
    while at < size:
        at += 1
        if at + 4 <= size and _loads(data[max(behind, at - 3) : at]):
            w, p = int.from_bytes(data[at : at + 4], "big"), at + 4
            v = w - p if w < reach else w + reach if w >= (1 << 32) - p else w
            made[at : at + 4] = (v % (1 << 32)).to_bytes(4, "little")
            at = behind = at + 4
    return bytes(made)


def _loads(last: bytes) -> bool:
    if last[-1] == 0xE8:
        return True
    if last[-1] & 0xC7 != 5 or len(last) < 2:
        return False
    return last[-2] in ONE or (len(last) > 2 and last[-3] == 0x0F and last[-2] in TWO)


def _drain(stream: Any, data: bytes, size: int, name: str) -> bytes:
    made = io.BytesIO()
    for at in range(0, len(data), STEP):
        if stream.eof:
            raise corrupt(f"{name} has bytes after its end")
        made.write(stream.decompress(data[at : at + STEP]))
        if made.tell() > size:
            raise corrupt(f"{name} unpacks to more than its size")
    if not stream.eof or stream.unused_data or made.tell() != size:
        raise corrupt(f"{name} has no end, more after it, or unpacks to less than its size")
    return made.getvalue()


def _lzma2(codec: int) -> lzma.LZMADecompressor:
    filters: list[dict[str, int]] = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << codec % 32}]
    if 96 <= codec < 128:
        filters.insert(0, {"id": lzma.FILTER_X86})
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def _zstandard() -> Any:
    if zstd is not None:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


def _zstandard_error() -> type[Exception]:
    if zstd is not None:
        error: type[Exception] = zstd.ZstdError
        return error
    import zstandard

    return zstandard.ZstdError

"""Made-up executables of x86-64: small, the same on every machine, with references of every kind in them."""

import random
import struct

BASE = 0x180000000
CODE, DATA, RELOC = 0x1000, 0x9000, 0xF000


class Code:
    """A made-up PE image: functions that call each other, a table of data, pointers to both, unwind entries."""

    def __init__(self, functions: list[bytes]) -> None:
        starts, at = [], CODE
        for body in functions:
            starts.append(at)
            at += len(body) + 10 + 7  # a call and a load each
        text = bytearray()
        for number, body in enumerate(functions):
            here = starts[number] + len(body)
            callee = starts[(number * 7 + 3) % len(functions)]
            text += body + b"\xe8" + struct.pack("<i", callee - (here + 5)) + bytes([0x48, 0x8D, 0x05])
            text += struct.pack("<i", DATA + 8 * (number % 50) - (here + 12)) + b"\xc3" * 5
        data = b"".join(struct.pack("<Q", BASE + starts[n * 3 % len(starts)]) for n in range(60))
        table = b"".join(struct.pack("<III", a, b, DATA) for a, b in zip(starts, [*starts[1:], at], strict=True))
        data = data.ljust(1024, b"\0") + table
        entries = [0xA000 | (8 * n) for n in range(60)]
        block = struct.pack(f"<II{len(entries)}H", DATA, 8 + 2 * len(entries), *entries)
        self.data = _pe([(CODE, bytes(text), True), (DATA, data, False), (RELOC, block, False)], len(table), len(block))


def _pe(sections: list[tuple[int, bytes, bool]], table: int, relocations: int) -> bytes:
    directories = bytearray(16 * 8)
    struct.pack_into("<II", directories, 3 * 8, DATA + 1024, table)
    struct.pack_into("<II", directories, 5 * 8, RELOC, relocations)
    optional = bytearray(112)
    struct.pack_into("<H", optional, 0, 0x20B)
    struct.pack_into("<Q", optional, 24, BASE)
    header = bytearray(0x80) + b"PE\0\0" + struct.pack("<HH12xHH", 0x8664, len(sections), 112 + 128, 0)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 0x3C, 0x80)
    listing, bodies, offset = b"", b"", 0x400
    for address, content, executable in sections:
        size = -(-len(content) // 512) * 512
        listing += struct.pack("<8sIIII12xI", b".x", len(content), address, size, offset, 0x20000000 * executable)
        bodies += content.ljust(size, b"\0")
        offset += size
    return bytes(header + optional + directories + listing).ljust(0x400, b"\0") + bodies


def image_pair(seed: int) -> tuple[bytes, bytes]:
    """An image, and the same with code inserted in some functions."""
    rng = random.Random(seed)
    functions = [bytes(rng.choices(range(0x50, 0x5F), k=rng.randrange(20, 120))) for _ in range(150)]
    changed = list(functions)
    for number in (3, 40, 90):
        changed[number] = changed[number][:10] + b"\x90\x90\x90" + changed[number][10:]
    return Code(functions).data, Code(changed).data

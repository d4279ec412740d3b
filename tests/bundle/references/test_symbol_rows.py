"""Symbols are paired by name, and images need not have as many stretches: what both save, and that it stays exact."""

import random
import struct

import numpy as np
import pytest

from bundle.format.index import Stream
from bundle.format.objects import MemoryObject
from bundle.format.varints import read_varints
from bundle.references.aiming import RebasedPatch, make_rebased
from bundle.references.prediction import scan
from bundle.references.rebase import Numbers, apply_rebased
from bundle.references.symbol_rows import LEAST_ROWS, paired_rows

ROWS = 2 * LEAST_ROWS
CODE = 0x400


def program(functions: list[bytes], order: list[int], segments: int = 1, tail: bytes = b"") -> bytes:
    """An ELF image: functions that call each other, and a symbol for each, listed in this order.

    With two segments, what stands before the code is loaded 10000 lower.
    """
    starts = np.cumsum([CODE, *map(len, functions)]).tolist()
    code = bytearray(b"".join(functions))
    loaded = CODE + len(code)
    names = b"\0" + b"".join(b"function_%d%b\0" % (n, tail) for n in range(len(functions)))
    at = [names.index(b"\0function_%d%b\0" % (n, tail)) + 1 for n in range(len(functions))]
    rows = b"".join(struct.pack("<IIQQ", at[n], 0x12, 0x10000 + starts[n], len(functions[n])) for n in order)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, loaded, 0, 64, 56, segments, 64, 3, 0)
    first = (0, 0x10000) if segments == 1 else (CODE, 0x10000 + CODE)
    loads = [(5, first[0], first[1], loaded - first[0])]
    if segments == 2:
        loads.insert(0, (4, 0, 0, CODE))
    for flags, offset, address, size in loads:
        head += struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, size, size, 0x1000)
    tables = loaded + 3 * 64
    sections = bytes(64)
    for kind, offset, size, link in ((2, tables, len(rows), 2), (3, tables + len(rows), len(names), 0)):
        sections += struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, offset, size, link, 0, 1, 24)
    return head.ljust(CODE, b"\0") + bytes(code) + sections + rows + names


def made_up(seed: int, count: int = ROWS) -> list[bytes]:
    """Functions, each with a call of another."""
    choice = random.Random(seed)
    bodies = [choice.randbytes(choice.randrange(20, 50)) for _ in range(count)]
    starts = np.cumsum([CODE, *(len(body) + 6 for body in bodies)]).tolist()
    found = []
    for number, body in enumerate(bodies):
        behind = starts[number] + len(body) + 5
        found.append(body + b"\xe8" + struct.pack("<i", starts[choice.randrange(count)] - behind) + b"\xc3")
    return found


def applied(made: RebasedPatch, old: bytes, new: bytes) -> bytes:
    extra = b"".join(part if isinstance(part, bytes) else new[part[0] : sum(part)] for part in made.extra)
    streams = {**made.streams, Stream.EXTRA: extra}
    taken = dict.fromkeys(streams, 0)

    def take(stream: Stream, length: int):  # type: ignore[no-untyped-def]
        start, taken[stream] = taken[stream], taken[stream] + length
        yield streams[stream][start : start + length]

    columns = (read_varints(iter(streams[one])) for one in (Stream.PLACE, Stream.LAYOUT, Stream.SKIP))
    rows = np.array(made.triples, np.int64).reshape(-1, 3)
    return b"".join(apply_rebased(MemoryObject(old), len(new), rows, Numbers(*columns), take))


@pytest.mark.parametrize("tail", [b"", b"x" * 5000])
def test_each_symbol_is_made_from_that_of_its_name(tail: bytes) -> None:
    """[F-55]: however long the names are."""
    functions = made_up(1)
    order = list(range(ROWS))
    random.Random(2).shuffle(order)
    old, new = (program(functions, one, tail=tail) for one in (list(range(ROWS)), order))
    scanned = [scan(MemoryObject(data)) for data in (old, new)]
    assert scanned[0] and scanned[1]
    ((start, end, rows),) = paired_rows(*((one.data, one.image) for one in scanned if one))
    assert sum(row.size for row in rows) == end - start == 24 * ROWS
    for row in rows:
        assert old[row.old : row.old + row.size] == new[row.new : row.new + row.size]
    made = make_rebased(MemoryObject(old), MemoryObject(new))
    assert made and applied(made, old, new) == new


def test_a_name_that_stands_twice_costs_no_time() -> None:
    """All rows have one name: each old one is taken once, in order."""
    functions = made_up(3)
    old = program(functions, [7] * ROWS)
    scanned = scan(MemoryObject(old))
    assert scanned
    ((_, _, rows),) = paired_rows((scanned.data, scanned.image), (scanned.data, scanned.image))
    assert [(row.old, row.size) for row in rows] == [(rows[0].old, 24 * ROWS)]


def test_another_number_of_stretches() -> None:
    """[F-109]: patchelf and linkers split what is loaded. Calls are rebased all the same, in both directions."""
    functions = made_up(4)
    changed = [*functions[:40], b"\x90" * 24 + functions[40], *functions[41:]]
    for before, after in ((1, 2), (2, 1)):
        old, new = program(functions, list(range(ROWS)), before), program(changed, list(range(ROWS)), after)
        made = make_rebased(MemoryObject(old), MemoryObject(new))
        assert made and made.streams[Stream.LAYOUT][3:].startswith(bytes([0, after + 1]))
        assert applied(made, old, new) == new
        assert len(made.streams[Stream.CHANGE]) < len(new) // 20

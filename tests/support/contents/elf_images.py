"""Made-up ELF executables of x86-64 and AArch64: small, the same on every machine, with references of every kind that
ELF has, each of which is noted as it is written."""

import random
import struct
from dataclasses import dataclass, field

REST = 1 << 39
X86, ARM = 62, 183
FUNCTIONS, TABLES, CASES, WORDS = 90, 10, 8, 64
MOVED = {"code": 0x1000, "dynamic": 0x2000, "data": 0x2000, "symbols": REST, "names": REST, "sections": REST}
NOP = 0xD503201F
LOADS = (0x39400000, 0x79400000, 0xB9400000, 0xF9400000, 0x3DC00000)  # LDR of 1, 2, 4, 8 and 16 bytes


def _sizes(machine: int, functions: list[bytes], names: int) -> dict[str, int]:
    """Bytes of each part, in the order of the file."""
    frames = 32 + 20 + sum(28 if n % 2 else 24 for n in range(len(functions)))
    code = sum(len(body) + (35 if machine == X86 else 56) for body in functions) + 16
    return {
        "headers": 64 + 56 * 5,
        "relocations": 24 * WORDS,
        "slots": 24 * 4,
        "dynamic symbols": 24 * 8,
        "dynamic names": names,
        "header": 12 + 8 * len(functions),
        "frames": frames,
        "exceptions": 8 * len(functions),
        "tables": 4 * CASES * TABLES + 16,
        "code": code,
        "dynamic": 16 * 5,
        "data": 16 * WORDS,
        "symbols": 24 * len(functions),
        "names": 8 * len(functions),
        "sections": 64 * 5,
    }


@dataclass
class Elf:
    """One image: `data`, and `expected`: for each kind (offset, target) or (offset, target, anchor).

    `names`: bytes of the dynamic symbols' names, so that what is behind them moves.
    """

    machine: int
    functions: list[bytes]
    names: int = 64
    data: bytearray = field(init=False)
    expected: dict[str, list[tuple[int, ...]]] = field(init=False)
    at: dict[str, int] = field(init=False)  # file offset of each part
    address: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.expected = {}
        self.at, self.address, offset = {}, {}, 0
        sizes = _sizes(self.machine, self.functions, self.names)
        for name, size in sizes.items():
            self.at[name], self.address[name] = offset, offset + MOVED.get(name, 0)
            offset += -(-size // 16) * 16
        self.sizes, self.data = sizes, bytearray(offset)
        self._write_headers()
        self.starts = self._write_code()
        self._write_frames()
        self._write_tables()
        self._write_symbols("dynamic symbols", "dynamic names", 8)
        self._write_symbols("symbols", "names", len(self.functions))
        for found in self.expected.values():
            found.sort()

    def note(self, kind: str, offset: int, *where: int) -> None:
        """Says that a reference stands there."""
        self.expected.setdefault(kind, []).append((offset, *where))

    def put(self, form: str, offset: int, *values: int | bytes) -> None:
        struct.pack_into("<" + form, self.data, offset, *values)

    def jump(self, offset: int, target: int, anchor: int) -> None:
        self.note("JUMP", offset, target, anchor)
        self.put("i", offset, target - anchor)

    def here(self, offset: int, address: int, target: int) -> None:
        self.note("HERE", offset, target)
        self.put("i", offset, target - address)

    def long(self, offset: int, target: int) -> None:
        self.note("LONG", offset, target)
        self.put("q", offset, target)

    def _write_headers(self) -> None:
        self.put(
            "16sHHIQQQIHHHHHH",
            0,
            b"\x7fELF\2\1\1",
            3,
            self.machine,
            1,
            0,
            64,
            self.at["sections"],
            0,
            64,
            56,
            5,
            64,
            5,
            0,
        )
        code, dynamic, end = self.at["code"], self.at["dynamic"], self.at["symbols"]
        rows = [
            (1, 4, 0, 0, code),
            (1, 5, code, code + 0x1000, dynamic - code),
            (1, 6, dynamic, dynamic + 0x2000, end - dynamic),
            (2, 6, dynamic, dynamic + 0x2000, self.sizes["dynamic"]),
            (0x6474E550, 4, self.at["header"], self.at["header"], self.sizes["header"]),
        ]
        for number, (kind, flags, offset, address, size) in enumerate(rows):
            room = size + (0x500 if flags == 6 else 0)
            self.put("IIQQQQQQ", 64 + 56 * number, kind, flags, offset, address, address, size, room, 8)

    def _write_code(self) -> list[int]:
        """The code; where each function starts."""
        write = self._x86 if self.machine == X86 else self._arm
        tail = 35 if self.machine == X86 else 56
        starts, at = [], self.address["code"]
        for body in self.functions:
            starts.append(at)
            at += len(body) + tail
        for number, (start, body) in enumerate(zip(starts, self.functions, strict=True)):
            offset = start - self.address["code"] + self.at["code"]
            self.data[offset : offset + len(body)] = body
            callee = starts[(number * 7 + 3) % len(starts)]
            write(number, offset + len(body), start + len(body), (callee, start))
        return starts

    def _x86(self, number: int, offset: int, address: int, code: tuple[int, int]) -> None:
        table = self.address["tables"] + 4 * CASES * (number % TABLES)
        word = self.address["data"] + 16 * (number % WORDS)
        for opcode, target in (
            (b"\xe8", code[0]),
            (b"\x48\x8d\x05", table),
            (b"\x48\x8b\x0d", word),
            (b"\x0f\xb6\x05", word + 8),
            (b"\x0f\x84", code[1]),
        ):
            self.data[offset : offset + len(opcode)] = opcode
            offset, address = offset + len(opcode) + 4, address + len(opcode) + 4
            self.note("RELATIVE", offset - 4, target)
            self.put("i", offset - 4, target - address)
        self.data[offset : offset + 3] = b"\xc3" * 3

    def _arm(self, number: int, offset: int, address: int, code: tuple[int, int]) -> None:
        word = self.address["data"] + 16 * (number % WORDS)
        self.note("BRANCH", offset, code[0])
        self.put("I", offset, 0x94000000 | (code[0] - address) >> 2 & 0x3FFFFFF)
        self._page(offset + 4, address + 4, word, 3)
        self.put("I", offset + 8, NOP)
        self._low(offset + 12, 0x91000000 | 3 << 5 | 4, word, 0)
        self._page(offset + 16, address + 16, word, 5)
        for scale, load in enumerate(LOADS):
            self._low(offset + 20 + 4 * scale, load | 5 << 5 | 6, word, scale)
        self.note("BRANCH", offset + 40, code[1])
        self.put("I", offset + 40, 0x14000000 | (code[1] - address - 40) >> 2 & 0x3FFFFFF)
        self.put("III", offset + 44, 0xD65F03C0, NOP, NOP)

    def _page(self, offset: int, address: int, target: int, register: int) -> None:
        self.note("PAGE", offset, target)
        pages = (target >> 12) - (address >> 12)
        self.put("I", offset, 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5 | register)

    def _low(self, offset: int, instruction: int, target: int, scale: int) -> None:
        self.note("LOW", offset, target)
        self.put("I", offset, instruction | (target & 0xFFF) >> scale << 10)

    def _write_frames(self) -> None:
        """A CIE with a personality, for every other function, and one without."""
        start, header = self.at["frames"], self.at["header"]
        self.put("II17sB", start, 28, 0, b"\1zPLR\0\1\x78\x10\7\x9b....\x1b\x1b", 0)
        self.here(start + 19, start + 19, self.address["data"] + 8)
        self.put("II12s", start + 32, 16, 0, b"\1zR\0\1\x78\x10\1\x1b")
        at = start + 32 + 20
        self.put("4sIII", header, b"\x01\x1b\x03\x3b", 0, len(self.functions), 0)
        self.here(header + 4, header + 4, start)
        for number, function in enumerate(self.starts):
            self.jump(header + 12 + 8 * number, function, header)
            self.jump(header + 16 + 8 * number, at, header)
            common = start if number % 2 else start + 32
            self.note("BACK", at + 4, common)
            self.put("III", at, 24 if number % 2 else 20, at + 4 - common, 0)
            self.put("IB", at + 12, len(self.functions[number]), 4 if number % 2 else 0)
            self.here(at + 8, at + 8, function)
            if number % 2:
                self.here(at + 17, at + 17, self.at["exceptions"] + 8 * number)
            at += 28 if number % 2 else 24

    def _write_tables(self) -> None:
        relative = 8 if self.machine == X86 else 1027
        tags = [(7, self.address["relocations"]), (8, 24 * WORDS), (23, self.address["slots"]), (2, 24 * 4), (0, 0)]
        for number, row in enumerate(tags):
            self.put("qQ", self.at["dynamic"] + 16 * number, *row)
        for number in range(WORDS):
            at, target = self.at["relocations"] + 24 * number, self.starts[number]
            self.long(at, self.address["data"] + 16 * number)
            self.put("Q", at + 8, relative)
            self.long(at + 16, target)
            if number % 2:
                self.long(self.at["data"] + 16 * number, target)
        for number in range(4):
            self.long(self.at["slots"] + 24 * number, self.address["data"] + 16 * number + 8)
            self.put("Q", self.at["slots"] + 24 * number + 8, number << 32 | 7)
        for table in range(TABLES if self.machine == X86 else 0):
            anchor = self.address["tables"] + 4 * CASES * table
            for case in range(CASES):
                self.jump(anchor + 4 * case, self.starts[(table * 5 + case * 11) % len(self.starts)], anchor)

    def _write_symbols(self, rows: str, names: str, count: int) -> None:
        loaded = rows.startswith("dynamic")
        number = 3 if loaded else 1
        for at, (name, link, kind) in enumerate(((rows, number + 1, 11 if loaded else 2), (names, 0, 3))):
            where = (self.address[name] if loaded else 0, self.at[name], self.sizes[name], link)
            self.put("IIQQQQI", self.at["sections"] + 64 * (number + at), 0, kind, 0, *where)
        for symbol in range(count):
            row, length = self.at[rows] + 24 * symbol, self.sizes[names] // count
            self.jump(row, self.address[names] + length * symbol, self.address[names])
            self.long(row + 8, self.starts[symbol])


def _body(rng: random.Random, machine: int) -> bytes:
    """Instructions without references."""
    if machine == X86:
        return bytes(rng.choices(range(0x50, 0x5F), k=rng.randrange(20, 120)))
    moves = (0xD2800000 | rng.getrandbits(16) << 5 | rng.randrange(30) for _ in range(rng.randrange(5, 30)))
    return b"".join(struct.pack("<I", move) for move in moves)


def elf_pair(seed: int, machine: int, names: int = 64) -> tuple[Elf, Elf]:
    """An image, and the same with code inserted in some functions; its dynamic names are `names` bytes long."""
    rng = random.Random(seed)
    functions = [_body(rng, machine) for _ in range(FUNCTIONS)]
    changed, added = list(functions), b"\x90\x90\x90" if machine == X86 else struct.pack("<I", NOP)
    for number in (3, 40, 75):
        changed[number] = changed[number][:12] + added + changed[number][12:]
    return Elf(machine, functions), Elf(machine, changed, names)

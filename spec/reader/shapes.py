"""Shapes of deflate streams for the second reader, bit after bit [F-69] [F-70] [F-71]. Bits are strings of 0 and 1."""

from wire import Cursor, malformed, need

FORM_MAX = 16_777_216
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
LENGTH_EXTRA = [0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0]
DISTANCE_EXTRA = [0, 0, *(bits for bits in range(14) for _ in "ab")]
LENGTH_LOW = [3 + sum(1 << bits for bits in LENGTH_EXTRA[:symbol]) for symbol in range(28)] + [258]
DISTANCE_LOW = [1 + sum(1 << bits for bits in DISTANCE_EXTRA[:symbol]) for symbol in range(30)]
REPEATS = {16: (2, 16), 17: (3, 20), 18: (7, 28)}  # extra bits, first byte in a shape
FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, [5] * 30
LITERAL = (1, -1)
MOST_TOKENS = 131_072  # of a block of derived codes
Lengths = tuple[list[int], list[int]]


class NoShape(Exception):
    """A stream without a shape."""


def has(holds: object) -> None:
    """A rule for streams that have a shape."""
    if not holds:
        raise NoShape


def codes(lengths: list[int]) -> dict[int, str] | None:
    """RFC 1951, 3.2.2: the code of each symbol. None if codes overlap."""
    found, code = {}, 0
    for size in range(1, 16):
        code <<= 1
        for symbol in (number for number, length in enumerate(lengths) if length == size):
            if code >> size:
                return None
            found[symbol] = f"{code:0{size}b}"
            code += 1
    return found


def low(value: int, bits: int) -> str:
    """A number of so many bits, the lowest first."""
    return f"{value:0{bits}b}"[::-1] if bits else ""


def repeated(byte: int, lengths: list[int]) -> list[int] | None:
    """The code lengths that a byte of a shape stands for. None for a byte that stands for nothing."""
    if byte < 16:
        return [byte]
    if byte < 20:
        return lengths[-1:] * (byte - 13) or None
    return [0] * (byte - 17) if byte < 156 else None


class Bits:
    """The bits of a stream."""

    def __init__(self, data: bytes) -> None:
        self.text, self.at = "".join(low(byte, 8) for byte in data), 0

    def take(self, count: int) -> int:
        self.at += count
        has(self.at <= len(self.text))
        return int(self.text[self.at - count : self.at][::-1] or "0", 2)

    def symbol(self, symbols: dict[str, int]) -> int:
        for size in range(1, 16):
            if (found := symbols.get(self.text[self.at : self.at + size])) is not None:
                self.at += size
                return found
        raise NoShape


class Places:
    """Where each three bytes stand, and each four: the bytes that tell a match [F-69]."""

    def __init__(self, plain: bytes) -> None:
        self._before: dict[int, list[int | None]] = {3: [], 4: []}
        for told, before in self._before.items():
            last: dict[bytes, int] = {}
            for at in range(len(plain) - told + 1):
                before.append(last.get(plain[at : at + told]))
                last[plain[at : at + told]] = at

    def before(self, at: int, length: int) -> int | None:
        """The nearest place before that one with the same bytes, for a match of that length."""
        places = self._before[min(length, 4)]
        return places[at] if at < len(places) else None

    def number(self, start: int, distance: int, length: int) -> int:
        place, number = self.before(start, length), 0
        while place is not None and place > start - distance:
            place, number = self.before(place, length), number + 1
        has(place == start - distance)
        return number

    def distance(self, start: int, number: int, length: int) -> int:
        place = self.before(start, length)
        for _ in range(number):
            if place is not None:
                place = self.before(place, length)
        if place is None or start - place > 32_768:
            raise malformed("a number of a shape has no place")
        return start - place


def shape_of(stream: bytes, plain: bytes) -> bytes | None:
    """The shape of a stream, if it has one."""
    try:
        return _Reading(stream, plain).shape()
    except NoShape:
        return None


class _Reading:
    def __init__(self, stream: bytes, plain: bytes) -> None:
        self.bits, self.size = Bits(stream), len(stream)
        self.records, self.run = bytearray(), 0
        self.places, self.at, self.plain = Places(plain), 0, plain
        self.derivable, self.last = 16 + len(stream) // 1024, (3, [15, 15])

    def shape(self) -> bytes:
        blocks, last = list[bytes](), 0
        while not last:
            last = self.bits.take(1)
            blocks.append(self._block(self.bits.take(2)))
            has(len(blocks) <= 16 + self.size // 64)
        padding = self.bits.take(-self.bits.at % 8)
        has(self.bits.at == len(self.bits.text))
        self._end_run()
        form = _varint(len(blocks)) + b"".join(blocks) + bytes([padding])
        has(len(form) <= FORM_MAX)
        return bytes(self.records) + form + len(form).to_bytes(4, "little")

    def _block(self, kind: int) -> bytes:
        has(kind < 3)
        if kind == 0:
            padding, size, other = self.bits.take(-self.bits.at % 8), self.bits.take(16), self.bits.take(16)
            has(size ^ other == 0xFFFF)
            self.bits.take(8 * size)
            self.at += size
            return bytes([0, padding]) + size.to_bytes(2, "little")
        form, lengths = self._lengths() if kind == 2 else (b"", FIXED)
        tokens, counts = self._tokens(lengths)
        if kind == 2 and self.derivable and tokens <= MOST_TOKENS:
            self.derivable -= 1
            if found := self._derivation(form, lengths, counts):
                self.last = found
                return bytes([found[0]]) + _varint(tokens) + bytes([found[1][0] + 16 * found[1][1]])
        return bytes([kind]) + _varint(tokens) + form

    def _derivation(self, form: bytes, lengths: Lengths, counts: Lengths) -> tuple[int, list[int]] | None:
        """(kind, limits) with which the codes follow from the counts [F-131]."""
        first = (self.last[0] - 3) // 2
        for way in (first, *(way for way in range(3) if way != first)):
            limits = list[int]()
            for own, used, before in zip(lengths, counts, self.last[1], strict=True):
                limits += [most for most in (before, 15, max(own)) if derived_lengths(used, way, most) == own][:1]
            for joined in (0, 1):
                if len(limits) == 2 and derived_form(lengths, way, joined) == form:
                    return 3 + 2 * way + joined, limits
        return None

    def _lengths(self) -> tuple[bytes, Lengths]:
        counts = [self.bits.take(5), self.bits.take(5), self.bits.take(4)]
        form, own, lengths = bytearray(counts), [0] * 19, list[int]()
        for place in ORDER[: counts[2] + 4]:
            own[place] = self.bits.take(3)
            form.append(own[place])
        symbols = _symbols(own)
        while len(lengths) < counts[0] + counts[1] + 258:
            byte = self.bits.symbol(symbols)
            if byte in REPEATS:
                extra, first = REPEATS[byte]
                byte = first + self.bits.take(extra)
            more = repeated(byte, lengths)
            if more is None:
                raise NoShape
            form.append(byte)
            lengths += more
        has(len(lengths) == counts[0] + counts[1] + 258)
        return bytes(form), (lengths[: counts[0] + 257], lengths[counts[0] + 257 :])

    def _tokens(self, lengths: Lengths) -> tuple[int, Lengths]:
        """(how many, how often each symbol is used)."""
        literals, distances = _symbols(lengths[0]), _symbols(lengths[1])
        count, used = 0, ([0] * 286, [0] * 30)
        used[0][256] = 1
        while (symbol := self.bits.symbol(literals)) != 256:
            count += 1
            if symbol < 256:
                used[0][symbol] += 1
                self.run += 1
                self.at += 1
                continue
            has(symbol < 286)
            length = LENGTH_LOW[symbol - 257] + self.bits.take(LENGTH_EXTRA[symbol - 257])
            has(length < 258 or symbol == 285)
            other = self.bits.symbol(distances)
            has(other < 30)
            distance = DISTANCE_LOW[other] + self.bits.take(DISTANCE_EXTRA[other])
            self._full_runs()
            self.records += bytes([self.run, length - 3]) + self.places.number(self.at, distance, length).to_bytes(
                2, "little"
            )
            self.run = 0
            self.at += length
            used[0][symbol] += 1
            used[1][other] += 1
        has(self.at <= len(self.plain))
        return count, used

    def _full_runs(self) -> None:
        self.records += bytes([255, 0, 0, 128]) * (self.run // 255)
        self.run %= 255

    def _end_run(self) -> None:
        self._full_runs()
        if self.run:
            self.records += bytes([self.run, 0, 0, 128])


def _symbols(lengths: list[int]) -> dict[str, int]:
    found = codes(lengths)
    if found is None:
        raise NoShape
    return {code: symbol for symbol, code in found.items()}


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)


def restore(plain: bytes, shape: bytes, most: int) -> bytes:
    """The stream with these plain bytes, of `most` bytes at most [F-71]."""
    need(len(shape) >= 4, "a shape is cut short")
    size = int.from_bytes(shape[-4:], "little")
    records = len(shape) - 4 - size
    need(size <= FORM_MAX and records >= 0 and records % 4 == 0, "the blocks of a shape do not fit")
    need(records <= 16 * most, "a shape has too many records")
    return _Writing(plain, shape[:records], Cursor(shape[records:-4], "the blocks of a shape"), most).stream()


class _Writing:
    def __init__(self, plain: bytes, records: bytes, blocks: Cursor, most: int) -> None:
        self.plain, self.blocks, self.most = Cursor(plain, "the plain bytes"), blocks, most
        self.tokens, self.places = _tokens(records)[::-1], Places(plain)
        self.derivable = 16 + most // 1024
        self.parts, self.length = list[str](), 0

    def put(self, bits: str) -> None:
        self.parts.append(bits)
        self.length += len(bits)
        need(self.length <= 8 * self.most, "a shape makes too long a stream")

    def byte(self, most: int) -> int:
        value = self.blocks.byte()
        need(value <= most, "a number of a shape is out of bounds")
        return value

    def stream(self) -> bytes:
        count = self.blocks.varint()
        need(0 < count <= 16 + self.most // 64, f"a shape has {count} blocks")
        for number in range(count):
            kind = self.byte(8)
            self.put(low(int(number == count - 1), 1) + low(min(kind, 2), 2))
            if kind == 0:
                self._stored()
                continue
            tokens = self.blocks.varint()
            if kind < 3:
                self._encoded(tokens, self._codes(self.blocks) if kind == 2 else FIXED)
                continue
            self.derivable -= 1
            need(tokens <= MOST_TOKENS and self.derivable >= 0, "a shape has too many derived codes")
            self._encoded(tokens, self._codes(Cursor(self._derived(kind, tokens), "derived codes")))
        self._pad()
        self.blocks.end()
        self.plain.end()
        need(not self.tokens, "a shape has tokens that no block takes")
        text = "".join(self.parts)
        return int(text[::-1], 2).to_bytes(len(text) // 8, "little")

    def _pad(self) -> None:
        padding, room = self.byte(127), -self.length % 8
        need(padding >> room == 0, "a shape has more padding than there are bits")
        self.put(low(padding, room))

    def _stored(self) -> None:
        self._pad()
        size = int.from_bytes(self.blocks.take(2), "little")
        self.put(low(size, 16) + low(size ^ 0xFFFF, 16))
        self.put("".join(low(byte, 8) for byte in self.plain.take(size)))

    def _derived(self, kind: int, tokens: int) -> bytes:
        """The codes that follow from the next tokens [F-130]."""
        limits, way, used = self.blocks.byte(), (kind - 3) // 2, ([0] * 286, [0] * 30)
        used[0][256], at = 1, self.plain.at
        need(tokens <= len(self.tokens), "a shape has more tokens in its blocks than in its records")
        for length, number in self.tokens[::-1][:tokens]:
            need(at + length <= len(self.plain.data), "a shape takes more than the plain bytes")
            if number < 0:
                used[0][self.plain.data[at]] += 1
            else:
                distance = self.places.distance(at, number, length)
                used[0][257 + max(s for s in range(29) if LENGTH_LOW[s] <= length)] += 1
                used[1][max(s for s in range(30) if DISTANCE_LOW[s] <= distance)] += 1
            at += length
        literals, distances = derived_lengths(used[0], way, limits & 15), derived_lengths(used[1], way, limits >> 4)
        if literals is None or distances is None:
            raise malformed("a limit of a shape leaves no room")
        return derived_form((literals, distances), way, (kind - 3) % 2)

    def _codes(self, data: Cursor) -> Lengths:
        def byte(most: int) -> int:
            value = data.byte()
            need(value <= most, "a number of a shape is out of bounds")
            return value

        counts = [byte(31), byte(31), byte(15)]
        self.put(low(counts[0], 5) + low(counts[1], 5) + low(counts[2], 4))
        own, lengths = [0] * 19, list[int]()
        for place in ORDER[: counts[2] + 4]:
            own[place] = byte(7)
            self.put(low(own[place], 3))
        of = _sound(own)
        while len(lengths) < counts[0] + counts[1] + 258:
            given = data.byte()
            more = repeated(given, lengths)
            if more is None:
                raise malformed("a byte of a shape stands for no code lengths")
            symbol = _length_symbol(given)
            need(symbol in of, "a code length of a shape has no code")
            self.put(of[symbol])
            if symbol in REPEATS:
                self.put(low(given - REPEATS[symbol][1], REPEATS[symbol][0]))
            lengths += more
        need(len(lengths) == counts[0] + counts[1] + 258, "a shape has too many code lengths")
        return lengths[: counts[0] + 257], lengths[counts[0] + 257 :]

    def _encoded(self, count: int, lengths: Lengths) -> None:
        literals, distances = _sound(lengths[0]), _sound(lengths[1])
        need(256 in literals, "the end of a block has no code")
        need(count <= len(self.tokens), "a shape has more tokens in its blocks than in its records")
        for _ in range(count):
            length, number = self.tokens.pop()
            start, part = self.plain.at, self.plain.take(length)
            if number < 0:
                need(part[0] in literals, "a literal has no code")
                self.put(literals[part[0]])
                continue
            distance = self.places.distance(start, number, length)
            symbol = max(s for s in range(29) if LENGTH_LOW[s] <= length)
            other = max(s for s in range(30) if DISTANCE_LOW[s] <= distance)
            need(257 + symbol in literals and other in distances, "a match has no code")
            self.put(literals[257 + symbol] + low(length - LENGTH_LOW[symbol], LENGTH_EXTRA[symbol]))
            self.put(distances[other] + low(distance - DISTANCE_LOW[other], DISTANCE_EXTRA[other]))
        self.put(literals[256])


def derived_lengths(counts: list[int], way: int, most: int) -> list[int] | None:
    """The code lengths that follow from counts, none over `most` [F-130]. None if there are too many symbols for it."""
    leaves = _heap(counts) if way == 0 else _queues(counts, way)
    if not most or len(leaves) > 2**most:
        return None
    if any(depth > most for _, depth in leaves):
        depths = sorted(min(depth, most) for _, depth in leaves)
        while sum(2 ** (most - depth) for depth in depths) > 2**most:
            at = max(n for n, depth in enumerate(depths) if depth < most)
            depths = sorted([*depths[:at], depths[at] + 1, depths[at] + 1, *depths[at + 1 : -1]])
        leaves = [(symbol, depth) for (symbol, _), depth in zip(leaves, depths[::-1], strict=True)]
    found = dict(leaves)
    return [found.get(symbol, 0) for symbol in range(max(found, default=0) + 1)]


def _heap(counts: list[int]) -> list[tuple[int, int]]:
    """(symbol, depth) in the order in which nodes go under others."""
    heap = [symbol for symbol, count in enumerate(counts) if count]
    keys, parents, taken = {symbol: (counts[symbol], 0) for symbol in heap}, dict[int, int](), list[int]()
    while len(heap) < 2:
        heap.append(heap[-1] + 1 if heap and heap[-1] < 2 else 0)
        keys[heap[-1]] = (1, 0)

    def sink(at: int) -> None:
        node = heap[at]
        while 2 * at + 1 < len(heap):
            below = 2 * at + 1
            if below + 1 < len(heap) and keys[heap[below + 1]] <= keys[heap[below]]:
                below += 1
            if keys[node] <= keys[heap[below]]:
                break
            heap[at], at = heap[below], below
        heap[at] = node

    for at in reversed(range(len(heap) // 2)):
        sink(at)
    node = len(counts)
    while len(heap) > 1:
        first = heap[0]
        heap[0] = heap.pop()
        sink(0)
        second = heap[0]
        keys[node] = (keys[first][0] + keys[second][0], 1 + max(keys[first][1], keys[second][1]))
        parents[first] = parents[second] = heap[0] = node
        taken += [first, second]
        sink(0)
        node += 1
    return [(symbol, _depth(symbol, parents)) for symbol in taken if symbol < len(counts)]


def _queues(counts: list[int], way: int) -> list[tuple[int, int]]:
    """(symbol, depth), the rarest symbol first."""
    order = sorted((count, symbol) for symbol, count in enumerate(counts) if count)
    if len(order) == 1:
        return [(order[0][1], 1)]
    leaves, inner, parents = order[:], list[tuple[int, int]](), dict[int, int]()
    node = len(counts)
    while len(leaves) + len(inner) > 1:
        total = 0
        for _ in range(2):
            leaf_first = leaves and (not inner or (leaves[0][0], way) < (inner[0][0], 2))
            count, one = (leaves if leaf_first else inner).pop(0)
            parents[one] = node
            total += count
        inner.append((total, node))
        node += 1
    depths = sorted((_depth(symbol, parents) for _, symbol in order), reverse=True)
    return [(symbol, depth) for (_, symbol), depth in zip(order, depths, strict=True)]


def _depth(node: int, parents: dict[int, int]) -> int:
    depth = 0
    while node in parents:
        node, depth = parents[node], depth + 1
    return depth


def derived_form(lengths: Lengths, way: int, joined: int) -> bytes:
    """The bytes of a block's codes [F-130]."""
    body = list[int]()
    for part in [lengths[0] + lengths[1]] if joined else lengths:
        at = 0
        while at < len(part):
            run = next((n for n in range(1, len(part) - at) if part[at + n] != part[at]), len(part) - at)
            if part[at]:
                body.append(part[at])
            left, at, most = run - (part[at] > 0), at + run, 6 if part[at] else 138
            while left >= 3:
                body.append(min(left, most) + (13 if most == 6 else 17))
                left -= min(left, most)
            body += [part[at - 1]] * left
    counts = [sum(_length_symbol(byte) == symbol for byte in body) for symbol in range(19)]
    own = derived_lengths(counts, way, 7) or []
    given = [own[place] if place < len(own) else 0 for place in ORDER]
    while len(given) > 4 and not given[-1]:
        given.pop()
    return bytes([len(lengths[0]) - 257, len(lengths[1]) - 1, len(given) - 4, *given, *body])


def _length_symbol(byte: int) -> int:
    """The symbol of a code length, or of a repeat."""
    return next((s for s, (bits, first) in REPEATS.items() if 0 <= byte - first < 1 << bits), byte)


def _sound(lengths: list[int]) -> dict[int, str]:
    found = codes(lengths)
    if found is None:
        raise malformed("codes of a shape overlap")
    return found


def _tokens(records: bytes) -> list[tuple[int, int]]:
    """(length, number) of each token; a literal has number -1."""
    found: list[tuple[int, int]] = []
    for at in range(0, len(records), 4):
        literals, length, number = records[at], records[at + 1], int.from_bytes(records[at + 2 : at + 4], "little")
        found += [LITERAL] * literals
        if number < 32_768:
            found.append((length + 3, number))
        else:
            need(number == 32_768 and literals > 0 and not length, "a record of a shape says nothing, or too much")
    return found

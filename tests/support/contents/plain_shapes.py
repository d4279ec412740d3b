"""Shapes of deflate streams, bit after bit as spec/format.md [F-69] has them: slow, and
written from the text and from RFC 1951 alone, to be compared with the code. ValueError for what is refused."""

ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
LENGTH_EXTRA = [0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0]
DISTANCE_EXTRA = [0, 0, 0, 0, *(n for n in range(1, 14) for _ in "ab")]
LENGTHS = [3 + sum(1 << n for n in LENGTH_EXTRA[:symbol]) for symbol in range(28)] + [258]
DISTANCES = [1 + sum(1 << n for n in DISTANCE_EXTRA[:symbol]) for symbol in range(30)]
FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, [5] * 30
Token = int | tuple[int, int]  # a literal, or length and distance


def need(holds: object) -> None:
    """Refuses what does not hold."""
    if not holds:
        raise ValueError


def codes(lengths: list[int]) -> dict[int, str]:
    """RFC 1951, 3.2.2: the bits of each symbol that has a code."""
    found, code = {}, 0
    for size in range(1, 16):
        code <<= 1
        for symbol, length in enumerate(lengths):
            if length == size:
                need(code >> size == 0)
                found[symbol] = f"{code:0{size}b}"
                code += 1
    return found


def low(value: int, bits: int) -> str:
    """A number of so many bits, the lowest first."""
    return f"{value:0{bits}b}"[::-1] if bits else ""


class Bits:
    """The bits of a stream, lowest first."""

    def __init__(self, data: bytes) -> None:
        self.bits, self.at = "".join(low(byte, 8) for byte in data), 0

    def number(self, count: int) -> int:
        """The next so many bits as a number."""
        self.at += count
        need(self.at <= len(self.bits))
        return int(self.bits[self.at - count : self.at][::-1] or "0", 2)

    def symbol(self, symbols: dict[str, int]) -> int:
        """The next symbol."""
        for size in range(1, 16):
            if (code := self.bits[self.at : self.at + size]) in symbols:
                self.at += size
                need(len(code) == size)
                return symbols[code]
        raise ValueError


def varint(value: int) -> bytes:
    """[F-40]"""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def repeats(byte: int, lengths: list[int]) -> list[int]:
    """What a byte for code lengths stands for."""
    need(byte < 156 and (lengths or not 16 <= byte < 20))
    return [byte] if byte < 16 else lengths[-1:] * (byte - 13) if byte < 20 else [0] * (byte - 17)


def number_of(plain: bytes, at: int, length: int, distance: int) -> int:
    """At how many places between there and so far before the bytes stand that tell a match of that length."""
    told = min(length, 4)
    need(distance <= at and at + told <= len(plain))
    need(plain[at - distance : at - distance + told] == plain[at : at + told])
    return sum(plain[p : p + told] == plain[at : at + told] for p in range(at - distance + 1, at))


def distance_of(plain: bytes, at: int, length: int, number: int) -> int:
    """The way back."""
    told = min(length, 4)
    need(at + told <= len(plain))
    places = [p for p in range(max(0, at - 32768), at) if plain[p : p + told] == plain[at : at + told]]
    need(number < len(places))
    return at - places[-1 - number]


def plain_shape(stream: bytes, plain: bytes) -> bytes:
    """The shape of a stream."""
    bits, tokens, blocks, last = Bits(stream), list[Token](), list[bytes](), 0
    stored: dict[int, int] = {}  # plain bytes of stored blocks, by the tokens before them
    while not last:
        last, kind = bits.number(1), bits.number(2)
        need(kind < 3)
        if kind == 0:
            padding, size, complement = bits.number(-bits.at % 8), bits.number(16), bits.number(16)
            need(size + complement == 0xFFFF)
            bits.number(8 * size)
            stored[len(tokens)] = stored.get(len(tokens), 0) + size
            blocks.append(bytes([0, padding]) + size.to_bytes(2, "little"))
            continue
        form, lengths = read_codes(bits) if kind == 2 else (b"", FIXED)
        before = len(tokens)
        read_tokens(bits, lengths, tokens)
        blocks.append(bytes([kind]) + varint(len(tokens) - before) + form)
    padding = bits.number(-bits.at % 8)
    need(bits.at == len(bits.bits) and len(blocks) <= 16 + len(stream) // 64)
    end = varint(len(blocks)) + b"".join(blocks) + bytes([padding])
    return records(numbered(tokens, stored, plain)) + end + len(end).to_bytes(4, "little")


def numbered(tokens: list[Token], stored: dict[int, int], plain: bytes) -> list[Token]:
    """Numbers for distances."""
    at, found = 0, list[Token]()
    for count, token in enumerate(tokens):
        at += stored.get(count, 0)
        found.append(token if isinstance(token, int) else (token[0], 1 + number_of(plain, at, *token)))
        at += 1 if isinstance(token, int) else token[0]
    return found


def read_codes(bits: Bits) -> tuple[bytes, tuple[list[int], list[int]]]:
    counts = [bits.number(5), bits.number(5), bits.number(4)]
    own, form, lengths = [0] * 19, bytearray(counts), list[int]()
    for place in ORDER[: counts[2] + 4]:
        own[place] = bits.number(3)
        form.append(own[place])
    symbols = {code: symbol for symbol, code in codes(own).items()}
    while len(lengths) < counts[0] + counts[1] + 258:
        symbol = bits.symbol(symbols)
        if symbol >= 16:
            symbol = (16, 20, 28)[symbol - 16] + bits.number((2, 3, 7)[symbol - 16])
        form.append(symbol)
        lengths += repeats(symbol, lengths)
    need(len(lengths) == counts[0] + counts[1] + 258)
    return bytes(form), (lengths[: counts[0] + 257], lengths[counts[0] + 257 :])


def read_tokens(bits: Bits, lengths: tuple[list[int], list[int]], tokens: list[Token]) -> None:
    literal, distance = ({code: symbol for symbol, code in codes(part).items()} for part in lengths)
    while (symbol := bits.symbol(literal)) != 256:
        if symbol < 256:
            tokens.append(symbol)
            continue
        need(symbol < 286)
        length = LENGTHS[symbol - 257] + bits.number(LENGTH_EXTRA[symbol - 257])
        need(length < 258 or symbol == 285)
        other = bits.symbol(distance)
        need(other < 30)
        tokens.append((length, DISTANCES[other] + bits.number(DISTANCE_EXTRA[other])))


def records(tokens: list[Token]) -> bytes:
    out, run = b"", 0
    for token in [*tokens, None]:
        if isinstance(token, int):
            run += 1
            continue
        out, run = out + bytes((255, 0, 0, 128)) * (run // 255), run % 255
        if token:
            out += bytes([run, token[0] - 3]) + (token[1] - 1).to_bytes(2, "little")
        elif run:
            out += bytes([run, 0, 0, 128])
        run = 0
    return out


def plain_restore(plain: bytes, shape: bytes, most: int) -> bytes:
    """The stream again, of `most` bytes at most."""
    need(len(shape) >= 4)
    size = int.from_bytes(shape[-4:], "little")
    need(size <= min(len(shape) - 4, 1 << 24) and (len(shape) - 4 - size) % 4 == 0)
    need(len(shape) - 4 - size <= 16 * most)
    tokens, data = tokens_of(shape[: -4 - size]), list(shape[len(shape) - 4 - size : -4])[::-1]
    count = take_varint(data)
    need(0 < count <= 16 + most // 64)
    out, at = "", 0
    for number in range(count):
        kind = take(data, 2)
        out += low(int(number == count - 1), 1) + low(kind, 2)
        if kind == 0:
            room, padding = -len(out) % 8, take(data, 127)
            need(padding >> room == 0)
            size = take(data) | take(data) << 8
            need(size <= len(plain) - at)
            out += low(padding, room) + low(size, 16) + low(size ^ 0xFFFF, 16)
            out += "".join(low(byte, 8) for byte in plain[at : at + size])
            at += size
            continue
        left = take_varint(data)
        lengths = FIXED
        if kind == 2:
            more, lengths = write_codes(data)
            out += more
        literal, distance = map(codes, lengths)
        need(left <= len(tokens) and 256 in literal)
        for token in tokens[:left]:
            whole = token if isinstance(token, int) else (token[0], distance_of(plain, at, token[0], token[1] - 1))
            more, step = write_token(whole, plain[at : at + 1], literal, distance)
            out, at = out + more, at + step
        tokens = tokens[left:]
        out += literal[256]
    padding = take(data)
    need(padding >> -len(out) % 8 == 0)
    out += low(padding, -len(out) % 8)
    need(not data and not tokens and at == len(plain) and len(out) <= most * 8)
    return int(out[::-1], 2).to_bytes(len(out) // 8, "little")


def take(data: list[int], most: int = 255) -> int:
    need(data and data[-1] <= most)
    return data.pop()


def take_varint(data: list[int]) -> int:
    value = shift = 0
    while True:
        byte = take(data)
        value |= (byte & 127) << shift
        shift += 7
        need(value < 1 << 53 and shift <= 56)
        if byte < 128:
            need(byte or shift == 7)
            return value


def tokens_of(data: bytes) -> list[Token]:
    """-1 stands for a literal: the plain bytes say which."""
    tokens: list[Token] = []
    for at in range(0, len(data), 4):
        literals, length, number = data[at], data[at + 1], data[at + 2] | data[at + 3] << 8
        tokens += [-1] * literals
        if number < 32768:
            tokens.append((length + 3, number + 1))
        else:
            need(number == 32768 and literals and not length)
    return tokens


def write_codes(data: list[int]) -> tuple[str, tuple[list[int], list[int]]]:
    counts = [take(data, 31), take(data, 31), take(data, 15)]
    out, own, lengths = low(counts[0], 5) + low(counts[1], 5) + low(counts[2], 4), [0] * 19, list[int]()
    for place in ORDER[: counts[2] + 4]:
        own[place] = take(data, 7)
        out += low(own[place], 3)
    bits = codes(own)
    while len(lengths) < counts[0] + counts[1] + 258:
        byte = take(data)
        lengths += repeats(byte, lengths)
        symbol = min(byte, 16) if byte < 20 else 17 if byte < 28 else 18
        need(symbol in bits)
        out += bits[symbol]
        if symbol >= 16:
            out += low(byte - (16, 20, 28)[symbol - 16], (2, 3, 7)[symbol - 16])
    need(len(lengths) == counts[0] + counts[1] + 258)
    return out, (lengths[: counts[0] + 257], lengths[counts[0] + 257 :])


def write_token(token: Token, byte: bytes, literal: dict[int, str], distance: dict[int, str]) -> tuple[str, int]:
    need(byte)
    if isinstance(token, int):
        need(byte[0] in literal)
        return literal[byte[0]], 1
    symbol = max(n for n in range(29) if LENGTHS[n] <= token[0])
    other = max(n for n in range(30) if DISTANCES[n] <= token[1])
    need(symbol + 257 in literal and other in distance)
    out = literal[symbol + 257] + low(token[0] - LENGTHS[symbol], LENGTH_EXTRA[symbol])
    return out + distance[other] + low(token[1] - DISTANCES[other], DISTANCE_EXTRA[other]), token[0]

"""Rules of derived objects for the second reader: F-103 to F-107 of rules.md. A ValueError says: no form."""

import base64
import hashlib
import re
import struct
from collections.abc import Iterator

MAX = 16_777_216
CATALOGUE_MAX = 4_194_304
TRIPLES_MAX = 1_048_576
CATALOGUES, DIGESTS, SOURCE_MAP = (1, 2, 3), 4, 5
DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BLANK = b"\t\n\v\f\r "
ESCAPES = dict(zip(b'ntrbfva\\"', b'\n\t\r\b\f\v\a\\"', strict=True))
Digest = tuple[bytes, int]


def form(rule: int, source: bytes) -> bytes:
    if len(source) > (CATALOGUE_MAX if rule in CATALOGUES else MAX):
        raise ValueError("its source is too long")
    if rule in CATALOGUES:
        return bounded(catalogue(source, dated=rule != 2, table=rule != 3))
    return bounded(blanked(source) if rule == DIGESTS else by_name(source))


def complete(rule: int, patched: bytes, digests: list[Digest]) -> bytes:
    if rule == DIGESTS:
        return bounded(filled(patched, digests))
    if digests:
        raise ValueError("it has further objects")
    return bounded(by_index(patched)) if rule == SOURCE_MAP else patched


def bounded(data: bytes) -> bytes:
    if len(data) > MAX:
        raise ValueError("it is too long")
    return data


def string(text: bytes) -> bytes:
    """What stands in quotes, escapes undone."""
    if len(text) < 2 or text[:1] != b'"' or text[-1:] != b'"':
        raise ValueError("a string is not in quotes")
    out, body, at = bytearray(), text[1:-1], 0
    while at < len(body):
        byte = body[at]
        if byte == 0x22:
            raise ValueError("a string ends within its line")
        if byte == 0x5C:
            at += 1
            if at == len(body) or body[at] not in ESCAPES:
                raise ValueError("a string has an unknown escape")
            byte = ESCAPES[body[at]]
        out.append(byte)
        at += 1
    return bytes(out)


def parsed(source: bytes) -> Iterator[tuple[bool, dict[str, bytes]]]:
    """(is fuzzy, parts) of each entry."""
    entry: dict[str, bytes] = {}
    fuzzy, noted, last = False, False, ""
    for raw in source.split(b"\n"):
        line = raw.strip(BLANK)
        if line[:1] == b'"':
            if not last:
                raise ValueError("a string has no keyword")
            entry[last] += string(line)
        elif line[:1] == b"#":
            noted = noted or (line[:2] == b"#," and b"fuzzy" in line)
        elif line:
            keyword, text = split(line)
            if keyword == "msgctxt" or (keyword == "msgid" and last != "msgctxt"):
                yield fuzzy, entry
                entry, fuzzy, noted = {}, noted, False
            if keyword in entry:
                raise ValueError("an entry has a keyword twice")
            entry[keyword], last = string(text), keyword
    yield fuzzy, entry


def split(line: bytes) -> tuple[str, bytes]:
    head, quote, rest = line.partition(b'"')
    keyword = head.rstrip(b" \t").decode("latin-1")
    if keyword == "msgstr":
        keyword = "msgstr[0]"
    numbered = re.fullmatch(r"msgstr\[([0-9]{1,2})\]", keyword)
    if numbered:
        keyword = str(int(numbered[1]))
    if not quote or not (numbered or keyword in ("msgctxt", "msgid", "msgid_plural")):
        raise ValueError("a line is not of a catalogue")
    return keyword, quote + rest


def entries(source: bytes) -> Iterator[tuple[bytes, bytes]]:
    for fuzzy, parts in parsed(source):
        if parts and "msgid" not in parts:
            raise ValueError("an entry has no id")
        values = [parts[name] for name in sorted((name for name in parts if name.isdigit()), key=int)]
        header = not parts.get("msgid") and "msgctxt" not in parts
        if values and values[0] and (header or not fuzzy):
            key = parts["msgctxt"] + b"\4" if "msgctxt" in parts else b""
            key += parts["msgid"]
            yield key + b"\0" + parts["msgid_plural"] if "msgid_plural" in parts else key, b"\0".join(values)


def catalogue(source: bytes, dated: bool, table: bool) -> bytes:
    """[F-105]"""
    found = sorted(entries(source), key=lambda entry: entry[0].split(b"\0")[0])
    if not dated:
        found = [(key, value if key else undated(value)) for key, value in found]
    n = len(found)
    numbers = hash_table([key.split(b"\0")[0] for key, _ in found]) if table else []
    head = [0x950412DE, 0, n, 28, 28 + 8 * n, len(numbers), 28 + 16 * n]
    at = 28 + 16 * n + 4 * len(numbers)
    strings = [key for key, _ in found] + [value for _, value in found]
    for text in strings:
        head += [len(text), at]
        at += len(text) + 1
    head += numbers
    return struct.pack(f"<{len(head)}I", *head) + b"".join(text + b"\0" for text in strings)


def undated(value: bytes) -> bytes:
    lines = value.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        if line.startswith(b"POT-Creation-Date:"):
            return b"\n".join(lines[:number] + lines[number + 1 :])
    return value


def hash_table(keys: list[bytes]) -> list[int]:
    size = (len(keys) * 4 // 3) | 1
    while any(size % divisor == 0 for divisor in range(3, size, 2) if divisor * divisor <= size):
        size += 2
    size = max(3, size)
    numbers, left = [0] * size, 16 * (len(keys) + 1)
    for number, key in enumerate(keys, 1):
        value = 0
        for byte in key:
            value = (16 * value + byte) % (1 << 32)
            high = value >> 28
            value = (value ^ (high << 4)) & 0xFFFFFFF
        at = value % size
        while numbers[at]:
            at, left = (at + 1 + value % (size - 2)) % size, left - 1
            if left < 0:
                raise ValueError("too many keys have one hash")
        numbers[at] = number
    return numbers


DIGEST = re.compile(
    rb"(sha256=[-_0-9A-Za-z]{43},(?:0|[1-9][0-9]{0,15})(?![0-9]))|(?<![0-9A-Za-z])[0-9a-f]{64}(?![0-9A-Za-z])"
)


def blanked(source: bytes) -> bytes:
    """[F-106]"""
    return DIGEST.sub(lambda found: b"\2" if found[1] else b"\1", source)


def filled(patched: bytes, digests: list[Digest]) -> bytes:
    parts = re.split(rb"([\1\2])", patched)
    if len(parts) // 2 != len(digests):
        raise ValueError("it has another number of marks than objects")
    for at, (digest, size) in enumerate(digests):
        in_hex = parts[2 * at + 1] == b"\1"
        text = base64.urlsafe_b64encode(digest).rstrip(b"=")
        parts[2 * at + 1] = digest.hex().encode() if in_hex else b"sha256=%s,%d" % (text, size)
    return b"".join(parts)


def keys(data: bytes) -> list[bytes]:
    """[F-107]: three digits for each name."""
    text = rb'"(?:[^"\\]|\\.)*+"'
    found = re.search(rb'"names":\[((?:%b(?:,%b)*+)?+)\]' % (text, text), data, re.DOTALL)
    if not found:
        raise ValueError("it has no names")
    given: dict[int, None] = {}
    names = re.findall(text, found[1], re.DOTALL)
    if len(names) > 100_000:
        raise ValueError("it has too many names")
    left = 16 * (len(names) + 1)
    for name in names:
        key = int.from_bytes(hashlib.sha256(name[1:-1]).digest()[:3], "big") % (1 << 18)
        while key in given:
            key, left = (key + 1) % (1 << 18), left - 1
            if left < 0:
                raise ValueError("too many names have one hash")
        given[key] = None
    return [bytes([DIGITS[key >> 12], DIGITS[key >> 6 & 63], DIGITS[key & 63]]) for key in given]


def mappings(data: bytes) -> tuple[int, int]:
    found = re.search(rb'"mappings":"([A-Za-z0-9+/,;=]*+)"', data)
    if not found:
        raise ValueError("it has no mappings")
    return found.span(1)


def by_name(source: bytes) -> bytes:
    known, (start, end) = keys(source), mappings(source)
    parts, at = re.split(rb"([,;])", source[start:end]), 0
    for number in range(0, len(parts), 2):
        fields = re.fullmatch(rb"((?:[g-z0-9+/]*+[A-Za-f]){4})([g-z0-9+/]{0,7}[A-Za-f])", parts[number])
        if fields:
            value = sum((DIGITS.index(digit) & 31) << 5 * place for place, digit in enumerate(fields[2]))
            at += -(value >> 1) if value & 1 else value >> 1
            if not 0 <= at < len(known):
                raise ValueError("a mapping has a name that is not there")
            parts[number] = fields[1] + b"=" + known[at]
    return source[:start] + b"".join(parts) + source[end:]


def by_index(patched: bytes) -> bytes:
    places = {key: place for place, key in enumerate(keys(patched))}
    start, end = mappings(patched)
    parts, before = re.split(rb"=([A-Za-z0-9+/]{3})", patched[start:end]), 0
    for number in range(1, len(parts), 2):
        if parts[number] not in places:
            raise ValueError("a mapping has a name that is not there")
        place = places[parts[number]]
        before, step = place, place - before
        value, digits = 2 * step if step >= 0 else 1 - 2 * step, bytearray()
        while value > 31:
            digits.append(DIGITS[value & 31 | 32])
            value >>= 5
        parts[number] = bytes([*digits, DIGITS[value]])
    return patched[:start] + b"".join(parts) + patched[end:]

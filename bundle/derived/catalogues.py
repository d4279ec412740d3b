"""Message catalogues (.mo) as compilers make them from their sources (.po) [F-105].

GNU msgfmt writes a hash table behind the two tables of strings. Newer ones leave out when the template was made.
Others, such as Babel's, write no hash table.
"""

import re
import struct
from dataclasses import dataclass, field
from io import BytesIO

from bundle.derived.no_form import NoForm
from bundle.derived.replacing import replaced

MAX_SOURCE_BYTES = 1 << 22
TRIES_AN_ENTRY = 16  # in the hash table, on average: sound ones take two or three
SPACE = b" \t\n\r\v\f"

_KEYWORD = re.compile(rb'(msgctxt|msgid_plural|msgid|msgstr(?:\[([0-9]{1,2})\])?)[ \t]*(".*)', re.DOTALL)
_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a"}
_ESCAPES |= {b"\\": b"\\", b'"': b'"'}
_DATE = re.compile(rb"^POT-Creation-Date:[^\n]*\n", re.MULTILINE)

Strings = list[tuple[bytes, bytes]]


@dataclass
class _Entry:
    """An entry that is being read: its parts by keyword, translations by the number of their plural form."""

    is_fuzzy: bool
    parts: dict[bytes | int, bytearray] = field(default_factory=dict)


def has_table(catalogue: bytes) -> bool:
    """Whether a catalogue has a hash table: its head says how long that is."""
    return any(catalogue[20:24])


def compiled(source: bytes, *, dated: bool = True, table: bool = True) -> bytes:
    """The catalogue that a source gives. Raises NoForm for a source that is none, or that has rarer forms."""
    strings = sorted(_strings(source), key=lambda one: one[0].partition(b"\0")[0])
    if not dated:
        strings = [(key, value if key else _DATE.sub(b"", value, count=1)) for key, value in strings]
    count = len(strings)
    slots = _hash_table([key.partition(b"\0")[0] for key, _ in strings]) if table else []
    keys_at, values_at, table_at = 28, 28 + 8 * count, 28 + 16 * count
    at = table_at + 4 * len(slots)
    out = bytearray(struct.pack("<7I", 0x950412DE, 0, count, keys_at, values_at, len(slots), table_at))
    for side in (0, 1):
        for one in strings:
            out += struct.pack("<2I", len(one[side]), at)
            at += len(one[side]) + 1
    out += struct.pack(f"<{len(slots)}I", *slots)
    for side in (0, 1):
        for one in strings:
            out += one[side] + b"\0"
    return bytes(out)


def _strings(source: bytes) -> Strings:
    """Key and translation of each entry that goes into the catalogue, in the order of the source."""
    found: Strings = []
    entry, is_fuzzy = _Entry(False), False
    last: bytes | int | None = None
    for raw in BytesIO(source):
        line = raw.strip(SPACE)
        if line.startswith(b'"'):
            if last is None:
                raise NoForm("has a string without a keyword")
            entry.parts[last] += _unquoted(line)
        elif line.startswith(b"#"):
            is_fuzzy = is_fuzzy or (line.startswith(b"#,") and b"fuzzy" in line)
        elif line:
            keyword, text = _split(line)
            if keyword == b"msgctxt" or (keyword == b"msgid" and last != b"msgctxt"):
                found += _finished(entry)
                entry, is_fuzzy = _Entry(is_fuzzy), False
            if keyword in entry.parts:
                raise NoForm("has a keyword twice in one entry")
            entry.parts[keyword], last = bytearray(_unquoted(text)), keyword
    return found + _finished(entry)


def _split(line: bytes) -> tuple[bytes | int, bytes]:
    """(keyword, or the number of the plural form; the string in quotes)."""
    match = _KEYWORD.fullmatch(line)
    if not match:
        raise NoForm("has a line that is not of a catalogue")
    keyword, number, text = match.groups()
    return (int(number or 0) if keyword.startswith(b"msgstr") else keyword), text


def _unquoted(text: bytes) -> bytes:
    match = _STRING.fullmatch(text)
    if not match:
        raise NoForm("has a string that does not end with its line")
    return replaced(_ESCAPE, _unescaped, match[1])


def _unescaped(match: re.Match[bytes]) -> bytes:
    try:
        return _ESCAPES[match[1]]
    except KeyError:
        raise NoForm("has an escape by number") from None


def _finished(entry: _Entry) -> Strings:
    """The entry as it goes into the catalogue, if it does: it is translated, and not fuzzy or the header."""
    parts = {keyword: bytes(text) for keyword, text in entry.parts.items()}
    if b"msgid" not in parts:
        if parts:
            raise NoForm("has an entry without an id")
        return []
    key = parts[b"msgid"]
    is_header = not key and b"msgctxt" not in parts
    if b"msgctxt" in parts:
        key = parts[b"msgctxt"] + b"\4" + key
    if b"msgid_plural" in parts:
        key += b"\0" + parts[b"msgid_plural"]
    values = [parts[number] for number in sorted(part for part in parts if isinstance(part, int))]
    if not values or not values[0] or (entry.is_fuzzy and not is_header):
        return []
    return [(key, b"\0".join(values))]


def _hash_table(keys: list[bytes]) -> list[int]:
    """The numbers of the keys, from 1, where their hashes lead; 0 where no key is."""
    size = max(3, _next_prime(len(keys) * 4 // 3))
    table = [0] * size
    tries = TRIES_AN_ENTRY * (len(keys) + 1)
    for number, key in enumerate(keys, 1):
        value = _hash(key)
        at, step = value % size, 1 + value % (size - 2)
        while table[at]:
            at, tries = (at + step) % size, tries - 1
            if tries < 0:
                raise NoForm("has too many keys of one hash")
        table[at] = number
    return table


def _hash(key: bytes) -> int:
    """P. J. Weinberger's hash, as in the tables of ELF."""
    value = 0
    for byte in key:
        value = (value << 4) + byte & 0xFFFFFFFF
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high
    return value


def _next_prime(number: int) -> int:
    """The first odd number from there on that no odd number from 3 to its root divides."""
    number |= 1
    while any(number % divisor == 0 for divisor in range(3, int(number**0.5) + 1, 2)):
        number += 2
    return number

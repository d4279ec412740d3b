"""Source maps in which each mapping tells its name by a hash of it [F-107].

A mapping names its identifier by the distance in the list of names from the one before. So one new name changes
mappings everywhere. In the form, three digits stand for the name itself.
"""

import re
from hashlib import sha256
from itertools import islice

from bundle.derived.no_form import NoForm
from bundle.derived.replacing import replaced

MAX_NAMES = 100_000
TRIES_A_NAME = 16  # on average: sound lists take one or two
KEYS = 1 << 18
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {ord(digit): value for value, digit in enumerate(_DIGITS)}

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NAMES = re.compile(rb'"names":\[((?:%b(?:,%b)*+)?+)\]' % (_STRING, _STRING), re.DOTALL)
_NAME = re.compile(_STRING, re.DOTALL)
_MAPPINGS = re.compile(rb'"mappings":"([A-Za-z0-9+/,;=]*+)"')
# Four numbers of a mapping, and the fifth, which names. Digits from 32 on are followed by more of the same number.
_NAMED = re.compile(rb"(?<![^,;])((?:[g-z0-9+/]*+[A-Za-f]){4})([g-z0-9+/]{0,7}+[A-Za-f])(?![^,;])")
_KEYED = re.compile(rb"=([A-Za-z0-9+/]{3})")


def by_name(source: bytes) -> bytes:
    """The map with a key for each name in its mappings. Raises NoForm for what is no map, or has too many names."""
    keys, (start, end) = _keys(source), _mappings(source)
    at = 0

    def keyed(match: re.Match[bytes]) -> bytes:
        nonlocal at
        at += _number(match[2])
        if not 0 <= at < len(keys):
            raise NoForm("has a mapping to a name that is not there")
        return match[1] + b"=" + keys[at]

    return source[:start] + replaced(_NAMED, keyed, source[start:end]) + source[end:]


def by_index(form: bytes) -> bytes:
    """The map again. Raises NoForm for what no map gives."""
    keys, (start, end) = _keys(form), _mappings(form)
    places = {key: at for at, key in enumerate(keys)}
    before = 0

    def indexed(match: re.Match[bytes]) -> bytes:
        nonlocal before
        if match[1] not in places:
            raise NoForm("has a mapping to a name that is not there")
        before, difference = places[match[1]], places[match[1]] - before
        return _digits(difference)

    return form[:start] + replaced(_KEYED, indexed, form[start:end]) + form[end:]


def _mappings(data: bytes) -> tuple[int, int]:
    found = _MAPPINGS.search(data)
    if not found:
        raise NoForm("has no mappings")
    return found.span(1)


def _keys(data: bytes) -> list[bytes]:
    """Three digits for each name of the list. Of two with the same hash, the later one takes the next free."""
    found = _NAMES.search(data)
    if not found:
        raise NoForm("has no list of names")
    names = [match[0][1:-1] for match in islice(_NAME.finditer(found[1]), MAX_NAMES + 1)]
    if len(names) > MAX_NAMES:
        raise NoForm(f"has over {MAX_NAMES:,} names")
    taken: set[int] = set()
    keys, tries = [], TRIES_A_NAME * (len(names) + 1)
    for name in names:
        key = int.from_bytes(sha256(name).digest()[:3], "big") % KEYS
        while key in taken:
            key, tries = (key + 1) % KEYS, tries - 1
            if tries < 0:
                raise NoForm("has too many names of one hash")
        taken.add(key)
        keys.append(_text(key >> 12, key >> 6 & 63, key & 63))
    return keys


def _text(*values: int) -> bytes:
    return "".join(_DIGITS[value] for value in values).encode()


def _number(digits: bytes) -> int:
    """A number in base 64, lowest digit first: five bits a digit, the lowest of all is the sign."""
    value = sum((_VALUES[digit] & 31) << (5 * at) for at, digit in enumerate(digits))
    return -(value >> 1) if value & 1 else value >> 1


def _digits(number: int) -> bytes:
    value = -2 * number + 1 if number < 0 else 2 * number
    digits = []
    while value > 31:
        digits.append(value & 31 | 32)
        value >>= 5
    return _text(*digits, value)

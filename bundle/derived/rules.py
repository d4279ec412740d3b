"""The rules by which objects are derived, by number [F-103].

A rule has two halves. `form` turns the source into what the new object is compared with. `complete` turns the patched
form into the object. Both raise `NoForm` where the rule does not apply: a builder makes the object otherwise then, and
a reader refuses the recipe.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from bundle.derived.catalogues import MAX_SOURCE_BYTES, compiled
from bundle.derived.digests import blanked, filled
from bundle.derived.no_form import NoForm
from bundle.derived.replacing import MAX_BYTES
from bundle.derived.source_maps import by_index, by_name


class Rule(IntEnum):
    """By which rule an object is derived [F-103]. Stands in the numbers column."""

    CATALOGUE = 1
    UNDATED_CATALOGUE = 2
    CATALOGUE_WITHOUT_TABLE = 3
    DIGESTS = 4
    SOURCE_MAP = 5


Digests = Iterable[tuple[bytes, int]]  # SHA-256 and size of other objects


@dataclass(frozen=True)
class _Halves:
    form: Callable[[bytes], bytes]
    complete: Callable[[bytes, Digests], bytes]
    most_bytes: int = MAX_BYTES


def _as_it_is(data: bytes, digests: Digests) -> bytes:
    return data


_RULES = {
    Rule.CATALOGUE: _Halves(compiled, _as_it_is, MAX_SOURCE_BYTES),
    Rule.UNDATED_CATALOGUE: _Halves(lambda data: compiled(data, dated=False), _as_it_is, MAX_SOURCE_BYTES),
    Rule.CATALOGUE_WITHOUT_TABLE: _Halves(lambda data: compiled(data, table=False), _as_it_is, MAX_SOURCE_BYTES),
    Rule.DIGESTS: _Halves(blanked, filled),
    Rule.SOURCE_MAP: _Halves(by_name, lambda data, _: by_index(data)),
}


def most_bytes(rule: Rule) -> int:
    """How long a source may be."""
    return _RULES[rule].most_bytes


def form(rule: Rule, source: bytes) -> bytes:
    """What the rule makes of a source. Raises NoForm."""
    if len(source) > most_bytes(rule):
        raise NoForm(f"has {len(source):,} bytes, its rule takes {most_bytes(rule):,}")
    return _checked(_RULES[rule].form(source))


def complete(rule: Rule, patched: bytes, digests: Digests) -> bytes:
    """The object that a patched form stands for. `digests`: those of its further sources. Raises NoForm."""
    return _checked(_RULES[rule].complete(_checked(patched), digests))


def _checked(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise NoForm(f"has a form of over {MAX_BYTES:,} bytes")
    return data

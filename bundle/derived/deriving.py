"""Objects of a release that follow from others, and what their patch takes. spec/rules.md [F-103].

What may be derived is told by names: a catalogue by that of its source, a source map by its own, a list of digests too.
Whether it follows is found out by deriving it. Whatever does not is made as any other object.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field

from bundle.derived.catalogues import MAX_SOURCE_BYTES, has_table
from bundle.derived.digests import HEX_MARK, RECORD_MARK, blanked, spelled, texts
from bundle.derived.no_form import NoForm
from bundle.derived.replacing import MAX_BYTES
from bundle.derived.rules import Rule, complete, form
from bundle.derived.source_maps import by_name
from bundle.format.contents import Content, read_content, size_of

_LISTS = re.compile(r"RECORD|[^/!]*(?:sha256|checksum|sbom|manifest)[^/!]*|[^/!]*\.(?:cdx|spdx)\.json", re.IGNORECASE)


@dataclass(frozen=True)
class Derivation:
    """How an object may be derived: the rule, and the source, or None for what is alike in the base.

    `rule`: None for a catalogue, which tells its rule itself. `known`: the texts of digests that objects at hand have.
    """

    rule: Rule | None
    source: Content | None = None
    known: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Derivable:
    """What the patch of a derived object has to make out of what. `marks`: the digests that complete it, as texts."""

    rule: Rule
    form: bytes
    wanted: bytes
    marks: list[bytes] = field(default_factory=list)


def source_label(label: str) -> str | None:
    """The label of what a catalogue is compiled from. None for what is no catalogue."""
    return f"{label.removesuffix('.mo')}.po" if label.endswith(".mo") else None


def is_catalogue_source(label: str, size: int) -> bool:
    """Whether a catalogue may be compiled from it."""
    return label.endswith(".po") and size <= MAX_SOURCE_BYTES


def is_source_map(label: str, size: int) -> bool:
    """Whether it may be a source map."""
    return label.endswith(".map") and size <= MAX_BYTES


def form_bytes(derivation: Derivation, target_bytes: int) -> int:
    """What the patched form of a target has at most: of a source map, five digits may become eight."""
    return 2 * target_bytes if derivation.rule == Rule.SOURCE_MAP else target_bytes


def is_list(label: str, size: int) -> bool:
    """Whether it may list digests."""
    return size <= MAX_BYTES and _LISTS.fullmatch(re.split("[/!]", label)[-1]) is not None


def digests_in(content: Content) -> dict[bytes, tuple[bytes, int | None]]:
    """Text -> SHA-256 and size, for each text in a list that a mark may stand for. A text in hex has no size."""
    return {text: _digest(text) for text in texts(read_content(content))}


def derivable(derivation: Derivation, target: Content, base: Content | None) -> Derivable | None:
    """How to derive the target, if that gives it back. Raises InputError if a file cannot be read."""
    source = derivation.source or base
    if source is None or max(size_of(source), size_of(target)) > MAX_BYTES:
        return None
    whole, origin, marks = read_content(target), read_content(source), list[bytes]()
    try:
        match derivation.rule:
            case None:
                rule, made = _compiled(origin, whole)
                return Derivable(rule, made, whole)
            case Rule.SOURCE_MAP:
                wanted = by_name(whole)
            case _:
                wanted = blanked(whole, derivation.known.__contains__)
                marks = [text for text in texts(whole) if text in derivation.known]
        digests = ((digest, size or 0) for digest, size in map(_digest, marks))
        if wanted == whole or complete(derivation.rule, wanted, digests) != whole:
            return None
        return Derivable(derivation.rule, form(derivation.rule, origin), wanted, marks)
    except NoForm:
        return None


def _compiled(source: bytes, catalogue: bytes) -> tuple[Rule, bytes]:
    """The rule by which a catalogue was compiled, and what it gives: what is as long needs the smallest patch."""
    rules = (Rule.UNDATED_CATALOGUE, Rule.CATALOGUE) if has_table(catalogue) else (Rule.CATALOGUE_WITHOUT_TABLE,)
    return min(((rule, form(rule, source)) for rule in rules), key=lambda made: abs(len(made[1]) - len(catalogue)))


def _digest(text: bytes) -> tuple[bytes, int | None]:
    """What a text says."""
    if not text.startswith(b"sha256="):
        return bytes.fromhex(text.decode()), None
    digest, _, size = text.removeprefix(b"sha256=").partition(b",")
    return urlsafe_b64decode(digest + b"="), int(size)


def is_spelled(text: bytes, digest: bytes, size: int) -> bool:
    """Whether a mark would give that text."""
    return spelled(RECORD_MARK if text.startswith(b"sha256=") else HEX_MARK, digest, size) == text

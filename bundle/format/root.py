"""The root: a few hundred signed bytes. All else in a bundle is verified by them. spec/format.md, section 2."""

import re
from collections.abc import Container
from typing import Literal

import msgspec

from bundle.errors import Malformed, Unsupported
from bundle.format import canonical
from bundle.format.codecs import Packed, check_packed
from bundle.format.layout import FORMAT
from bundle.format.manifest import MAX_ENTRIES, MAX_MANIFEST_BYTES
from bundle.format.pieces import HASH_BYTES, MAX_PIECE_LOG, MIN_PIECE_LOG, stored_length
from bundle.format.section_cipher import chunk_stretch, is_encrypted_length, plain_bytes
from bundle.names.paths import check_version

Platform = Literal["any", "posix"]

ENCRYPTED_FEATURE = "encrypted-1"
POSIX_FEATURE = "posix-1"
PYTHON_TIMES_FEATURE = "python-times-1"
KNOWN_FEATURES = frozenset({ENCRYPTED_FEATURE, POSIX_FEATURE, PYTHON_TIMES_FEATURE})
REFERENCES_FEATURE = "references-1"
SHAPE_FEATURE = "deflate-shape"
DERIVED_FEATURE = "derived-1"
_OWN_FEATURES = frozenset(
    {REFERENCES_FEATURE, SHAPE_FEATURE, DERIVED_FEATURE}
)  # of a section: what every reader of this format has
MAX_INDEX_BYTES = 64 * 1024 * 1024
MAX_INNER_BYTES = 4096  # of a body within the root
DELTA = "delta"
FULL = "full"

_PRODUCT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Section(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """What the root says of one section. Its order is that of the format.

    `base`: the tree hash of the base, empty for the full section. `room`: bytes on disk that rebuilding takes at one
    time beside the release itself [F-64]. `stored`: bytes of the body behind the header, and `content` the top of its
    hash tree. If `stored` is 0, `content` is the body itself [F-100].
    """

    base: bytes = b""
    features: list[str] = []
    room: int = 0
    index: Packed
    stored: int
    content: bytes

    def is_readable(self, engines: Container[str]) -> bool:
        """Whether a reader with these deflate engines has all of its features. Others are passed over [F-8]."""
        return all(feature in engines for feature in set(self.features) - _OWN_FEATURES)

    @property
    def kind(self) -> str:
        """`DELTA` or `FULL`: a section with a base is a delta."""
        return DELTA if self.base else FULL

    @property
    def is_inner(self) -> bool:
        """Whether its body stands in the root [F-100]."""
        return not self.stored

    @property
    def length(self) -> int:
        """Bytes of its body."""
        return self.stored or len(self.content)


class Root(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """The signed description of a release and of the sections that bring it [F-5]. Its order is that of the format.

    `piece_log`: pieces have 2 to the power of this bytes.
    """

    format: int
    features: list[str] = []
    product: str
    version: str
    epoch: int = 0
    seq: int
    created: int
    tree: bytes
    manifest_size: int
    entries: int
    size: int
    piece_log: int
    sections: list[Section]

    @property
    def platform(self) -> Platform:
        """Which rules the paths of its release follow."""
        return "posix" if POSIX_FEATURE in self.features else "any"

    @property
    def piece_size(self) -> int:
        """Bytes of a piece."""
        return 1 << self.piece_log

    def offset_of(self, section: Section) -> int:
        """Offset in bytes of a section from the end of the header [F-6]."""
        before = self.sections[: self.sections.index(section)]
        return sum(stored_length(other.stored, self.piece_size) for other in before)

    @property
    def sections_bytes(self) -> int:
        """Length of all sections as stored: the file's length without its header."""
        return sum(stored_length(section.stored, self.piece_size) for section in self.sections)

    @property
    def is_encrypted(self) -> bool:
        """Whether the bodies of its sections are [S-1]."""
        return ENCRYPTED_FEATURE in self.features

    @property
    def has_python_times(self) -> bool:
        """Whether its compiled Python says which times its sources are to have [A-122]."""
        return PYTHON_TIMES_FEATURE in self.features

    def index_stretch(self, section: Section) -> tuple[int, int]:
        """(start, end), in bytes of the section's body as it stands, of what holds its index."""
        length = section.index.length
        return chunk_stretch(0, length, section.length) if self.is_encrypted else (0, length)

    def full_section(self, engines: Container[str]) -> Section | None:
        """The section that needs no base, if these deflate engines can make all of it [F-8].

        `engines`: their features. `bundle.archives.engines.present_features` gives those of this machine.
        """
        return self._find(b"", engines)

    def delta_section(self, base: bytes, engines: Container[str]) -> Section | None:
        """The section from the base with that tree hash, if these deflate engines can make all of it [F-8].

        With all that the format knows (`ENGINE_FEATURES`) it is found wherever it can be read at all. What needs an
        engine that is missing has to come from the full section then [F-62].
        """
        return self._find(base, engines) if base else None

    def bases(self) -> list[bytes]:
        """The tree hashes of all bases."""
        return [section.base for section in self.sections if section.kind == DELTA]

    def _find(self, base: bytes, engines: Container[str]) -> Section | None:
        for section in self.sections:
            if section.base == base and section.is_readable(engines):
                return section
        return None


class _Requirements(msgspec.Struct, frozen=True, array_like=True):
    """The part of a root that says whether this reader may go on: read leniently, before the rest."""

    format: int = 0
    features: list[str] = []


def decode_root(data: bytes) -> Root:
    """Reads a root whose signatures were verified. Raises Malformed or Unsupported [F-3], [F-5], [F-8]."""
    try:
        needs = msgspec.msgpack.decode(data, type=_Requirements)
    except canonical.FAULTS as error:
        raise Malformed(f"root: {canonical.decoder_message(error)}") from error
    if needs.format != FORMAT:
        raise Unsupported(f"root: format {needs.format} is not {FORMAT}; update unrep on this machine first")
    if unknown := sorted(set(needs.features) - KNOWN_FEATURES):
        raise Unsupported(f"root: needs feature {unknown[0]!r}, which this unrep does not have; update it first")
    root = canonical.decode(data, Root, "root")
    check_root(root)
    return root


def check_root(root: Root) -> None:
    """Raises Malformed for a value out of its bounds [F-5] to [F-9]. Used by the reader and by the builder."""
    check_product(root.product)
    check_version(root.version)
    for name, value, least, most in (
        ("seq", root.seq, 1, canonical.MAX_INTEGER),
        ("epoch", root.epoch, 0, canonical.MAX_INTEGER),
        ("created", root.created, 0, canonical.MAX_INTEGER),
        ("manifest_size", root.manifest_size, 1, MAX_MANIFEST_BYTES),
        ("entries", root.entries, 0, MAX_ENTRIES),
        ("size", root.size, 0, canonical.MAX_INTEGER),
        ("piece_log", root.piece_log, MIN_PIECE_LOG, MAX_PIECE_LOG),
    ):
        if not least <= value <= most:
            raise Malformed(f"root: {name} {value} is not within {least} to {most}")
    _check_hash(root.tree, "root: tree")
    _check_features(root.features, "root")
    if len({(section.base, *section.features) for section in root.sections}) != len(root.sections):
        raise Malformed("root: two sections for one base and the same readers")
    for number, section in enumerate(root.sections):
        _check_section(section, root.is_encrypted, f"root: section {number}")


def check_product(product: str) -> None:
    """Raises Malformed unless it can be a product's name [F-5]."""
    if not _PRODUCT.fullmatch(product):
        raise Malformed(f"product {product!r}: use 1 to 64 letters, digits and '._-'")


def _check_section(section: Section, is_encrypted: bool, where: str) -> None:
    if not 0 <= section.stored <= canonical.MAX_INTEGER:
        raise Malformed(f"{where}: length {section.stored} is not within 0 to 2^53 - 1")
    if section.stored:
        _check_hash(section.content, f"{where}: hash")
    elif not 0 < len(section.content) <= MAX_INNER_BYTES:
        raise Malformed(f"{where}: a body of {len(section.content)} bytes is not within 1 to {MAX_INNER_BYTES}")
    if section.base:
        _check_hash(section.base, f"{where}: base")
    _check_features(section.features, where)
    if not 0 <= section.room <= canonical.MAX_INTEGER:
        raise Malformed(f"{where}: room {section.room} is not within 0 to 2^53 - 1")
    check_packed(section.index, f"{where}: index")
    if section.index.size > MAX_INDEX_BYTES:
        raise Malformed(f"{where}: an index of {section.index.size} bytes is over {MAX_INDEX_BYTES}")
    if is_encrypted and not is_encrypted_length(section.length):
        raise Malformed(f"{where}: no encrypted body has {section.length} bytes")
    if section.index.length > (plain_bytes(section.length) if is_encrypted else section.length):
        raise Malformed(f"{where}: its index is longer than itself")


def _check_features(features: list[str], where: str) -> None:
    if features != sorted(set(features)):
        raise Malformed(f"{where}: features are not sorted, or one stands there twice")


def _check_hash(value: bytes, where: str) -> None:
    if len(value) != HASH_BYTES:
        raise Malformed(f"{where}: {len(value)} bytes instead of a SHA-256")

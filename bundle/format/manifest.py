"""The tree manifest: the sorted list of what a release holds, and the one encoding that gives the tree hash.

spec/format.md, section 3. The columns stand apart (all paths, all kinds, all sizes, all hashes), so that a
manifest is a small patch away from the one before it.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Annotated

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.pieces import HASH_BYTES
from bundle.names.paths import check_link, check_path, check_tree

MANIFEST_VERSION = 1
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 500_000
MAX_LINK_BYTES = 4095  # what Linux takes
EMPTY_HASH = sha256().digest()


class Kind(IntEnum):
    """What an entry is [F-12]. The object of a symbolic link is its target as UTF-8, that of a directory is empty."""

    FILE = 0
    EXECUTABLE = 1
    EMPTY_DIRECTORY = 2
    SYMLINK = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a release: its kind, the size in bytes of its object and the object's SHA-256 (32 bytes)."""

    path: str
    kind: Kind
    size: int
    hash: bytes


class _Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tree: int
    paths: Annotated[list[str], msgspec.Meta(max_length=MAX_ENTRIES)]
    kinds: bytes
    sizes: Annotated[list[int], msgspec.Meta(max_length=MAX_ENTRIES)]
    hashes: bytes


@dataclass(frozen=True)
class TreeManifest:
    """A release's entries, sorted by path. Build one with `of` or `decode`: both hold the rules of the format."""

    entries: tuple[Entry, ...]
    encoded: bytes

    @classmethod
    def of(cls, entries: list[Entry], platform: str) -> "TreeManifest":
        """Sorts and encodes entries. Raises Malformed for a path that `platform` does not allow."""
        ordered = tuple(sorted(entries, key=lambda entry: entry.path))
        _check(ordered, platform)
        columns = _Columns(
            MANIFEST_VERSION,
            [entry.path for entry in ordered],
            bytes(entry.kind for entry in ordered),
            [entry.size for entry in ordered],
            b"".join(entry.hash for entry in ordered),
        )
        return cls._agreeing(ordered, canonical.encode(columns))

    @classmethod
    def decode(cls, data: bytes, platform: str) -> "TreeManifest":
        """Reads a manifest whose hash was verified. Raises Malformed for every broken rule [F-11] to [F-18]."""
        columns = canonical.decode(data, _Columns, "tree manifest")
        count = len(columns.paths)
        if columns.tree != MANIFEST_VERSION:
            raise Malformed(f"tree manifest: version {columns.tree} is not {MANIFEST_VERSION}")
        if not count == len(columns.kinds) == len(columns.sizes) == len(columns.hashes) / HASH_BYTES:
            raise Malformed("tree manifest: its columns differ in length")
        if any(kind > Kind.SYMLINK for kind in columns.kinds):
            raise Malformed("tree manifest: an entry has an unknown kind")
        hashes = (columns.hashes[i : i + HASH_BYTES] for i in range(0, count * HASH_BYTES, HASH_BYTES))
        kinds = map(Kind, columns.kinds)
        entries = tuple(map(Entry, columns.paths, kinds, columns.sizes, hashes))
        if any(a.path >= b.path for a, b in pairwise(entries)):
            raise Malformed("tree manifest: its paths are not sorted, or one stands there twice")
        _check(entries, platform)
        return cls._agreeing(entries, data)

    @classmethod
    def _agreeing(cls, entries: tuple[Entry, ...], data: bytes) -> "TreeManifest":
        manifest = cls(entries, data)
        manifest.check_sizes(manifest)
        return manifest

    @cached_property
    def tree_hash(self) -> bytes:
        """The SHA-256 of the encoded manifest: the identity of a release's content."""
        return sha256(self.encoded).digest()

    @cached_property
    def size(self) -> int:
        """The bytes of all objects together, as often as they occur."""
        return sum(entry.size for entry in self.entries)

    @cached_property
    def places(self) -> dict[bytes, int]:
        """Object hash -> place of the first entry with that content. Places count from 1, for 0 is the manifest."""
        found: dict[bytes, int] = {}
        for place, entry in enumerate(self.entries, 1):
            found.setdefault(entry.hash, place)
        return found

    def entry(self, place: int) -> Entry:
        """The entry at a place, counted from 1."""
        return self.entries[place - 1]

    def check_sizes(self, known: "TreeManifest") -> None:
        """Raises Malformed for an entry whose content `known` has, with another size [F-63]."""
        for entry in self.entries:
            place = known.places.get(entry.hash)
            if place and known.entry(place).size != entry.size:
                other = known.entry(place)
                raise Malformed(
                    f"path {entry.path!r}: has {entry.size} bytes, but {other.path!r}, the same content, {other.size}"
                )

    def needed(self, base: "TreeManifest | None") -> list[int]:
        """Places whose objects must be made by recipes, given a base: new content, once each [F-31]."""
        known = base.places if base else {}
        return [
            place
            for place, entry in enumerate(self.entries, 1)
            if entry.size and entry.hash not in known and self.places[entry.hash] == place
        ]


def _check(entries: tuple[Entry, ...], platform: str) -> None:
    for entry in entries:
        check_path(entry.path, platform)
        if not 0 <= entry.size <= canonical.MAX_INTEGER:
            raise Malformed(f"path {entry.path!r}: size {entry.size} is not within 0 to 2^53 - 1")
        if (entry.size == 0) != (entry.hash == EMPTY_HASH):
            raise Malformed(f"path {entry.path!r}: size {entry.size} does not go with its hash")
        if entry.kind == Kind.EMPTY_DIRECTORY and entry.size:
            raise Malformed(f"path {entry.path!r}: an empty directory has no content")
        if entry.kind == Kind.SYMLINK and platform != "posix":
            raise Malformed(f"path {entry.path!r}: symbolic links need platform 'posix'")
        if entry.kind == Kind.SYMLINK and not 0 < entry.size <= MAX_LINK_BYTES:
            raise Malformed(f"path {entry.path!r}: a symbolic link to 0 or over {MAX_LINK_BYTES} bytes")
    check_tree((entry.path for entry in entries), platform)


def check_link_target(entry: Entry, content: bytes) -> str:
    """The target of a symbolic link from its object. Raises Malformed if it is not UTF-8 or leaves the tree."""
    try:
        target = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"symbolic link {entry.path!r}: its target is not UTF-8") from error
    check_link(entry.path, target)
    return target

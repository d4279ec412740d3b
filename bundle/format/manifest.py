"""The tree manifest: the sorted list of what a release holds, and the one encoding that gives the tree hash.

spec/format.md, section 3. The columns stand apart (all paths, all kinds, all sizes, all hashes), so that a
manifest is a small patch away from the one before it.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Annotated, overload

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.pieces import HASH_BYTES
from bundle.format.places import Places
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
    hashes: memoryview  # of the encoded bytes: no copy of them


class Entries(Sequence[Entry]):
    """The entries of a manifest in its order, in columns. An `Entry` is made when it is asked for.

    Aboard two releases of hundreds of thousands of files have to stand in memory side by side, and an object for each
    entry takes 300 bytes.
    """

    def __init__(self, columns: _Columns) -> None:
        """Of columns that were checked."""
        self._ends = array("Q", accumulate(map(_bytes_of, columns.paths), initial=0))
        self._paths = "".join(columns.paths).encode()
        self._kinds = columns.kinds
        self._hashes = columns.hashes
        self.sizes = array("q", columns.sizes)
        self.places = Places(self._hashes)

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = range(len(self))[at]
        digest = bytes(self._hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES])
        return Entry(self.path(number), Kind(self._kinds[number]), self.sizes[number], digest)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))

    def path(self, number: int) -> str:
        """The path of the entry with that number, from 0."""
        return self._paths[self._ends[number] : self._ends[number + 1]].decode()

    def paths(self) -> Iterator[str]:
        """The paths of all entries."""
        return map(self.path, range(len(self)))


@dataclass(frozen=True)
class TreeManifest:
    """A release's entries, sorted by path. Build one with `of` or `decode`: both hold the rules of the format."""

    entries: Entries = field(compare=False)
    encoded: bytes

    @classmethod
    def of(cls, entries: Iterable[Entry], platform: str) -> "TreeManifest":
        """Sorts and encodes entries. Raises Malformed for a path that `platform` does not allow."""
        ordered = sorted(entries, key=lambda entry: entry.path)
        columns = _Columns(
            MANIFEST_VERSION,
            [entry.path for entry in ordered],
            bytes(entry.kind for entry in ordered),
            [entry.size for entry in ordered],
            memoryview(b"".join(entry.hash for entry in ordered)),
        )
        _check(columns, platform)
        return cls._agreeing(columns, canonical.encode(columns))

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
        if any(a >= b for a, b in pairwise(columns.paths)):
            raise Malformed("tree manifest: its paths are not sorted, or one stands there twice")
        _check(columns, platform)
        return cls._agreeing(columns, data)

    @classmethod
    def _agreeing(cls, columns: _Columns, data: bytes) -> "TreeManifest":
        manifest = cls(Entries(columns), data)
        manifest.check_sizes(manifest)
        return manifest

    @cached_property
    def tree_hash(self) -> bytes:
        """The SHA-256 of the encoded manifest: the identity of a release's content."""
        return sha256(self.encoded).digest()

    @cached_property
    def size(self) -> int:
        """The bytes of all objects together, as often as they occur."""
        return sum(self.entries.sizes)

    @property
    def places(self) -> Places:
        """Object hash -> place of the first entry with that content. Places count from 1, for 0 is the manifest."""
        return self.entries.places

    def entry(self, place: int) -> Entry:
        """The entry at a place, counted from 1."""
        return self.entries[place - 1]

    def check_sizes(self, known: "TreeManifest") -> None:
        """Raises Malformed for an entry whose content `known` has, with another size [F-63]."""
        for number, place in enumerate(known.places.of(self.places).tolist()):
            if place and known.entries.sizes[place - 1] != self.entries.sizes[number]:
                entry, other = self.entries[number], known.entry(place)
                raise Malformed(
                    f"path {entry.path!r}: has {entry.size} bytes, but {other.path!r}, the same content, {other.size}"
                )

    def needed(self, base: "TreeManifest | None") -> list[int]:
        """Places whose objects must be made by recipes, given a base: new content, once each [F-31]."""
        new = self.places.new_beside(base.places if base else None).tolist()
        return [place for place, size in enumerate(self.entries.sizes, 1) if size and new[place - 1]]


def _bytes_of(path: str) -> int:
    return len(path) if path.isascii() else len(path.encode())


def _check(columns: _Columns, platform: str) -> None:
    hashes = (columns.hashes[i : i + HASH_BYTES] for i in range(0, len(columns.hashes), HASH_BYTES))
    for path, kind, size, digest in zip(columns.paths, columns.kinds, columns.sizes, hashes, strict=True):
        check_path(path, platform)
        if not 0 <= size <= canonical.MAX_INTEGER:
            raise Malformed(f"path {path!r}: size {size} is not within 0 to 2^53 - 1")
        if (size == 0) != (digest == EMPTY_HASH):
            raise Malformed(f"path {path!r}: size {size} does not go with its hash")
        if kind == Kind.EMPTY_DIRECTORY and size:
            raise Malformed(f"path {path!r}: an empty directory has no content")
        if kind == Kind.SYMLINK and platform != "posix":
            raise Malformed(f"path {path!r}: symbolic links need platform 'posix'")
        if kind == Kind.SYMLINK and not 0 < size <= MAX_LINK_BYTES:
            raise Malformed(f"path {path!r}: a symbolic link to 0 or over {MAX_LINK_BYTES} bytes")
    check_tree(columns.paths, platform)


def check_link_target(entry: Entry, content: bytes) -> str:
    """The target of a symbolic link from its object. Raises Malformed if it is not UTF-8 or leaves the tree."""
    try:
        target = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"symbolic link {entry.path!r}: its target is not UTF-8") from error
    check_link(entry.path, target)
    return target

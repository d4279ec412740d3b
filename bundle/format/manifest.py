"""The tree manifest: the sorted list of what a release holds, and the one encoding that gives the tree hash.

spec/format.md, section 3. The columns stand apart (all paths, all kinds, all sizes, all hashes), so that a
manifest is a small patch away from the one before it.

Build one with `of` or `decode`, which hold the rules of the format. What a site has on record was judged when it came.

A section brings a draft of it: the hashes of what the section makes are worked out as it is made [F-101]. Until then
a label stands for each of them.
"""

from array import array
from collections.abc import Collection, Container, Iterable, Iterator, Sequence, Set
from copy import copy
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from typing import Annotated, overload

import msgspec

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.pieces import HASH_BYTES
from bundle.format.places import Places, PlaceSet
from bundle.format.strings import Strings
from bundle.names.paths import check_link, check_path, check_tree

MANIFEST_VERSION = 1
MAX_MANIFEST_BYTES = 256 * 1024 * 1024
MAX_ENTRIES = 1_000_000
MAX_LINK_BYTES = 4095  # what Linux takes
EMPTY_HASH = sha256().digest()
_NO_HASH = bytes(HASH_BYTES)
_LABEL_ZEROS = bytes(28)  # no hash begins so: to find one would take 2^224 attempts


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


_KINDS = tuple(Kind)


class _Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`paths` and `hashes` are views of the encoded bytes: no copy of them, and no object for each path."""

    tree: int
    paths: msgspec.Raw
    kinds: bytes
    sizes: Annotated[list[int], msgspec.Meta(max_length=MAX_ENTRIES)]
    hashes: memoryview


class Entries(Sequence[Entry]):
    """The entries of a manifest in its order, in columns. An `Entry` is made when it is asked for.

    Aboard two releases of hundreds of thousands of files have to stand in memory side by side, and an object for each
    entry takes 300 bytes.
    """

    def __init__(self, columns: _Columns) -> None:
        """Raises Malformed for columns of different lengths, or paths that are no array in canonical form."""
        if columns.tree != MANIFEST_VERSION:
            raise Malformed(f"tree manifest: version {columns.tree} is not {MANIFEST_VERSION}")
        self.paths = Strings(memoryview(columns.paths), MAX_ENTRIES, "tree manifest: paths")
        if not len(self.paths) == len(columns.kinds) == len(columns.sizes) == len(columns.hashes) / HASH_BYTES:
            raise Malformed("tree manifest: its columns differ in length")
        self.kinds = columns.kinds
        try:
            self.sizes = array("q", columns.sizes)
        except OverflowError as error:
            raise Malformed("tree manifest: a size is not within 0 to 2^53 - 1") from error
        self.hashes = columns.hashes
        self.places = Places(self.hashes)

    def with_hashes(self, hashes: memoryview) -> "Entries":
        """The same entries with other hashes."""
        found = copy(self)
        found.hashes, found.places = hashes, Places(hashes)
        return found

    def __len__(self) -> int:
        return len(self.kinds)

    @overload
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = range(len(self))[at]
        digest = bytes(self.hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES])
        return Entry(self.paths[number], _KINDS[self.kinds[number]], self.sizes[number], digest)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))


@dataclass(frozen=True)
class TreeManifest:
    """A release's entries, sorted by path. Every way to build one says which rules it holds."""

    entries: Entries = field(compare=False)
    encoded: bytes

    @classmethod
    def of(cls, entries: Iterable[Entry], platform: str) -> "TreeManifest":
        """Sorts and encodes entries. Raises Malformed for a path that `platform` does not allow."""
        ordered = sorted(entries, key=lambda entry: entry.path)
        for entry in ordered:
            check_path(entry.path, platform)  # before it is encoded, which not every text can be
        paths = canonical.encode([entry.path for entry in ordered])
        kinds, sizes = bytes(entry.kind for entry in ordered), [entry.size for entry in ordered]
        return cls.decode(_encoded(paths, kinds, sizes, b"".join(entry.hash for entry in ordered)), platform)

    @classmethod
    def decode(cls, data: bytes, platform: str) -> "TreeManifest":
        """Reads a manifest whose hash was verified. Raises Malformed for every broken rule [F-11] to [F-18]."""
        canonical.decode(data, _Columns, "tree manifest")
        return cls._checked(data, platform)

    @classmethod
    def on_record(cls, data: bytes) -> "TreeManifest":
        """Reads a manifest that `decode` let pass before: its hash is on record. The rules are not gone through anew.

        Raises Malformed for bytes that are no manifest at all.
        """
        try:
            return cls(Entries(msgspec.msgpack.decode(data, type=_Columns)), data)
        except canonical.FAULTS as error:
            raise Malformed(f"tree manifest: {canonical.decoder_message(error)}") from error

    @classmethod
    def _checked(cls, data: bytes, platform: str) -> "TreeManifest":
        """Of canonical bytes."""
        entries = Entries(msgspec.msgpack.decode(data, type=_Columns))
        _check(entries, platform)
        manifest = cls(entries, data)
        manifest.check_sizes(manifest)
        return manifest

    @classmethod
    def of_draft(cls, data: bytes, made: Collection[int], platform: str) -> "TreeManifest":
        """The manifest of a draft, with labels in the place of the hashes that are not known yet [F-101].

        `made`: the places that recipes make. Raises Malformed for every broken rule.
        """
        columns = canonical.decode(data, _Columns, "tree manifest")
        hashes = bytearray(columns.hashes)
        if len(hashes) != HASH_BYTES * len(columns.kinds):
            raise Malformed("tree manifest: its columns differ in length")
        for place in made:
            if place > len(columns.kinds):
                raise Malformed(f"index: a recipe makes place {place}, which its release has not")
            hashes[(place - 1) * HASH_BYTES : place * HASH_BYTES] = label_of(place)
        # Hashes stand last, and what is before them stays. A manifest of 300,000 entries has 33 MB: few copies of it.
        before = len(data) - len(hashes)
        encoded = b"".join((memoryview(data)[:before], hashes))
        del columns, hashes, data
        return cls._checked(encoded, platform)

    def draft(self, made: Collection[int], base: "TreeManifest | None" = None) -> bytes:
        """Its draft for a section whose recipes make these places: the first of each content that is new.

        Readers pass over the hashes of these places. Those of the base's entries of the same paths stand there, for
        they cost least.
        """
        paths = {self.entries.paths[place - 1] for place in made} if base else set()
        known = {entry.path: entry.hash for entry in base.entries if entry.path in paths} if base else {}
        hashes = bytearray()
        for place, first in enumerate(self.places.of(self.places).tolist(), 1):
            at = (place - 1) * HASH_BYTES
            if place in made:
                hashes += known.get(self.entries.paths[place - 1], _NO_HASH)
            else:
                hashes += label_of(first) if first in made else self.entries.hashes[at : at + HASH_BYTES]
        return _encoded(
            bytes(self.entries.paths.encoded), self.entries.kinds, self.entries.sizes.tolist(), bytes(hashes)
        )

    def completed(self, hashes: bytes | bytearray) -> "TreeManifest":
        """The same with hashes for its labels. `hashes`: 32 bytes for each place from 1 on."""
        import numpy as np

        rows = np.frombuffer(self.entries.hashes, np.uint8).reshape(-1, HASH_BYTES).copy()
        labelled = ~rows[:, : len(_LABEL_ZEROS)].any(axis=1)
        places = rows[labelled, len(_LABEL_ZEROS) :].copy().view(">u4")[:, 0].astype(np.int64)
        rows[labelled] = np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES)[places - 1]
        start = len(self.encoded) - len(self.entries.hashes)
        data = b"".join((memoryview(self.encoded)[:start], rows.data))
        return TreeManifest(self.entries.with_hashes(memoryview(data)[start:]), data)

    def without(self, gone: Container[int]) -> "TreeManifest":
        """The same without the entries at those places. No rule can be broken by that."""
        kept = array("I", (number for number in range(len(self.entries)) if number + 1 not in gone))
        entries = self.entries
        sizes = [entries.sizes[number] for number in kept]
        hashes = b"".join(entries.hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES] for number in kept)
        data = _encoded(entries.paths.chosen(kept), bytes(entries.kinds[number] for number in kept), sizes, hashes)
        return TreeManifest(Entries(canonical.decode(data, _Columns, "tree manifest")), data)

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
        import numpy as np

        found = known.places.of(self.places)
        sizes, others = (np.frombuffer(manifest.entries.sizes, np.int64) for manifest in (self, known))
        shared = np.flatnonzero(found)
        for number in shared[sizes[shared] != others[found[shared] - 1]].tolist():
            entry, other = self.entries[number], known.entry(int(found[number]))
            raise Malformed(
                f"path {entry.path!r}: has {entry.size} bytes, but {other.path!r}, the same content, {other.size}"
            )

    def needed(self, base: "TreeManifest | None") -> Set[int]:
        """Places whose objects must be made by recipes, given a base: new content, once each [F-31]."""
        import numpy as np

        new = self.places.new_beside(base.places if base else None)
        new &= np.frombuffer(self.entries.sizes, np.int64) > 0
        return PlaceSet(mask=b"\0" + new.tobytes())


def label_of(place: int) -> bytes:
    """What stands for the hash of what a recipe makes for that place, until it is known [F-101]."""
    return _LABEL_ZEROS + place.to_bytes(4, "big")


def is_label(digest: bytes) -> bool:
    """Whether it stands for a hash that is not known yet."""
    return digest.startswith(_LABEL_ZEROS)


def _encoded(paths: bytes, kinds: bytes, sizes: list[int], hashes: bytes) -> bytes:
    return canonical.encode(_Columns(MANIFEST_VERSION, msgspec.Raw(paths), kinds, sizes, memoryview(hashes)))


def _check(entries: Entries, platform: str) -> None:
    before = ""
    hashes = (entries.hashes[at : at + HASH_BYTES] for at in range(0, len(entries.hashes), HASH_BYTES))
    for path, kind, size, digest in zip(entries.paths, entries.kinds, entries.sizes, hashes, strict=True):
        check_path(path, platform)
        if path <= before:
            raise Malformed("tree manifest: its paths are not sorted, or one stands there twice")
        before = path
        if kind > Kind.SYMLINK:
            raise Malformed(f"path {path!r}: kind {kind} is unknown")
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
    check_tree(entries.paths, platform)


def check_link_target(entry: Entry, content: bytes) -> str:
    """The target of a symbolic link from its object. Raises Malformed if it is not UTF-8 or leaves the tree."""
    try:
        target = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"symbolic link {entry.path!r}: its target is not UTF-8") from error
    check_link(entry.path, target)
    return target

"""What a bundle says of itself, as plain data: the core of `unrep inspect`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Annotated

import zstandard
from msgspec import Meta

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.index import Stream
from bundle.format.manifest import MAX_MANIFEST_BYTES, Entry, TreeManifest
from bundle.format.pieces import stored_length
from bundle.format.root import Section
from bundle.host import presence
from bundle.read.costs import ObjectCost, object_costs
from bundle.read.reader import VerifiedBundle, VerifiedSection, section_bytes
from unrep.inspection.carried_trust import Carried, read_carried

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class PackSummary:
    """One pack."""

    frame: Annotated[int, Meta(description="Number of its frame in the section.")]
    stream: Annotated[str, Meta(description="What it holds.")]
    codec: Annotated[int, Meta(description="Number of the codec in the format.")]
    bytes: Annotated[int, Meta(description="Stored size.")]
    unpacked_bytes: Annotated[int, Meta(description="What it unpacks to.")]


@dataclass(frozen=True)
class ObjectSummary:
    """One object: a file or the tree manifest."""

    place: Annotated[int, Meta(description="Place of the file in the tree manifest; 0 for the manifest itself.")]
    path: Annotated[str | None, Meta(description="Path of the file; null if no manifest is at hand.")]
    size: Annotated[int | None, Meta(description="Size of the file; null if not known.")]
    recipe: Annotated[str, Meta(description="How it is made.")]
    source: Annotated[str | None, Meta(description="Path in the base that it is made from; null for none.")]
    bytes: Annotated[int, Meta(description="Its share of the section.")]


@dataclass(frozen=True)
class SectionSummary:
    """One section. One that is not in the file has neither packs nor objects."""

    kind: Annotated[str, Meta(description="'delta' from a base, or 'full'.")]
    base: Annotated[str | None, Meta(description="Tree hash of the base, in hex; null for the full section.")]
    bytes: Annotated[int, Meta(description="Stored size of the section.")]
    room_bytes: Annotated[int, Meta(description="What rebuilding takes on disk beside the release [F-64].")]
    present: Annotated[bool, Meta(description="Whether the section is in this file.")]
    hash_table_bytes: Annotated[int, Meta(description="Size of the hashes of its pieces.")] = 0
    index_bytes: Annotated[int, Meta(description="Size of its index.")] = 0
    packs: Annotated[tuple[PackSummary, ...], Meta(description="Its packs.")] = ()
    objects: Annotated[tuple[ObjectSummary, ...], Meta(description="Its files, the costliest first.")] = ()


@dataclass(frozen=True)
class NotOpened:
    """An archive, or a member of one, that the bundle has as it is."""

    path: Annotated[str, Meta(description="Path of the archive; a member stands behind '!'.")]
    why: Annotated[str, Meta(description="Why it was not opened.")]


@dataclass(frozen=True)
class Inspection:
    """What a bundle holds."""

    bundle: Annotated[str, Meta(description="Path of the bundle.")]
    bytes: Annotated[int, Meta(description="Size of the bundle.")]
    root_hash: Annotated[str, Meta(description="SHA-256 of the root, in hex.")]
    product: Annotated[str, Meta(description="What the release is of.")]
    version: Annotated[str, Meta(description="Version of the release.")]
    seq: Annotated[int, Meta(description="Sequence number of the release.")]
    epoch: Annotated[int, Meta(description="Epoch of the release.")]
    created: Annotated[str, Meta(description="When it was built, in ISO 8601.")]
    platform: Annotated[str, Meta(description="'any', or 'posix'.")]
    tree: Annotated[str, Meta(description="Tree hash of the release, in hex.")]
    files: Annotated[int, Meta(description="How many files the release has.")]
    release_bytes: Annotated[int, Meta(description="Their size, in all.")]
    header_bytes: Annotated[int, Meta(description="Size of preamble, root and signatures.")]
    piece_bytes: Annotated[int, Meta(description="Size of a piece.")]
    carried: Annotated[Carried, Meta(description="Who signed it, and what it carries of whom to trust.")]
    sections: Annotated[tuple[SectionSummary, ...], Meta(description="The sections.")]
    not_opened: Annotated[
        tuple[NotOpened, ...], Meta(description="Archives and members that were not opened, if F.manifests is there.")
    ]


@dataclass(frozen=True)
class Names:
    """The tree manifests at hand, by tree hash: they turn places into paths. And what the builder did not open."""

    manifests: dict[bytes, TreeManifest]
    not_opened: tuple[NotOpened, ...] = ()

    def path(self, tree: bytes, place: int | None) -> str | None:
        """The path at a place of a release; None where its manifest is not at hand."""
        if place == 0:
            return "(tree manifest)"
        entry = self._entry(tree, place)
        return entry.path if entry else None

    def size(self, tree: bytes, place: int) -> int | None:
        """The size of the object at a place, likewise."""
        manifest = self.manifests.get(tree)
        if manifest and not place:
            return len(manifest.encoded)
        entry = self._entry(tree, place)
        return entry.size if entry else None

    def _entry(self, tree: bytes, place: int | None) -> Entry | None:
        """None for a place that the release has not, too: what is shown was not verified."""
        manifest = self.manifests.get(tree)
        return manifest.entry(place) if manifest and place and 0 < place <= len(manifest.entries) else None


def read_names(bundle: VerifiedBundle, releases: list[TreeManifest]) -> Names:
    """The names from F.manifests beside the bundle, and from releases that the caller scanned.

    Raises Malformed if F.manifests is there and cannot be used.
    """
    found, not_opened = list(releases), tuple[NotOpened, ...]()
    beside = bundle.path.with_name(bundle.path.name + ".manifests")
    if presence.is_file(beside):
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(beside.read_bytes())
            chunks = islice(iter(partial(reader.read, _CHUNK_BYTES), b""), 8 * MAX_MANIFEST_BYTES // _CHUNK_BYTES)
            listing = b"".join(chunks)
            encoded, told = canonical.decode(listing, tuple[list[bytes], list[tuple[str, str]]], "list of manifests")
            not_opened = tuple(NotOpened(path, why) for path, why in told)
            found += [TreeManifest.decode(data, bundle.root.platform) for data in encoded]
        except (Malformed, zstandard.ZstdError, OSError) as error:
            raise Malformed(f"{beside}: cannot be used ({error}); remove it, or build the bundle again") from error
    return Names({manifest.tree_hash: manifest for manifest in found}, not_opened)


def inspect_bundle(bundle: VerifiedBundle, names: Names) -> Inspection:
    """Describes a bundle. Raises Refused where its sections do not hold together."""
    root = bundle.root
    return Inspection(
        bundle=str(bundle.path),
        bytes=bundle.verified.total_bytes,
        root_hash=bundle.verified.root_hash.hex(),
        product=root.product,
        version=root.version,
        seq=root.seq,
        epoch=root.epoch,
        created=_iso_time(root.created),
        platform=root.platform,
        tree=root.tree.hex(),
        files=root.entries,
        release_bytes=root.size,
        header_bytes=bundle.verified.header_bytes,
        piece_bytes=root.piece_size,
        carried=read_carried(bundle),
        sections=tuple(_summarise(bundle, section, names) for section in root.sections),
        not_opened=names.not_opened,
    )


def _summarise(bundle: VerifiedBundle, section: Section, names: Names) -> SectionSummary:
    stored = section_bytes(bundle.root, section)
    base = section.base.hex() or None
    if bundle.is_absent(section):
        return SectionSummary(section.kind, base, stored, section.room, present=False)
    opened = bundle.open_section(section)
    tree = bundle.root.tree
    costs = object_costs(opened, names.manifests.get(tree))  # this checks the index, whoever wrote it
    return SectionSummary(
        section.kind,
        base,
        stored,
        section.room,
        present=True,
        hash_table_bytes=stored_length(section.stored, bundle.root.piece_size) - section.stored,
        index_bytes=section.index.length,
        packs=_pack_summaries(opened),
        objects=tuple(_object_summary(cost, tree, section.base, names) for cost in costs),
    )


def _pack_summaries(opened: VerifiedSection) -> tuple[PackSummary, ...]:
    return tuple(
        PackSummary(number, Stream(pack.stream).name.lower(), pack.packed.codec, pack.packed.length, pack.packed.size)
        for number, frame in enumerate(opened.index.frames)
        for pack in frame.packs
    )


def _object_summary(cost: ObjectCost, tree: bytes, base: bytes, names: Names) -> ObjectSummary:
    return ObjectSummary(
        cost.place,
        names.path(tree, cost.place),
        names.size(tree, cost.place),
        cost.recipe,
        names.path(base, cost.source),
        round(cost.bytes),
    )


def _iso_time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s since 1970"

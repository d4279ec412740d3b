"""What a bundle says of itself, as plain data: the core of `unrep inspect`."""

from dataclasses import dataclass
from datetime import UTC, datetime

import zstandard

from bundle.errors import Malformed
from bundle.format import canonical
from bundle.format.index import Stream
from bundle.format.manifest import MAX_MANIFEST_BYTES, Entry, TreeManifest
from bundle.format.pieces import stored_length
from bundle.format.root import Section
from bundle.read.costs import ObjectCost, object_costs
from bundle.read.reader import VerifiedBundle, VerifiedSection, stored_bytes
from unrep.carried import Carried, read_carried


@dataclass(frozen=True)
class PackSummary:
    """One pack: stored `bytes`, and what they unpack to."""

    frame: int
    stream: str
    codec: int
    bytes: int
    unpacked_bytes: int


@dataclass(frozen=True)
class ObjectSummary:
    """One object: its share of the section in bytes, its size, and the recipe with its source. Paths where known."""

    place: int
    path: str | None
    size: int | None
    recipe: str
    source: str | None
    bytes: int


@dataclass(frozen=True)
class SectionSummary:
    """One section; `present` is false where the file was fetched without it.

    `room_bytes`: what rebuilding takes on disk beside the release [F-64].
    """

    kind: str
    base: str | None
    bytes: int
    room_bytes: int
    present: bool
    hash_table_bytes: int = 0
    index_bytes: int = 0
    packs: tuple[PackSummary, ...] = ()
    objects: tuple[ObjectSummary, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """A bundle; hashes in hex, lengths in bytes, `created` in ISO 8601."""

    bundle: str
    bytes: int
    root_hash: str
    product: str
    version: str
    seq: int
    epoch: int
    created: str
    platform: str
    tree: str
    files: int
    release_bytes: int
    header_bytes: int
    piece_bytes: int
    carried: Carried
    sections: tuple[SectionSummary, ...]


@dataclass(frozen=True)
class Names:
    """The tree manifests at hand, by tree hash: they turn places into paths."""

    manifests: dict[bytes, TreeManifest]

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
    found = list(releases)
    beside = bundle.path.with_name(bundle.path.name + ".manifests")
    if beside.is_file():
        try:
            listing = zstandard.ZstdDecompressor().stream_reader(beside.read_bytes()).read(8 * MAX_MANIFEST_BYTES)
            encoded = canonical.decode(listing, list[bytes], "list of manifests")
            found += [TreeManifest.decode(data, bundle.root.platform) for data in encoded]
        except (Malformed, zstandard.ZstdError, OSError) as error:
            raise Malformed(f"{beside}: cannot be used ({error}); remove it, or build the bundle again") from error
    return Names({manifest.tree_hash: manifest for manifest in found})


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
    )


def _summarise(bundle: VerifiedBundle, section: Section, names: Names) -> SectionSummary:
    stored = stored_bytes(bundle.root, section)
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
        hash_table_bytes=stored_length(section.length, bundle.root.piece_size) - section.length,
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

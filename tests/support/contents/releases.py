"""Small releases, the bundles between them, and bundles taken apart and signed again with something else in them."""

import shutil
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archives.engines import present_features
from bundle.format import canonical
from bundle.format.codecs import STORED, Packed
from bundle.format.index import Frame, Index, Pack
from bundle.format.layout import Preamble
from bundle.format.objects import MemoryObject
from bundle.format.pieces import build_tables
from bundle.format.root import Root, Section
from bundle.host.progress import Quiet
from bundle.read.evaluate import open_evaluation
from bundle.read.reader import open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.signing import sign, verifying_key
from bundle.trust.trust import Trust
from bundle.write.builder import BuildReport, BuildRequest, build

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust((verifying_key(KEY),))

Tree = dict[str, bytes]


def write_tree(directory: Path, tree: Tree) -> Path:
    """A release directory that holds this and nothing else; modification times are fixed."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, content in tree.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


def build_from(
    new: Path, bases: Sequence[Path], out: Path, pool: Executor | None = None, **request: Any
) -> BuildReport:
    """Builds a bundle of a release directory, in this process unless a pool is given."""
    given: dict[str, Any] = {"product": "vms", "version": "1.1", "seq": 2} | request
    described = BuildRequest(new=new, out=out, bases=bases, **given)
    if pool:
        return build(described, KEY, pool, Quiet())
    with ThreadPoolExecutor(1) as threads:
        return build(described, KEY, threads, Quiet())


def content_of(bundle: Path, base: Path | None) -> Tree:
    """Path to content of every file that a receiver with that base has in the end; every byte of it is verified."""
    with open_bundle(bundle, TRUST) as opened:
        have = DirectoryBase(base, scan(base)) if base else None
        root, engines = opened.root, present_features()
        section = root.delta_section(have.manifest.tree_hash, engines) if have else root.full_section(engines)
        assert section is not None
        evaluation = open_evaluation(opened.open_section(section), have, engines)
        made = {place: b"".join(chunks) for place, chunks in evaluation.objects()}
        evaluation.finished()
    by_hash = {evaluation.draft.entry(place).hash: data for place, data in made.items() if place}
    if have:
        for entry in have.manifest.entries:
            by_hash.setdefault(entry.hash, (have.directory / entry.path).read_bytes())
    return {entry.path: by_hash[entry.hash] if entry.size else b"" for entry in evaluation.draft.entries}


@dataclass(frozen=True)
class Parts:
    """A bundle of one section taken apart: `streams` holds the unpacked content of each frame's packs, by stream."""

    root: Root
    index: Index
    streams: tuple[dict[int, bytes], ...]

    def with_frame(self, number: int = 0, **columns: Any) -> "Parts":
        """With other columns in one frame."""
        frames = list(self.index.frames)
        frames[number] = msgspec.structs.replace(frames[number], **columns)
        return replace(self, index=msgspec.structs.replace(self.index, frames=frames))

    def with_streams(self, number: int = 0, **changed: bytes | None) -> "Parts":
        """With other content in some streams of one frame, as s4=b"..."; None takes a stream out."""
        streams = list(self.streams)
        merged = streams[number] | {int(name[1:]): data for name, data in changed.items()}
        streams[number] = {stream: data for stream, data in merged.items() if data is not None}
        return replace(self, streams=tuple(streams))

    def with_root(self, **values: Any) -> "Parts":
        """With other values in the root."""
        return replace(self, root=msgspec.structs.replace(self.root, **values))


def take_apart(bundle: Path, number: int = 0) -> Parts:
    """Root, index and streams of one section of a bundle."""
    with open_bundle(bundle, TRUST) as opened:
        section = opened.open_section(opened.root.sections[number])
        streams = tuple(
            {pack.stream: b"".join(section.unpack(frame, at)) for at, pack in enumerate(frame.packs)}
            for frame in section.index.frames
        )
        return Parts(msgspec.structs.replace(opened.root, sections=[section.section]), section.index, streams)


def put_together(parts: Parts) -> bytes:
    """The bytes of a bundle with these parts: packs stored, hashes and signature right, whatever stands in them."""
    frames, contents = [], []
    for frame, streams in zip(parts.index.frames, parts.streams, strict=True):
        packs = [Pack(stream, Packed(STORED, len(data), len(data))) for stream, data in sorted(streams.items())]
        contents += [data for _, data in sorted(streams.items())]
        frames.append(Frame(frame.kinds, frame.places, frame.sizes, frame.sources, frame.numbers, packs))
    listed = Index(parts.index.base_objects, parts.index.opened, frames)
    index = canonical.encode(listed)
    body = b"".join([index, *contents])
    tables, top = build_tables(MemoryObject(body), parts.root.piece_size)
    old = parts.root.sections[0]
    room = max(old.room, listed.scratch_bytes)
    section = Section(
        base=old.base,
        features=old.features,
        room=room,
        index=Packed(STORED, len(index), len(index)),
        stored=len(body),
        content=top,
    )
    return signed(msgspec.structs.replace(parts.root, sections=[section]), tables + body)


def signed(root: Root, sections: bytes) -> bytes:
    """A bundle file with that root, signed with KEY."""
    encoded = canonical.encode(root)
    block = sign(encoded, [KEY])
    return Preamble(len(encoded), len(block)).pack() + encoded + block + sections

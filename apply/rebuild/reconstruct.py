"""Building the complete tree of a version in staging: spec/apply.md, section 3.

Every file is hashed as it is written [A-19]. What the base has already is copied by threads (`copies`), while the
recipes make the rest in order. Blocks that are in the base are shared where the file system can: those of whole files,
and in a large file that changes those of its unchanged parts. Zeros become holes. Nothing here is durable yet:
`apply.site.durable.sync_tree` comes once, at the end, for a sync of each file costs minutes on a disk.

Files are hard-linked to the base only where the site asks for it: an application that writes to its file in place
changes both versions then [A-126].
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Final, Protocol

from apply.rebuild.copies import Copies, Copying
from apply.rebuild.spares import SparedEvaluation
from apply.rebuild.writing import CHUNK_BYTES, write_beside, write_object
from apply.site import durable
from bundle.format.manifest import Entry, Kind, TreeManifest
from bundle.host.blocks import Sharing
from bundle.host.directories import Descent, Directory
from bundle.host.memory_limit import limited_memory
from bundle.host.progress import Progress
from bundle.read.tree import DirectoryBase
from bundle.wheels.bytecode import source_of

_BEYOND: Final = Entry(
    "\U0010ffff" * 2, Kind.EMPTY_DIRECTORY, 0, b""
)  # sorts after all paths, none of which has this character


class Objects(Protocol):
    """What makes the objects that the base does not have: an `Evaluation`, or one that is put together."""

    @property
    def draft(self) -> TreeManifest:
        """The manifest of the release, with labels for the hashes that are not known yet [F-101]."""
        ...

    def digest(self, place: int) -> bytes:
        """The hash of what was made for a place."""
        ...

    def finished(self) -> TreeManifest:
        """The manifest, once all objects were made. Raises Corrupt if one of them is wrong."""
        ...

    def objects(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place, chunks) of each, as `Evaluation.objects`."""
        ...


@limited_memory()
def reconstruct(
    evaluation: Objects,
    base: DirectoryBase | None,
    tree: Path,
    progress: Progress,
    *,
    share: bool = False,
) -> None:
    """Makes `tree`, a directory that does not exist yet, the release that the evaluation describes.

    `share`: what stays as it is becomes a hard link to the base's file, read-only, where the file system can [A-126].
    Raises Malformed for a recipe that cannot run, Corrupt if an object is not that of the release, BaseDrifted for a
    base file that has changed, StorageFailed or DiskFull. What was built by then stays, for the caller to remove.
    """
    draft, sharing = evaluation.draft, Sharing()
    kept, again, empty = _sorted_out(draft, base)
    progress.start(f"rebuilding {tree.name}", draft.size, "B")
    linked = _linked(draft) if share else None
    with durable.storage_errors(tree), Copying(tree, sharing, linked) as copying:
        _make_directories(tree, draft)
        # Copies go on in threads while the recipes run here, which must run one after the other.
        if base:
            copying.begin(kept, base)
        for spare in evaluation.spares if isinstance(evaluation, SparedEvaluation) else ():
            copying.begin(spare.copies, spare.tree)
        _write_made(evaluation, base, tree, sharing, progress)
        copying.gather(progress)
        # Only now are the objects that repeat another there to be copied, from the new tree itself. Their hashes, too.
        manifest = evaluation.finished()
        copying.begin(replace(again, manifest=manifest), DirectoryBase(tree, manifest))
        copying.gather(progress)
        with Descent(tree) as into:
            for place in empty:
                write_object(into, manifest.entry(place), iter(()))
    progress.finish()


def _linked(manifest: TreeManifest) -> Callable[[str], bool]:
    """Which files may be links: not those whose time another compiled file may decide in another version [A-122]."""
    sources = frozenset(filter(None, map(source_of, manifest.entries.paths)))
    return lambda path: path not in sources


def _write_made(
    evaluation: Objects,
    base: DirectoryBase | None,
    tree: Path,
    sharing: Sharing,
    progress: Progress,
) -> None:
    """What the recipes make, in their order."""
    former = _former_states(evaluation.draft, base.manifest) if base and sharing.possible else frozenset()
    with Descent(tree) as into:
        for place, chunks in evaluation.objects():
            entry, told = evaluation.draft.entry(place), _telling(chunks, progress)
            if base and place in former and sharing.possible:
                digest = partial(evaluation.digest, place)
                write_beside(into, entry, told, digest, base.directory, sharing)
            else:
                write_object(into, entry, told)


def _telling(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    """Chunk by chunk, so that the bar moves within a large file, too [A-219]."""
    for chunk in chunks:
        yield chunk
        progress.advance(len(chunk))


def _former_states(manifest: TreeManifest, base: TreeManifest) -> frozenset[int]:
    """The places of large files that the base has under the same path, with other content."""
    large = {
        entry.path: place
        for place in manifest.needed(base)
        if (entry := manifest.entry(place)).size >= CHUNK_BYTES and entry.kind != Kind.SYMLINK
    }
    if not large:
        return frozenset()
    return frozenset(
        large[entry.path]
        for entry in base.entries
        if entry.path in large and entry.kind in (Kind.FILE, Kind.EXECUTABLE)
    )


def _sorted_out(manifest: TreeManifest, base: DirectoryBase | None) -> tuple[Copies, Copies, list[int]]:
    """Entries whose object the base has; those that repeat an object made by a recipe; empty files that are new.

    The base's file of the same path comes first, so that damage to it is noticed, though another may hold the same.
    """
    made = manifest.needed(base.manifest if base else None)
    sources = _sources(manifest, base.manifest) if base else repeat(0, len(manifest.entries))
    kept, again, empty = Copies(manifest), Copies(manifest), []
    firsts = manifest.places.of(manifest.places).data  # where each object stands for the first time
    for place, (entry, source, first) in enumerate(zip(manifest.entries, sources, firsts, strict=True), 1):
        if entry.kind == Kind.EMPTY_DIRECTORY or place in made:
            continue
        if source:
            kept.add(place, source)
        elif entry.size:
            again.add(place, first)
        else:
            empty.append(place)
    return kept, again, empty


def _sources(manifest: TreeManifest, base: TreeManifest) -> Iterator[int]:
    """For each entry the place of its object in the base, 0 where that does not have it."""
    # Both are sorted by path, so one walk through both finds the files of the same path.
    others, other, place = iter(base.entries), None, 0
    for entry, same_object in zip(manifest.entries, base.places.of(manifest.places).data, strict=True):
        while other is None or other.path < entry.path:
            place += 1
            other = next(others, _BEYOND)
        found = same_object if entry.size else 0
        if other.path == entry.path and other.hash == entry.hash:
            found = place
        yield found if found and base.entry(found).kind != Kind.EMPTY_DIRECTORY else 0


def _make_directories(tree: Path, manifest: TreeManifest) -> None:
    """The tree and all directories in it, of the mode that the format gives them, whatever the umask [F-12]."""
    parents = {path.rpartition("/")[0] for path in manifest.entries.paths}
    parents |= {entry.path for entry in manifest.entries if entry.kind == Kind.EMPTY_DIRECTORY}
    with Directory.open(tree.parent) as above:
        above.make(tree.name).close()
    with Descent(tree) as into:
        for parent in sorted(parents - {""}):
            into.to(f"{parent}/", make=True)

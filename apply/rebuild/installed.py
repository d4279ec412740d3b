"""A version that is installed at the site: its tree manifest, its files as a base, and whether they are still right."""

import stat
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from apply.errors import BaseDrifted, SiteInvalid
from apply.record.database import read_state
from apply.record.release import Release
from apply.site import durable
from apply.site.layout import Site
from bundle.errors import BaseMismatch, Refused
from bundle.format.manifest import Entry, Kind, TreeManifest
from bundle.format.objects import read_all
from bundle.host import presence
from bundle.host.directories import Descent
from bundle.host.files import is_real_directory, read_plain
from bundle.host.progress import Progress, Quiet
from bundle.read.hashing import hash_in_order
from bundle.read.tree import DirectoryBase, open_object

_ADVICE = "put the original file back, or let 'unrep repair-request' tell shore what to send"


def held_trees(site: Path) -> tuple[list[bytes], bool]:
    """Tree hashes of the releases whose trees are at a site, the current one first, and whether none was ever there.

    Raises InputError for a path that is no directory, StorageFailed or SiteInvalid for a record that cannot be read.
    """
    place = Site.at(site)
    state = read_state(place)
    held = sorted(holdings(place, state.releases), key=lambda release: release != state.current)
    return [bytes.fromhex(release.tree) for release in held], not state.releases


def left_trees(site: Path, progress: Progress = Quiet()) -> list[bytes]:  # noqa: B008
    """Tree hashes of what is left of the releases that a site holds. Hashes all their files. Raises as `held_trees`."""
    place = Site.at(site)
    held = holdings(place, read_state(place).releases)
    lefts = (what_is_left(open_installed(place, release), progress) for release in held)
    return [left.manifest.tree_hash for left in lefts]


def holdings(site: Site, releases: Iterable[Release]) -> list[Release]:
    """Those releases whose tree and manifest are there. Their files are verified when they are used."""
    # Hashing them here would cost minutes at every fetch. A file that drifted shows where it is read.
    with durable.storage_errors(site.manifests):
        return [
            r
            for r in releases
            if presence.is_directory(site.tree(r.version)) and presence.is_file(site.manifest_file(r.tree))
        ]


@dataclass(frozen=True)
class Bases:
    """Releases that a section may start from, and how the tree of each is opened."""

    releases: Sequence[Release]
    open: Callable[[Release], DirectoryBase]


def installed_bases(site: Site, releases: Iterable[Release]) -> Bases:
    """Those of them that a site holds. Raises as `holdings`; opening one raises as `open_installed`."""
    return Bases(holdings(site, releases), lambda release: open_installed(site, release))


def open_installed(site: Site, release: Release) -> DirectoryBase:
    """The release's tree as a base.

    Raises SiteInvalid if its manifest is not the verified one, StorageFailed if it cannot be read.
    """
    path = site.manifest_file(release.tree)
    with durable.storage_errors(path):
        data = read_plain(path)
    try:
        # The file's name and the record both hold its hash, so a manifest that changed on disk proves no tree. One
        # that did not change was judged by all rules when it came.
        if sha256(data).hexdigest() != release.tree:
            raise SiteInvalid(
                f"{path}: damaged, so version {release.version} cannot be verified; have a full bundle sent"
            )
        return DirectoryBase(site.tree(release.version), TreeManifest.on_record(data))
    except Refused as error:
        raise SiteInvalid(f"{path}: {error}") from error


def verify_places(tree: DirectoryBase, places: Iterable[int], progress: Progress = Quiet()) -> None:  # noqa: B008
    """Hashes the files at those places of the manifest [A-13]. Raises BaseDrifted naming one that has changed."""
    for _, fault in _faults(tree, places, progress):
        raise fault


def verify_tree(tree: DirectoryBase, progress: Progress = Quiet()) -> None:  # noqa: B008
    """Hashes every file of the manifest. Files beside them do not count. Raises BaseDrifted."""
    verify_places(tree, range(1, len(tree.manifest.entries) + 1), progress)


def damaged_places(
    tree: DirectoryBase,
    progress: Progress = Quiet(),  # noqa: B008
    places: Iterable[int] | None = None,
) -> list[int]:
    """The places of all files that are not what was installed, ascending. `places`: of those alone, ascending."""
    chosen = range(1, len(tree.manifest.entries) + 1) if places is None else places
    return [place for place, _ in _faults(tree, chosen, progress)]


def what_is_left(tree: DirectoryBase, progress: Progress = Quiet()) -> DirectoryBase:  # noqa: B008
    """The tree's undamaged files, as a base of their own [A-40]."""
    return DirectoryBase(tree.directory, tree.manifest.without(frozenset(damaged_places(tree, progress))))


def _faults(tree: DirectoryBase, places: Iterable[int], progress: Progress) -> Iterator[tuple[int, BaseDrifted]]:
    chosen, sizes = array("Q", places), tree.manifest.entries.sizes
    progress.start(f"checking {tree.directory.name}", sum(sizes[place - 1] for place in chosen), "B")
    # In the order of the manifest, so that the same file is named whichever thread was first.
    for place, fault in zip(chosen, _check(tree, chosen), strict=True):
        progress.advance(sizes[place - 1])
        if fault:
            yield place, fault
    progress.finish()


def _check(tree: DirectoryBase, places: Iterable[int]) -> Iterator[BaseDrifted | None]:
    """What is wrong with each of those entries."""

    def apart(entry: Entry) -> BaseDrifted | None:
        with Descent(tree.directory) as own:
            return _fault(own, tree.directory, entry)

    entries = map(tree.manifest.entry, places)
    with Descent(tree.directory) as descent:
        items = ((entry, entry.size) for entry in entries)
        yield from hash_in_order(items, lambda entry: _fault(descent, tree.directory, entry), apart)


def drifted(path: Path, how: str) -> BaseDrifted:
    """The error for a file that is not what was installed."""
    return BaseDrifted(f"{path}: {how} since it was installed; {_ADVICE}")


def _fault(descent: Descent, directory: Path, entry: Entry) -> BaseDrifted | None:
    path = directory / entry.path
    # Through `Descent`, which follows no link: a link in place of a directory would have something else hashed.
    try:
        within, name = descent.to(entry.path)
        status = within.status(name)
    except OSError as error:
        if entry.kind == Kind.EMPTY_DIRECTORY and isinstance(error, FileNotFoundError):
            return drifted(path, "has gone")
        return BaseDrifted(f"{path}: cannot be read: {error.strerror}; {_ADVICE}")
    if entry.kind == Kind.EMPTY_DIRECTORY:
        return None if is_real_directory(status) else drifted(path, "has become something else")
    if stat.S_ISLNK(status.st_mode) != (entry.kind == Kind.SYMLINK):
        return drifted(path, "has become something else")
    digest, size = sha256(), 0
    try:
        for chunk in read_all(open_object(descent, entry, directory)):
            digest.update(chunk)
            size += len(chunk)
    except BaseMismatch as error:
        # Returned, not raised: this runs in a pool, and the caller may want the faults of all files.
        fault = BaseDrifted(f"{error}; {_ADVICE}")
        fault.__cause__ = error
        return fault
    return None if (digest.digest(), size) == (entry.hash, entry.size) else drifted(path, "has changed")

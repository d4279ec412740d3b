"""A version that is installed at the site: its tree manifest, its files as a base, and whether they are still right."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from apply import durable
from apply.errors import BaseDrifted, SiteInvalid
from apply.record import read_state
from apply.site import Site
from apply.state import Release
from bundle.errors import BaseMismatch, Refused
from bundle.manifest import Entry, Kind, TreeManifest
from bundle.objects import read_all
from bundle.progress import Progress, Quiet
from bundle.tree import DirectoryBase, object_bytes

THREADS = 4
_ADVICE = "put the original file back, or have a full bundle sent"


def held_trees(site: Path) -> tuple[list[bytes], bool]:
    """Tree hashes of the releases that stand complete at a site, the current one first; whether none was ever there.

    Raises InputError for a path that is no directory, StorageFailed or SiteInvalid for a record that cannot be read.
    """
    place = Site.at(site)
    state = read_state(place)
    held = sorted(holdings(place, state.releases), key=lambda release: release != state.current)
    return [bytes.fromhex(release.tree) for release in held], not state.releases


def holdings(site: Site, releases: Iterable[Release]) -> list[Release]:
    """Those releases whose tree and manifest are there; their files are verified when they are used."""
    return [r for r in releases if site.tree(r.version).is_dir() and site.manifest_file(r.tree).is_file()]


def open_installed(site: Site, release: Release) -> DirectoryBase:
    """The release's tree as a base. Raises SiteInvalid if its manifest is missing or is not the verified one."""
    path = site.manifest_file(release.tree)
    with durable.storage_errors(path):
        data = path.read_bytes()
    try:
        if sha256(data).hexdigest() != release.tree:
            raise SiteInvalid(
                f"{path}: damaged, so version {release.version} cannot be verified; have a full bundle sent"
            )
        return DirectoryBase(site.tree(release.version), TreeManifest.decode(data, release.platform))
    except Refused as error:
        raise SiteInvalid(f"{path}: {error}") from error


def verify_places(tree: DirectoryBase, places: Iterable[int], progress: Progress = Quiet()) -> None:  # noqa: B008
    """Hashes the files at those places of the manifest [A-13]. Raises BaseDrifted naming one that has changed."""
    chosen = [(place, tree.manifest.entry(place)) for place in places]
    progress.start(f"checking {tree.directory.name}", sum(entry.size for _, entry in chosen), "B")
    with ThreadPoolExecutor(THREADS) as pool:
        for size in pool.map(lambda item: _verify(tree, *item), chosen):
            progress.advance(size)
    progress.finish()


def verify_tree(tree: DirectoryBase, progress: Progress = Quiet()) -> None:  # noqa: B008
    """Hashes every file of the manifest; files beside them do not count. Raises BaseDrifted."""
    verify_places(tree, range(1, len(tree.manifest.entries) + 1), progress)


def drifted(path: Path, how: str) -> BaseDrifted:
    """The error for a file that is not what was installed."""
    return BaseDrifted(f"{path}: {how} since it was installed; {_ADVICE}")


def _verify(tree: DirectoryBase, place: int, entry: Entry) -> int:
    path = tree.directory / entry.path
    if entry.kind == Kind.EMPTY_DIRECTORY:
        if not path.is_dir():
            raise drifted(path, "has gone")
        return 0
    if path.is_symlink() != (entry.kind == Kind.SYMLINK):
        raise drifted(path, "has become something else")
    digest = sha256()
    try:
        if entry.kind == Kind.SYMLINK:
            digest.update(object_bytes(tree.directory, entry))
        else:
            for chunk in read_all(tree.open(place)):
                digest.update(chunk)
    except BaseMismatch as error:
        raise BaseDrifted(f"{error}; {_ADVICE}") from error
    if digest.digest() != entry.hash:
        raise drifted(path, "has changed")
    return entry.size

"""What nobody needs any more goes, here and at the destinations [P-16]. A kill leaves more than is needed, never less.

Needed are the newest releases, those that channels name, those that ships hold, and the bundles on the cheapest way
from what a ship holds to what its channel names. The order: the record says that bundles are retired; channel files are
written without them; their files go; the record forgets them; then manifests go, and objects that none of the others
name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bundle.host import presence
from bundle.host.progress import Progress
from bundle.read.route import NOTHING, Step, cheapest_route
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from repository.distribution.channels import announce_all, catch_up
from repository.distribution.destinations import local_files, open_destinations, remove
from repository.layout import Repository
from repository.record.database import Bundle, Channel, Record, Release
from repository.settings import Settings
from repository.storage import STORAGE
from repository.store.objects import ObjectStore, objects_of
from transfer.publishing.backend import Backend

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Pruned:
    """What went, or would go. `freed`: bytes of objects, manifests and bundles in the repository."""

    releases: list[str] = field(default_factory=list)
    bundles: list[str] = field(default_factory=list)
    objects: int = 0
    freed: int = 0


@dataclass(frozen=True)
class _Kept:
    releases: set[str]
    bundles: set[str]


def prune(
    repository: Repository,
    settings: Settings,
    held: Mapping[bytes, int],
    signer: Signer,
    trust: Trust | None,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> Pruned:
    """`held`: how many ships were last heard to hold each tree.

    Raises RepositoryError before anything changed; TransferError for a destination that fails: the same call goes on.
    """
    with repository.locked("pruning"), Record(repository.database_file) as record:
        backends = open_destinations(repository, settings)
        seen = catch_up(backends, settings, record, signer, trust, dry_run=dry_run)
        kept = _kept(record, settings, held)
        # Every manifest is read before anything goes: one that is damaged cannot say what it needs.
        store = ObjectStore(repository, settings.platform)
        needed = _needed(record, store, kept, held)
        went = [bundle for bundle in record.bundles() if bundle.file not in kept.bundles]
        gone = [release for release in record.releases() if release.version not in kept.releases]
        found = Pruned([release.version for release in gone], [bundle.file for bundle in went])
        if not dry_run:
            _retire(record, went, seen)
            announce_all(repository, record, settings, backends, signer, trust)
        _remove_bundles(repository, backends, went, found, dry_run=dry_run)
        if not dry_run:
            record.forget(found.bundles, found.releases, record.strange_trees() - needed.keys())
        _sweep(repository, needed, found, progress, dry_run=dry_run)
        if not dry_run:
            _remove_leftovers(repository, record, found)
        return found


def _kept(record: Record, settings: Settings, held: Mapping[bytes, int]) -> _Kept:
    releases = record.releases()
    by_version = {release.version: release for release in releases}
    channels = record.channels()
    wanted = {release.version for release in releases[-settings.keep.releases :]}
    wanted |= {channel.release for channel in channels}
    wanted |= {release.version for release in releases if held.get(release.tree)}
    bundles = record.bundles("built", "published")
    ways = _on_ways(bundles, by_version, channels, held)
    wanted |= {bundle.release for bundle in ways}
    files = {bundle.file for bundle in bundles if bundle.release in wanted} | {bundle.file for bundle in ways}
    return _Kept(wanted, files)


def _on_ways(
    bundles: Sequence[Bundle], releases: Mapping[str, Release], channels: Sequence[Channel], held: Mapping[bytes, int]
) -> list[Bundle]:
    """The bundles over which ships come from what they hold to what a channel names."""
    steps = [
        Step(base, releases[bundle.release].tree, (count,), bundle)
        for bundle in bundles
        for base, count in ((*bundle.bases.items(), (NOTHING, bundle.full)) if bundle.full else bundle.bases.items())
    ]
    found = []
    for channel in channels:
        target = releases[channel.release]
        before = [step for step in steps if releases[step.by.release].order <= target.order]
        for tree in held:
            if route := cheapest_route(before, [tree], target.tree):
                found += [step.by for step in route.steps]
    return found


def _needed(record: Record, store: ObjectStore, kept: _Kept, held: Mapping[bytes, int]) -> dict[bytes, set[bytes]]:
    """The trees that stay, each with its objects: of the releases, and strange ones that bundles start from."""
    trees = {release.tree for release in record.releases() if release.version in kept.releases}
    strange = record.strange_trees()
    bundles = [bundle for bundle in record.bundles() if bundle.file in kept.bundles]
    starts = {tree for bundle in bundles for tree in bundle.bases} | held.keys()
    trees |= {tree for tree in strange & starts if store.has_tree(tree)}
    return {tree: set(objects_of(store.manifest(tree))) for tree in sorted(trees)}


def _retire(record: Record, went: list[Bundle], seen: int) -> None:
    order = {release.version: release.order for release in record.releases()}
    published = [order[bundle.release] for bundle in went if bundle.state == "published"]
    channels = {
        channel.name: channel.release
        for channel in record.channels()
        if published and min(published) <= order[channel.release]
    }
    files = [bundle.file for bundle in went if bundle.state != "retired"]
    if files:
        record.change(dict.fromkeys(files, "retired"), channels, seen)


def _remove_bundles(
    repository: Repository, backends: list[Backend], went: list[Bundle], found: Pruned, *, dry_run: bool
) -> None:
    for bundle in went:
        if not dry_run:
            for backend in backends:
                remove(bundle, backend)
        for path in local_files(repository, bundle):
            _remove(path, found, dry_run=dry_run)


def _sweep(
    repository: Repository,
    needed: dict[bytes, set[bytes]],
    found: Pruned,
    progress: Progress,
    *,
    dry_run: bool,
) -> None:
    """Removes manifests and objects that nothing names. Files of another kind stay."""
    objects = set().union(*needed.values())
    with STORAGE.errors(repository.root):
        manifests = [path for path in repository.manifests.iterdir() if _HASH.fullmatch(path.name)]
        shards = [shard for shard in repository.objects.iterdir() if presence.is_directory(shard)]
        stored = [path for shard in shards for path in shard.iterdir() if _HASH.fullmatch(path.name)]
    for path in manifests:  # before its objects: a manifest that is there has all of them
        if bytes.fromhex(path.name) not in needed:
            _remove(path, found, dry_run=dry_run)
    if not dry_run:
        STORAGE.sync_directory(repository.manifests)
    unneeded = [path for path in stored if bytes.fromhex(path.name) not in objects]
    progress.start("removing", len(unneeded), "files")
    for path in unneeded:
        _remove(path, found, dry_run=dry_run)
        found.objects += 1
        progress.advance(1)
    progress.finish()


def _remove_leftovers(repository: Repository, record: Record, found: Pruned) -> None:
    """Bundles that no record names: a build ended there before it was recorded."""
    named = {path.name for bundle in record.bundles() for path in local_files(repository, bundle)}
    with STORAGE.errors(repository.bundles):
        there = list(repository.bundles.iterdir()) if presence.is_directory(repository.bundles) else []
    for path in there:
        if path.name not in named and re.search(r"\.unrep(\.\w+)?$", path.name):
            _remove(path, found, dry_run=False)
    STORAGE.remove_tree(repository.incoming)


def _remove(path: Path, found: Pruned, *, dry_run: bool) -> None:
    with STORAGE.errors(path):
        if presence.is_file(path):
            found.freed += path.stat().st_size
    if not dry_run:
        STORAGE.remove_tree(path)

"""The bases of a new release: trees that ships hold, else the last few [P-9], and those that are named [P-10]."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bundle.format.manifest import TreeManifest
from bundle.read.tree import DirectoryBase
from repository.errors import ReleaseRefused
from repository.record.database import Record, Release
from repository.settings import Settings
from repository.store.objects import ObjectStore

# What programs write beside or over a release that runs.
_BY_RUNNING = re.compile(
    r"(?:^|/)(?:__pycache__|\.venv|\.pytest_cache|\.mypy_cache)/|\.(?:py[co]|log|pid|lock|tmp|swp|bak)$"
    r"|\.(?:db|sqlite3?)(?:-(?:wal|shm|journal))?$",
    re.IGNORECASE,
)
_SHOWN = 3


@dataclass(frozen=True)
class KnownTree:
    """A tree that a ship can have, and the version that it is of; a number of ships where they were heard."""

    tree: bytes
    version: str
    ships: int | None = None


def published(record: Record) -> list[Release]:
    """The releases that a ship can have: with a bundle that was published, or brought in; the oldest first."""
    sent = {bundle.release for bundle in record.bundles("published", "retired")}
    return [release for release in record.releases() if release.origin == "imported" or release.version in sent]


def choose_bases(
    record: Record, store: ObjectStore, settings: Settings, target: TreeManifest, held: Mapping[bytes, int]
) -> list[KnownTree]:
    """The bases of a new release, the newest first. `held`: how many ships were last heard to hold each tree."""
    versions = {release.tree: release.version for release in published(record)}  # of one tree the newest version
    newest_first = [tree for tree in reversed(versions) if tree != target.tree_hash and store.has_tree(tree)]
    if held:
        strange = [tree for tree in held if tree not in versions and tree != target.tree_hash and store.has_tree(tree)]
        chosen = [tree for tree in newest_first if tree in held] + strange
    else:
        chosen = newest_first[: settings.bases.last]
    return [KnownTree(tree, versions.get(tree, ""), held.get(tree) if held else None) for tree in chosen]


def check_base(directory: DirectoryBase, record: Record, store: ObjectStore, target: TreeManifest) -> KnownTree:
    """A directory that a person named as a base. One of no release here is taken as what a ship has [P-10].

    Raises ReleaseRefused for a tree that no ship can have: of a release that was never published, or one that was
    changed by running it.
    """
    tree, place = directory.manifest.tree_hash, directory.directory
    if tree == target.tree_hash:
        raise ReleaseRefused(f"{place}: the same release as the new one; there is nothing to send from this base")
    known = next((release for release in record.releases() if release.tree == tree), None)
    if known is None:
        _check_not_run(place, directory.manifest, record, store)
        return KnownTree(tree, "")
    if known not in published(record):
        raise ReleaseRefused(
            f"{place}: is {known.version}, which was never published, so no ship has it; publish it first"
        )
    return KnownTree(tree, known.version)


def _check_not_run(place: Path, manifest: TreeManifest, record: Record, store: ObjectStore) -> None:
    have = {entry.path: entry.hash for entry in manifest.entries}
    for release in reversed(record.releases()):
        if not store.has_tree(release.tree):
            continue
        known = {entry.path: entry.hash for entry in store.manifest(release.tree).entries}
        if known.keys() - have.keys():
            continue
        differing = sorted(path for path, digest in have.items() if known.get(path) != digest)
        if all(_BY_RUNNING.search(path) for path in differing):
            more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
            raise ReleaseRefused(
                f"{place}: is {release.version} changed by running it ({', '.join(differing[:_SHOWN])}{more}), and no "
                f"ship has that; name a copy from 'unrep repo checkout {release.version} DIR'"
            )

"""Releases that were made elsewhere: from a directory, or from a bundle with its signatures [P-17]."""

from pathlib import Path

from bundle.archives.engines import present_features
from bundle.errors import Corrupt, InputError, Malformed, named
from bundle.format.manifest import TreeManifest
from bundle.host.files import make_directory
from bundle.host.progress import Progress
from bundle.host.temporary_files import room_for_temporary_files
from bundle.names.paths import check_version
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.reader import VerifiedBundle, open_bundle
from bundle.read.tree import DirectoryBase, scan
from bundle.trust.trust import Trust
from repository.distribution.destinations import described, open_destinations
from repository.errors import ReleaseRefused
from repository.layout import Repository
from repository.record.database import Record, Release
from repository.settings import Settings
from repository.storage import STORAGE
from repository.store.base import stored_trees
from repository.store.objects import ObjectStore
from transfer.disk.whole import whole_bundle
from transfer.errors import TransferError
from transfer.publishing.destination import published_name


def import_directory(
    directory: Path,
    version: str,
    seq: int | None,
    record: Record,
    store: ObjectStore,
    settings: Settings,
    bar: Progress,
) -> Release:
    """A release as ships have it, by its directory. `seq`: its number, that behind the newest for None.

    What the store has lost of it comes back. Raises ReleaseRefused, InputError, StorageFailed or DiskFull.
    """
    try:
        check_version(version)
    except Malformed as error:
        raise InputError(str(error)) from error
    tree = DirectoryBase(directory.resolve(), scan(directory, settings.platform, bar))
    newest = max((one.seq for one in record.releases() if one.epoch == settings.epoch), default=0)
    known = record.release(version)
    number = seq or (known.seq if known else newest + 1)
    size, entries = tree.manifest.size, len(tree.manifest.entries)
    release = Release(version, settings.epoch, number, tree.manifest.tree_hash, size, entries, "imported")
    _check(release, record)
    store.add_directory(tree, bar, repair=True)
    return _recorded(release, record)


def import_bundle(
    path: Path,
    trust: Trust,
    record: Record,
    repository: Repository,
    settings: Settings,
    bar: Progress,
) -> Release:
    """The release of a bundle, made from its full section, or from a delta whose base is here.

    A bundle that is at a destination counts as published.

    Raises ReleaseRefused, Refused, InputError, StorageFailed or DiskFull.
    """
    with open_bundle(path, trust) as bundle:
        root = bundle.root
        if root.product != settings.product:
            raise ReleaseRefused(f"{path}: is {root.product} {root.version}; this repository is for {settings.product}")
        if root.platform == "posix" and settings.platform != "posix":
            raise ReleaseRefused(f"{path}: is for platform posix; repo.toml says platform {settings.platform!r}")
        release = Release(root.version, root.epoch, root.seq, root.tree, root.size, root.entries, "imported")
        _check(release, record)
        _store(bundle, ObjectStore(repository, settings.platform), bar)
        recorded = _recorded(release, record)
        _keep_published(bundle, repository, record, settings)
    return recorded


def _keep_published(bundle: VerifiedBundle, repository: Repository, record: Record, settings: Settings) -> None:
    """A bundle that ships can fetch is the repository's again: its channels may name it, and `prune` looks after it."""
    name = published_name(bundle)
    if any(known.file == name for known in record.bundles()) or any(map(bundle.is_absent, bundle.root.sections)):
        return
    try:
        backends = open_destinations(repository, settings)
        is_there = any(backend.length_of(name) == bundle.verified.total_bytes for backend in backends)
    except TransferError:  # a share that is away: then it is a base, and no more
        return
    if is_there:
        path = repository.bundles / name
        with STORAGE.errors(repository.bundles):
            make_directory(repository.bundles)
        STORAGE.write_file(path, whole_bundle(bundle))
        record.add_bundle(described(bundle, bundle.root.version, name, "published"))


def _check(release: Release, record: Record) -> None:
    """Raises ReleaseRefused for a version or a number that stands for other content [P-7]."""
    for other in record.releases():
        same = other.version == release.version, other.order == release.order
        if any(same) and (not all(same) or other.tree != release.tree):
            raise ReleaseRefused(
                f"{release.version} (seq {release.seq}): the repository has {other.version} (seq {other.seq}) with "
                f"{'the same' if other.tree == release.tree else 'other'} content; correct the version or --seq"
            )


def _recorded(release: Release, record: Record) -> Release:
    if record.release(release.version) is None:
        record.add_release(release)
    return release


def _store(bundle: VerifiedBundle, store: ObjectStore, bar: Progress) -> None:
    root, engines = bundle.root, present_features()
    usable = {tree: delta for tree in root.bases() if (delta := root.delta_section(tree, engines))}
    full = root.full_section(engines)
    base = next((tree for tree in usable if store.has_tree(tree)), None)
    if full is None and base is None:
        raise ReleaseRefused(
            f"{bundle.path}: has no full section, and none of its bases is in this repository; import one of them first"
        )
    section = bundle.open_section(full or usable[base or b""])
    room = room_for_temporary_files(bundle.path.absolute().parent, section.section.room)
    with room, stored_trees(store, {} if full else {base or b"": "its base"}) as trees:
        evaluation = open_evaluation(section, trees[0] if trees else None, engines)
        _store_objects(evaluation, store, bar, bundle.path)


def _store_objects(evaluation: Evaluation, store: ObjectStore, bar: Progress, path: Path) -> None:
    draft: TreeManifest = evaluation.draft
    bar.start(f"unpacking {path.name}", draft.size, "B")
    with store.intake() as intake:
        try:
            for place, chunks in evaluation.objects():
                size = draft.entry(place).size
                intake.put_made(size, chunks)
                bar.advance(size)
            manifest = evaluation.finished()
        except Corrupt as error:
            raise named(error, path) from None
    bar.finish()
    store.add_manifest(manifest)

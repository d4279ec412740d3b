"""Every byte of a repository held against what it should be [P-15]: one fault in each line, none is the first."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bundle.errors import BundleError, Corrupt
from bundle.format.compressed_file import read_compressed
from bundle.host import presence
from bundle.host.files import open_plain
from bundle.host.progress import Progress
from repository.distribution.destinations import open_stored
from repository.errors import Damaged, RepositoryError
from repository.layout import Repository
from repository.record.database import Bundle, Record
from repository.settings import Settings
from repository.storage import STORAGE
from repository.store.objects import ObjectStore, objects_of

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Findings:
    """What was looked at, and what is wrong. `unneeded`: objects of no manifest, which `prune` removes."""

    objects: int = 0
    manifests: int = 0
    bundles: int = 0
    unneeded: int = 0
    faults: list[str] = field(default_factory=list)


def verify(repository: Repository, settings: Settings, progress: Progress) -> Findings:
    """Reads everything, and returns what is wrong.

    Raises RepositoryBusy, NotARepository, NewerRepository or StorageFailed.
    """
    with repository.locked("verifying"), Record(repository.database_file) as record:
        found = Findings()
        found.faults += [f"{repository.database_file}: {fault}" for fault in record.check_integrity()]
        sizes = _manifests(repository, settings, record, found)
        _objects(repository, sizes, found, progress)
        _bundles(repository, record, found, progress)
        for channel in record.channels():
            if not any(b.release == channel.release for b in record.bundles("published")):
                found.faults.append(f"channel {channel.name!r}: names {channel.release}, of which no bundle is left")
        return found


def _manifests(repository: Repository, settings: Settings, record: Record, found: Findings) -> dict[bytes, int]:
    """The sizes of all objects that a manifest names."""
    store, sizes = ObjectStore(repository, settings.platform), dict[bytes, int]()
    with STORAGE.errors(repository.manifests):
        names = {path.name for path in repository.manifests.iterdir()}
    found.faults += [
        f"{repository.manifests / name}: is no manifest of unrep; remove it"
        for name in sorted(names)
        if not _HASH.fullmatch(name) and not name.startswith(".")
    ]
    released = {release.tree.hex() for release in record.releases()}
    for name in sorted({name for name in names if _HASH.fullmatch(name)} | released):
        found.manifests += 1
        try:
            sizes |= objects_of(store.manifest(bytes.fromhex(name)))
        except Damaged as error:
            found.faults.append(str(error))
    return sizes


def _objects(repository: Repository, sizes: dict[bytes, int], found: Findings, progress: Progress) -> None:
    """All of them are read whole. Of one that no manifest names the size is what it says itself."""
    with STORAGE.errors(repository.objects):
        paths = sorted(path for shard in repository.objects.iterdir() for path in _listed(shard))
    there = set()
    for path in paths:
        if _HASH.fullmatch(path.name) and path.parent.name == path.name[:2]:
            there.add(bytes.fromhex(path.name))
        else:
            found.faults.append(f"{path}: is no object of unrep; remove it")
    found.unneeded = len(there - sizes.keys())
    found.objects = len(there)
    found.faults += [
        f"{repository.object_file(digest)}: is missing; import a release that has it again"
        for digest in sorted(sizes.keys() - there)
    ]
    progress.start("verifying objects", len(there), "files")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = sorted(there)
        for fault in pool.map(lambda one: _fault(repository.object_file(one), one, sizes.get(one)), digests):
            progress.advance(1)
            found.faults += fault
    progress.finish()


def _listed(shard: Path) -> Iterator[Path]:
    yield from shard.iterdir() if presence.is_directory(shard) else [shard]


def _fault(path: Path, digest: bytes, size: int | None) -> list[str]:
    try:
        with open_plain(path) as file:
            for _ in read_compressed(file, size, digest):
                pass
    except (Corrupt, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return [f"{path}: {why}; import a release that has it again, or restore it from a backup"]
    return []


def _bundles(repository: Repository, record: Record, found: Findings, progress: Progress) -> None:
    for bundle in record.bundles("built", "published"):
        found.bundles += 1
        progress.start(f"verifying {bundle.path}", bundle.length, "B")
        try:
            _verify_bundle(repository, bundle)
        except (BundleError, RepositoryError) as error:
            found.faults.append(str(error))
        progress.finish()


def _verify_bundle(repository: Repository, bundle: Bundle) -> None:
    with open_stored(repository, bundle) as opened:
        for section in opened.root.sections:
            opened.stored_body(section).verify()

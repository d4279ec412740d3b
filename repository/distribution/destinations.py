"""Bundles at the destinations of a repository, and only those that it put there itself [P-12], [P-19]."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle.archives.engines import ENGINE_FEATURES
from bundle.errors import Corrupt, Refused
from bundle.host import presence
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedBundle, open_for_display, stored_bytes
from repository.errors import Damaged
from repository.layout import Repository
from repository.record.database import Bundle, State
from repository.settings import Settings
from repository.storage import STORAGE
from transfer.disk.storage import PUBLISHED
from transfer.errors import OutputRefused
from transfer.publishing.backend import Backend
from transfer.publishing.destination import published_name, send_bundle, send_tickets
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.object_store import ObjectStoreBackend


def open_destinations(repository: Repository, settings: Settings) -> list[Backend]:
    """Those of the settings. Raises OutputRefused for a share that is gone, or a store that cannot be opened."""
    return [_opened(repository, address) for address in settings.destinations]


def _opened(repository: Repository, address: str) -> Backend:
    if "://" in address:
        return ObjectStoreBackend(address)
    directory = repository.root / address
    with PUBLISHED.errors(directory):
        is_there = presence.is_directory(directory)
    if not is_there:
        raise OutputRefused(
            f"{directory}: no such directory, though repo.toml names it as a destination; mount it or correct the name"
        )
    return DirectoryBackend(directory)


@contextmanager
def open_stored(repository: Repository, bundle: Bundle) -> Iterator[VerifiedBundle]:
    """A bundle of the repository, which must be the one that its record describes.

    Raises Damaged, also for a byte of it that proves not to be the signed one as it is read.
    """
    path = repository.bundles / bundle.path
    advice = f"restore it from a backup, or copy it from a destination, where it is {bundle.file}"
    with STORAGE.errors(path):
        is_there = presence.is_file(path)
    if not is_there:
        raise Damaged(f"{path}: is missing; {advice}")
    damaged = Damaged(f"{path}: is not what was built and signed; {advice}")
    try:
        opened = open_for_display(path)
    except Refused as error:
        raise damaged from error
    with opened:
        if opened.verified.root_hash != bundle.root or published_name(opened) != bundle.file:
            raise damaged
        try:
            yield opened
        except Corrupt as error:
            raise damaged from error


def send(repository: Repository, bundle: Bundle, backend: Backend, progress: Progress) -> bool:
    """Puts a bundle with its tickets to a destination, and says whether it was not there before.

    It is verified as it is read. Raises Damaged, Refused, OutputRefused, DiskFull or Incomplete.
    """
    with open_stored(repository, bundle) as opened:
        with STORAGE.errors(repository.bundles):
            send_tickets(opened, backend)
        return send_bundle(opened, backend, progress)


def lacking(bundles: Iterable[Bundle], backend: Backend) -> list[Bundle]:
    """Those that a destination does not have, as one that was named lately. Raises as `send`."""
    there = set(backend.names())
    return [bundle for bundle in bundles if bundle.file not in there]


def remove(bundle: Bundle, backend: Backend) -> None:
    """Removes a bundle and its tickets from a destination. Other files there stay."""
    backend.remove(bundle.file)
    backend.remove(f"{bundle.file}.tickets")


def described(opened: VerifiedBundle, version: str, path: str, state: State) -> Bundle:
    """The record of a bundle of that release, which stands under `path` in `bundles/`."""
    root, header = opened.root, opened.verified.header_bytes
    full = root.full_section(ENGINE_FEATURES)
    whole = header + stored_bytes(root, full) if full else 0
    deltas = {base: root.delta_section(base, ENGINE_FEATURES) for base in root.bases()}
    bases = {base: header + stored_bytes(root, delta) for base, delta in deltas.items() if delta}
    length, name = opened.verified.total_bytes, published_name(opened)
    return Bundle(name, version, path, length, opened.verified.root_hash, header, whole, bases, state)


def local_files(repository: Repository, bundle: Bundle) -> list[Path]:
    """What stands in `bundles/` for a bundle: the file and its sidecars."""
    path = repository.bundles / bundle.path
    return [path, *(path.with_name(path.name + suffix) for suffix in (".sha256", ".manifests", ".tickets"))]

"""A tree of the store as a directory again [P-18]: whole under its name, or not there."""

from pathlib import Path

from bundle.format.manifest import Entry, Kind, TreeManifest, check_link_target
from bundle.host import presence
from bundle.host.directories import Descent
from bundle.host.files import make_directory, write_all
from bundle.host.progress import Progress
from repository.errors import ReleaseRefused
from repository.storage import STORAGE
from repository.store.objects import ObjectStore

_MODES = {Kind.FILE: 0o644, Kind.EXECUTABLE: 0o755}


def check_out(store: ObjectStore, manifest: TreeManifest, directory: Path, progress: Progress) -> None:
    """Writes the tree into a directory that is not there yet, or is empty.

    Raises ReleaseRefused for another one, Damaged, StorageFailed or DiskFull. Then nothing stands there.
    """
    with STORAGE.errors(directory):
        if presence.exists(directory) and (not presence.is_directory(directory) or any(directory.iterdir())):
            raise ReleaseRefused(f"{directory}: is there and not empty; name a new directory")
        if not presence.is_directory(directory.absolute().parent):
            raise ReleaseRefused(f"{directory.absolute().parent}: no such directory; make it first")
    draft = directory.absolute().with_name(f".{directory.absolute().name}.unrep-new")
    STORAGE.remove_tree(draft)
    try:
        with STORAGE.errors(draft):
            make_directory(draft)
            progress.start(f"writing {directory.name}", len(manifest.entries), "files")
            with Descent(draft) as descent:
                for entry in manifest.entries:
                    _write(store, entry, descent)
                    progress.advance(1)
            progress.finish()
        STORAGE.remove_tree(directory)
        STORAGE.replace(draft, directory.absolute())
    finally:
        STORAGE.remove_tree(draft)


def _write(store: ObjectStore, entry: Entry, descent: Descent) -> None:
    within, name = descent.to(entry.path, make=True)
    if entry.kind == Kind.EMPTY_DIRECTORY:
        within.make(name).close()
    elif entry.kind == Kind.SYMLINK:
        within.link(check_link_target(entry, b"".join(store.read(entry.hash, entry.size))), name)
    else:
        with within.create(name, _MODES[entry.kind]) as file:
            for chunk in store.read(entry.hash, entry.size) if entry.size else ():
                write_all(file, chunk)

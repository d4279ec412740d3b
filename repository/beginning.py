"""A new repository [P-1]: its directories, an empty record, and a commented repo.toml, which comes last."""

from pathlib import Path

from bundle.host import presence
from bundle.host.files import make_directory
from repository.errors import NotARepository
from repository.layout import Repository
from repository.record.database import Record
from repository.settings import load_settings
from repository.storage import STORAGE


def begin(root: Path, settings: str) -> Repository:
    """Makes a repository in a new or empty directory, with that text as its repo.toml.

    Raises NotARepository for a directory that holds anything, SettingsRefused, StorageFailed or DiskFull. A killed
    call leaves no repo.toml, and can be made again.
    """
    repository = Repository(root.absolute())
    with STORAGE.errors(root):
        if presence.exists(repository.settings_file):
            raise NotARepository(f"{root}: is a repository already; edit its repo.toml, or choose another directory")
        if presence.exists(root) and not _may_begin(repository):
            raise NotARepository(f"{root}: is there and not empty; choose a new directory for the repository")
        for directory in (root, repository.objects, repository.manifests, repository.bundles):
            make_directory(directory)
    STORAGE.remove_tree(repository.database_file)
    Record.make(repository.database_file)
    draft = root / "repo.toml.new"
    STORAGE.write_file(draft, settings.encode())
    try:
        load_settings(draft)
        STORAGE.replace(draft, repository.settings_file)
    finally:
        STORAGE.remove_tree(draft)
    return repository


def _may_begin(repository: Repository) -> bool:
    """Whether nothing stands there but what a killed call has left."""
    own = {repository.objects, repository.manifests, repository.bundles, repository.database_file}
    own |= {repository.root / "repo.toml.new", repository.root / "repo.db-journal"}
    return presence.is_directory(repository.root) and all(path in own for path in repository.root.iterdir())

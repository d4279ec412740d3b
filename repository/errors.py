"""What can go wrong in a repository, by who must act.

    RepositoryError
    |-- NotARepository     the directory that was named is none: name another, or `unrep repo init`
    |-- NewerRepository    a newer unrep wrote it: use that one
    |-- SettingsRefused    repo.toml, or what it names, must be corrected
    |-- RepositoryBusy     another process holds the lock: wait for it
    |-- StorageFailed      a path cannot be read, written or made durable: nothing is lost
    |   `-- DiskFull       ... because its file system, or quota, is full: free space, run again
    |-- Damaged            bytes in the repository are not the ones that were stored
    |-- ReleaseRefused     no such release can be made: the version or the base must be another
    `-- ChannelRefused     a channel cannot be moved there

Each message is one sentence that names the file, version or channel and says what to do.
"""

from typing import Any


class RepositoryError(Exception):
    """Anything that this package raises on purpose. `document`: figures of the run that it ended, by who reports."""

    document: dict[str, Any] | None = None


class NotARepository(RepositoryError):
    """The directory holds no repository, or what it holds is not whole."""


class NewerRepository(RepositoryError):
    """Its tables or settings are of a version that this program does not know."""


class SettingsRefused(RepositoryError):
    """repo.toml cannot be read, or a key of it is unknown, of the wrong type or out of range."""


class RepositoryBusy(RepositoryError):
    """Another process works on it."""


class StorageFailed(RepositoryError):
    """The operating system refused to read, write, remove or sync the path that is named."""


class DiskFull(StorageFailed):
    """No room is left for the repository."""


class Damaged(RepositoryError):
    """An object, a manifest or a bundle is not what was stored, or is missing."""


class ReleaseRefused(RepositoryError):
    """A release cannot be made, or a base cannot be used."""


class ChannelRefused(RepositoryError):
    """A channel cannot name that release."""

"""Durable files of a repository, with the errors of this package: StorageFailed, or DiskFull where room ran out."""

from typing import Final

from bundle.host.storage import Storage
from repository.errors import DiskFull, StorageFailed

STORAGE: Final = Storage(
    full=DiskFull, failed=StorageFailed, comfort="; the repository is as it was, the same command goes on"
)

"""An object store as a backend, through fsspec: S3 and whatever else has a file system there (extra `unrep[publish]`).

A store shows an object once its upload is complete, so there are no drafts. Credentials come from where the store's own
client looks for them, never from the command line.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bundle.errors import BundleError
from transfer.errors import Incomplete, OutputRefused, TransferError


class ObjectStoreBackend:
    """The objects under one URL, such as s3://bucket/vms. Raises OutputRefused for one that fsspec cannot open."""

    def __init__(self, url: str) -> None:
        self.name = url.rstrip("/")
        try:
            import fsspec
        except ImportError as error:
            raise OutputRefused(f"{url}: needs fsspec; install it with 'pip install unrep[publish]'") from error
        try:
            self._store: Any = fsspec.url_to_fs(self.name, skip_instance_cache=True, use_listings_cache=False)[0]
        except (ImportError, ValueError, OSError) as error:
            raise OutputRefused(f"{url}: cannot be opened: {_sentence(error)}") from error

    def read(self, name: str, max_bytes: int) -> bytes | None:
        with self._errors(name):
            try:
                data: bytes = self._store.cat_file(self._path(name), start=0, end=max_bytes)
            except FileNotFoundError as error:
                if _lacks_bucket(error):
                    raise
                return None
            return data

    def length_of(self, name: str) -> int | None:
        with self._errors(name):
            try:
                return int(self._store.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def names(self) -> list[str]:
        with self._errors(""):
            try:
                found = self._store.ls(self.name, detail=True)
            except FileNotFoundError as error:
                if _lacks_bucket(error):
                    raise
                return []
            return sorted(one["name"].rpartition("/")[2] for one in found if one["type"] == "file")

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """A multipart upload that becomes an object when it is closed; an exception before that throws it away."""
        with self._errors(name):
            file = self._store.open(self._path(name), "wb", autocommit=False)
            try:
                for chunk in chunks:
                    file.write(chunk)
                file.close()
                file.commit()
            except BaseException:
                file.discard()
                file.closed = True  # or its finalizer would flush, and so upload, what there is
                raise

    def replace(self, name: str, data: bytes) -> None:
        with self._errors(name):
            self._store.pipe_file(self._path(name), data)

    def remove(self, name: str) -> None:
        with self._errors(name), suppress(FileNotFoundError):
            self._store.rm(self._path(name), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self.name}/{name}"

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """What clients of stores raise has no common class; a refusal is PermissionError or FileNotFoundError."""
        where = self._path(name)
        try:
            yield
        except (BundleError, TransferError):
            raise  # of the bundle that is sent
        except (PermissionError, FileNotFoundError) as error:
            raise OutputRefused(f"{where}: the store refuses: {_sentence(error)}; check address and rights") from error
        except Exception as error:
            raise Incomplete(
                f"{where}: the store does not take it: {_sentence(error)}; run the same command again"
            ) from error


def _lacks_bucket(error: FileNotFoundError) -> bool:
    """Whether it is the bucket that is not there, and not the object: S3 says which in its answer [P-20]."""
    answer = getattr(error.__cause__, "response", None)
    return isinstance(answer, dict) and answer.get("Error", {}).get("Code") == "NoSuchBucket"


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

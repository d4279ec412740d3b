"""From what a person names, URLs, files and directories, to the links that read them."""

from collections.abc import Sequence
from pathlib import Path

from bundle.host import presence
from transfer.config import TransferConfig
from transfer.disk.partial import partial_path
from transfer.errors import SourceRefused
from transfer.links.access import NOTHING, Access, is_url
from transfer.links.contract import Event, Link
from transfer.links.directory import FileLink, VolumeLink, find_bundle, find_volume
from transfer.links.http import HttpLink
from transfer.links.pull import SCHEME, PullLink
from transfer.links.threads import Threads

MIN_RECEIVE_BUFFER_BYTES = 16 * 1024
BUDGET_SHARES = 20
MAX_BUDGET_SHARE_BYTES = 128 * 1024  # a buffer that is no smaller is left to the system, which begins with less


class OpenLinks:
    """The links to sources, whose connections are threads; `LinkSet` of the contract.

    `refused`: why others could not be opened. `paths`: those that are files or directories, and `retained` ones, which
    nobody named as sources but which may hold some of the pieces.
    """

    def __init__(self, access: Access, retained: Sequence[Path] = ()) -> None:
        self._access = access
        self.links: list[Link] = []
        self.paths: list[Path] = list(retained)
        self.refused: dict[str, SourceRefused] = {}
        self._threads = Threads()

    def add(self, source: str, output: Path, config: TransferConfig) -> None:
        """Opens one more. Raises SourceRefused if it cannot be one, or is the output itself."""
        if source.lower().startswith(SCHEME):
            self.links.append(PullLink(source, self._threads, config.remembered_bytes_per_s, config.limit_bytes_per_s))
            return
        if is_url(source):
            buffer_bytes = receive_buffer_bytes(config)
            self.links.append(HttpLink(source, self._threads, config.max_redirects, buffer_bytes, self._access))
            return
        path = Path(source)
        try:
            self.links.append(self._open(path, output))
        except OSError as error:
            raise SourceRefused(f"{error.filename or path}: cannot be read: {error.strerror}") from error
        finally:
            self.paths.append(path)

    def wait(self, timeout_s: float) -> Event | None:
        return self._threads.wait(timeout_s)

    def close(self) -> None:
        self._threads.close()

    def _open(self, path: Path, output: Path) -> Link:
        try:
            return self._found(path, output)
        except OSError as error:
            raise SourceRefused(f"{error.filename or path}: cannot be read: {error.strerror}") from error

    def _found(self, path: Path, output: Path) -> Link:
        if presence.is_directory(path):
            volume = find_volume(path)
            try:
                path = find_bundle(path)
            except SourceRefused:
                if volume is None:
                    raise
                return VolumeLink(volume, self._threads)
        if any(
            path.samefile(other)
            for other in (output, partial_path(output))
            if presence.exists(path) and presence.exists(other)
        ):
            raise SourceRefused(f"{path}: is the output as well; name another --out")
        return FileLink(path, self._threads)


def open_sources(
    sources: Sequence[str],
    output: Path,
    config: TransferConfig,
    access: Access = NOTHING,
    retained: Sequence[Path] = (),
) -> OpenLinks:
    """The links to sources. Raises SourceRefused if none of them can be one."""
    opened = OpenLinks(access, retained)
    for source in sources:
        try:
            opened.add(source, output, config)
        except SourceRefused as error:
            opened.refused[source] = error
    if not opened.links:
        raise next(iter(opened.refused.values()))
    return opened


def receive_buffer_bytes(config: TransferConfig) -> int | None:
    """A second's worth of a limited rate: without a bound the system would take in megabytes ahead of every pause.

    And a twentieth of a small budget, for what it takes in of an answer that is of no use is paid for.
    """
    share = config.max_bytes // BUDGET_SHARES if config.max_bytes else MAX_BUDGET_SHARE_BYTES
    bounds = [config.limit_bytes_per_s, share if share < MAX_BUDGET_SHARE_BYTES else None]
    bound = min((bound for bound in bounds if bound is not None), default=None)
    return None if bound is None else max(bound, MIN_RECEIVE_BUFFER_BYTES)

"""From sources, each the URL or the file of a bundle or a volume, to the links that read them."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bundle.errors import Malformed
from bundle.host import presence
from transfer.config import TransferConfig
from transfer.disk.partial import partial_path
from transfer.disk.volume import open_volume
from transfer.errors import SourceRefused
from transfer.links.access import NOTHING, Access, is_url, shown
from transfer.links.contract import Event, Link
from transfer.links.file import FileLink, VolumeLink
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

    def __init__(self, access: Access, config: TransferConfig, retained: Sequence[Path] = ()) -> None:
        self._access = access
        self.links: list[Link] = []
        self.paths: list[Path] = list(retained)
        self.refused: dict[str, SourceRefused] = {}
        self._threads = Threads()
        self._config = config

    def add(self, source: str, output: Path) -> None:
        """Opens one more. Raises SourceRefused if it cannot be one, or is the output itself."""
        if source.lower().startswith(SCHEME):
            self.links.append(self._pull(source))
            return
        if is_url(source):
            buffer_bytes = receive_buffer_bytes(self._config)
            redirects = self._config.max_redirects
            self.links.append(HttpLink(source, self._threads, redirects, buffer_bytes, self._access))
            return
        path = Path(source)
        try:
            self.links.append(self._open(path, output))
        except OSError as error:
            raise SourceRefused(f"{error.filename or path}: cannot be read: {error.strerror}") from error
        finally:
            self.paths.append(path)

    def discover(self) -> Sequence[Link]:
        told = {link.alternative for link in self.links if isinstance(link, HttpLink) and link.alternative}
        if not told:
            return ()
        names = {link.name for link in self.links}
        found = [self._pull(url) for url in sorted(told) if shown(url) not in names]
        self.links += found
        return found

    def wait(self, timeout_s: float) -> Event | None:
        return self._threads.wait(timeout_s)

    def close(self) -> None:
        self._threads.close()

    def _pull(self, url: str) -> PullLink:
        config = self._config
        return PullLink(url, self._threads, config.remembered_bytes_per_s, config.limit_bytes_per_s)

    def _open(self, path: Path, output: Path) -> Link:
        try:
            return self._found(path, output)
        except OSError as error:
            raise SourceRefused(f"{error.filename or path}: cannot be read: {error.strerror}") from error

    def _found(self, path: Path, output: Path) -> Link:
        if any(
            path.samefile(other)
            for other in (output, partial_path(output))
            if presence.exists(path) and presence.exists(other)
        ):
            raise SourceRefused(f"{path}: is the output as well; name another --out")
        with suppress(Malformed, OSError):
            return VolumeLink(open_volume(path), self._threads)
        return FileLink(path, self._threads)


def open_sources(
    sources: Sequence[str],
    output: Path,
    config: TransferConfig,
    access: Access = NOTHING,
    retained: Sequence[Path] = (),
) -> OpenLinks:
    """The links to sources. Raises SourceRefused if none of them can be one."""
    opened = OpenLinks(access, config, retained)
    for source in sources:
        try:
            opened.add(source, output)
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

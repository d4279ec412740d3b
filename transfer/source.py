"""From what a person names, a URL, a file or a directory, to the link that reads it."""

import re
from pathlib import Path

from transfer.config import TransferConfig
from transfer.errors import SourceRefused
from transfer.link import Link
from transfer.links.directory import FileLink, find_bundle
from transfer.links.http import HttpLink
from transfer.partial import partial_path

MIN_RECEIVE_BUFFER_BYTES = 16 * 1024

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def open_link(source: str, output: Path, config: TransferConfig) -> Link:
    """The link to a source. Raises SourceRefused if it cannot be one, or is the output itself."""
    if _URL.match(source):
        return HttpLink(source, config.max_redirects, receive_buffer_bytes(config))
    path = Path(source)
    try:
        if path.is_dir():
            path = find_bundle(path)
        if any(path.samefile(other) for other in (output, partial_path(output)) if path.exists() and other.exists()):
            raise SourceRefused(f"{path}: is the output as well; name another --out")
        return FileLink(path)
    except OSError as error:
        raise SourceRefused(f"{error.filename or path}: cannot be read: {error.strerror}") from error


def receive_buffer_bytes(config: TransferConfig) -> int | None:
    """A second's worth of a limited rate: without a bound the system would take in megabytes ahead of every pause."""
    limit = config.limit_bytes_per_s
    return None if limit is None else max(limit, MIN_RECEIVE_BUFFER_BYTES)

"""From the address of a pointer to that of the bundle beside it [T-54]."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from bundle.errors import Refused
from bundle.host import presence
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.errors import SourceRefused, TransferError
from transfer.links.access import NOTHING, Access, is_url, shown_source
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.publishing.latest import POINTER_NAME, Pointer
from transfer.publishing.prefix_reader import PrefixReader


@dataclass(frozen=True)
class Resolved:
    """The bundle to fetch. `pointer` is what named it, None where the source was a bundle's own address.

    `received_bytes`: every byte that came for the pointer.
    """

    source: str
    pointer: Pointer | None = None
    received_bytes: int = 0


def resolve(
    source: str,
    trust: Trust,
    output: Path,
    config: TransferConfig,
    say: Callable[[str], None] = lambda message: None,
    access: Access = NOTHING,
    budget: Budget | None = None,
) -> Resolved:
    """Follows a pointer: a source whose last name is `latest`, or a directory that holds one.

    Anything else is handed back as it is, without a request. Raises SourceRefused, Incomplete, Malformed or Untrusted.
    """
    address = _pointer_address(source)
    if address is None:
        return Resolved(source)
    with closing(open_sources([address], output, config, access)) as link:
        reader = PrefixReader(link, trust, config, say, budget)
        pointer = reader.pointer()
    if is_url(address):
        return Resolved(urljoin(address, quote(pointer.file)), pointer, reader.received_bytes)
    return Resolved(str(Path(address).with_name(pointer.file)), pointer)


@dataclass(frozen=True)
class Agreed:
    """Sources of one bundle. `pointer`: what named it, if one did. `refused`: why others are left out."""

    sources: tuple[str, ...]
    pointer: Pointer | None
    refused: dict[str, TransferError | Refused]


def resolve_all(
    sources: Sequence[str],
    trust: Trust,
    output: Path,
    config: TransferConfig,
    say: Callable[[str], None] = lambda message: None,
    access: Access = NOTHING,
    budget: Budget | None = None,
) -> Agreed:
    """Follows every pointer among the sources. One that names an older release than another one does is left out.

    Raises what `resolve` raises if that leaves none.
    """
    found: list[Resolved] = []
    refused: dict[str, TransferError | Refused] = {}
    for source in sources:
        try:
            found.append(resolve(source, trust, output, config, say, access, budget))
        except (TransferError, Refused) as error:
            if len(sources) == 1:
                raise
            refused[source] = error
    if not found:
        raise next(iter(refused.values()))
    newest = max((one.pointer for one in found if one.pointer), key=lambda one: one.order, default=None)
    for one in found:
        if one.pointer and newest and one.pointer.root != newest.root:
            refused[one.source] = SourceRefused(f"{shown_source(one.source)}: another source has a newer release")
    return Agreed(tuple(one.source for one in found if one.source not in refused), newest, refused)


def _pointer_address(source: str) -> str | None:
    if is_url(source):
        return source if urlsplit(source).path.rsplit("/", 1)[-1] == POINTER_NAME else None
    path = Path(source)
    try:
        if presence.is_directory(path):
            return str(path / POINTER_NAME) if presence.is_file(path / POINTER_NAME) else None
    except OSError as error:  # a stick that was mounted for another account: the other sources are asked
        raise SourceRefused(f"{path}: cannot be read: {error.strerror}") from error
    return source if path.name == POINTER_NAME else None

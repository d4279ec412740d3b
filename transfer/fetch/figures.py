"""The figures of a fetch [T-30]."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundle.format.root import Root, Section
from transfer.disk.stores import StoreHistory
from transfer.scheduling.source_group import SourceGroup


@dataclass(frozen=True)
class SourceFigures:
    """What one source has given. `lost`: why it was asked no more; "" if it was to the end.

    `damaged`: whether some of it was not what was signed.
    """

    name: str
    bytes_received: int
    lost: str = ""
    damaged: bool = False

    def added_to(self, before: "SourceFigures") -> "SourceFigures":
        """The same source over two bundles."""
        total, damaged = before.bytes_received + self.bytes_received, before.damaged or self.damaged
        return SourceFigures(self.name, total, self.lost or before.lost, damaged)


@dataclass(frozen=True)
class Figures:
    """What a fetch has come to so far [T-30]. Bytes are of the bundle file, `seconds` of this call.

    root, sections   the bundle's, once it is verified, and the sections chosen from it
    bytes_total      length of the bundle
    bytes_needed     of those, header and chosen sections
    bytes_resumed    of those, found verified at the output when the fetch began
    bytes_received   every byte that came from the sources, whether of use or not, heads of answers included
    bytes_paid       ... and for channel file and ticket, from those that may cost something: not files and directories
    """

    path: Path
    complete: bool
    root: Root | None
    sections: tuple[Section, ...]
    bytes_total: int
    bytes_needed: int
    bytes_resumed: int
    bytes_received: int
    bytes_paid: int
    connections: int
    seconds: float
    sources: tuple[SourceFigures, ...]


def source_figures(sources: SourceGroup, stores: StoreHistory) -> tuple[SourceFigures, ...]:
    """One for each source that was opened, in their order, then the other files that held something."""
    taken = dict.fromkeys(sorted(stores.damaged), 0) | stores.bytes_by_path
    found = [
        SourceFigures(
            source.name,
            source.received_bytes + taken.pop(Path(source.name), 0),
            str(source.lost or "") if source.is_asked else "",
            bool(source.corruption.bad_offsets) or Path(source.name) in stores.damaged,
        )
        for source in sources
    ]
    others = (SourceFigures(str(path), amount, damaged=path in stores.damaged) for path, amount in taken.items())
    return (*found, *others)


def combined(parts: Sequence[Figures]) -> Figures | None:
    """The figures of bundles that were fetched one after the other: root and sections are of the last. None for none.

    What was paid is counted from the first on, so the last has it all.
    """
    if not parts:
        return None
    last = parts[-1]
    names = "bytes_total", "bytes_needed", "bytes_resumed", "bytes_received", "connections", "seconds"
    sums = {name: sum(getattr(part, name) for part in parts) for name in names}
    sources: dict[str, SourceFigures] = {}
    for source in (source for part in parts for source in part.sources):
        known = sources.get(source.name)
        sources[source.name] = source.added_to(known) if known else source
    return replace(last, sources=tuple(sources.values()), **sums)

"""A bundle split over media: which bytes go onto which volume, and writing them so that a lying stick is caught.

Each volume is filled with whole pieces in the order of the file, and with what a reader needs to verify them alone.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bundle.errors import Corrupt, InputError
from bundle.format.root import Section
from bundle.host import presence
from bundle.host.files import open_plain
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedBundle, VerifiedRoot, open_for_display
from bundle.recipients.sidecars import listed_tickets
from transfer.disk.atomic_write import write_atomically
from transfer.disk.volume import MAX_VOLUMES, VOLUME_SUFFIX, VolumeMap, merged
from transfer.disk.whole import read_header, whole_bundle
from transfer.errors import OutputRefused
from transfer.publishing.ticket import read_ticket, save_ticket

READ_BYTES = 1024 * 1024
MAP_BYTES = 128  # at most, without its stretches
MAP_SECTION_BYTES = 40  # two stretches


@dataclass(frozen=True)
class Exported:
    """The volumes written, in their order, and their lengths in bytes."""

    paths: tuple[Path, ...]
    lengths: tuple[int, ...]


def export(path: Path, volume_bytes: int, directories: Sequence[Path], progress: Progress) -> Exported:
    """Writes the volumes of a bundle: all into one directory, or each onto a medium of its own, each with its tickets.

    Raises InputError for too small a volume or too few directories, before anything is written. Raises Refused for the
    bundle, and OutputRefused or DiskFull for a medium.
    """
    with open_for_display(path) as bundle:
        layouts = lay_out(bundle.verified, volume_bytes)
        places = _places(bundle, layouts, directories)
        progress.start("reading", bundle.verified.total_bytes, "B")
        for chunk in whole_bundle(bundle):
            progress.advance(len(chunk))
        header, lengths = read_header(bundle), []
        progress.start("writing", sum(length for layout in layouts for _, length in layout), "B")
        for number, (layout, target) in enumerate(zip(layouts, places, strict=True), 1):
            head = VolumeMap(number, len(layouts), layout).pack()
            write_atomically(target, _contents(bundle, head, layout, progress))
            _read_back(target, bundle, head, layout)
            lengths.append(target.stat().st_size)
        progress.finish()
        if read_header(bundle) != header:
            raise Corrupt(f"{path}: changed while it was exported; run again when it is written whole")
        _copy_tickets(bundle, places)
    return Exported(tuple(places), tuple(lengths))


def lay_out(verified: VerifiedRoot, volume_bytes: int) -> list[list[tuple[int, int]]]:
    """The stretches of each volume [T-70]. Raises InputError if a volume does not hold a piece and what names it."""
    sections = [section for section in verified.root.sections if not section.is_inner]
    room = volume_bytes - verified.header_bytes - MAP_BYTES - MAP_SECTION_BYTES * len(sections)
    _check_room(max((_least(verified, section) for section in sections), default=0), room, volume_bytes)
    volumes: list[list[tuple[int, int]]] = []
    left = -1
    for section in sections:
        pieces = list(verified.pieces(section))
        top = pieces[-1][1].level
        tables = [(offset, piece.length) for offset, piece in pieces if piece.level < top]
        have_tables = False
        for offset, piece in pieces:
            if piece.level < top:
                continue
            cost = piece.length + (0 if have_tables else sum(length for _, length in tables))
            if cost > left:
                volumes.append([(0, verified.header_bytes)])
                left, have_tables = room, False
                cost = piece.length + sum(length for _, length in tables)
            volumes[-1] += ([] if have_tables else tables) + [(offset, piece.length)]
            left, have_tables = left - cost, True
    return [merged(volume) for volume in volumes or [[(0, verified.header_bytes)]]]


def _least(verified: VerifiedRoot, section: Section) -> int:
    """Bytes of a section's hash tables and its longest piece."""
    pieces = [piece for _, piece in verified.pieces(section)]
    tables = sum(piece.length for piece in pieces if piece.level < pieces[-1].level)
    return tables + max(piece.length for piece in pieces)


def _check_room(least: int, room: int, volume_bytes: int) -> None:
    if least > room:
        raise InputError(
            f"a volume of {volume_bytes:,} bytes does not hold a piece of this bundle with its hashes; "
            f"--volume-size must be at least {volume_bytes + least - room:,}"
        )


def _copy_tickets(bundle: VerifiedBundle, places: Sequence[Path]) -> None:
    """The tickets that lie beside an encrypted bundle, onto every medium, for any ship to find its own [T-73]."""
    directory = f"{bundle.root.product}-{bundle.root.version}.tickets"
    for ticket, medium in product(listed_tickets(bundle.path), {target.parent for target in places}):
        save_ticket(medium / directory / ticket.name, read_ticket(ticket))


def _places(bundle: VerifiedBundle, layouts: Sequence[object], directories: Sequence[Path]) -> list[Path]:
    count, root = len(layouts), bundle.root
    if count > MAX_VOLUMES:
        raise InputError(
            f"{bundle.path}: would be {count:,} volumes, over {MAX_VOLUMES}; choose a larger --volume-size"
        )
    if 1 < len(directories) < count:
        raise InputError(
            f"{bundle.path}: needs {count} volumes and {len(directories)} directories are given; "
            "give one for each, or a single one for all"
        )
    names = [
        f"{root.product}-{root.version}-{number:03}-of-{count:03}{VOLUME_SUFFIX}" for number in range(1, count + 1)
    ]
    targets = directories if len(directories) > 1 else [directories[0]] * count
    for target in targets[:count]:
        if not presence.is_directory(target):
            raise OutputRefused(f"{target}: no such directory; make it, or put the medium in, first")
    return [target / name for target, name in zip(targets, names, strict=False)]


def _contents(
    bundle: VerifiedBundle, head: bytes, layout: Sequence[tuple[int, int]], progress: Progress
) -> Iterator[bytes]:
    yield head
    for chunk in _bytes_of(bundle, layout):
        progress.advance(len(chunk))
        yield chunk


def _bytes_of(bundle: VerifiedBundle, layout: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    for offset, length in layout:
        for at in range(offset, offset + length, READ_BYTES):
            yield bundle.read(at, min(READ_BYTES, offset + length - at))


def _read_back(path: Path, bundle: VerifiedBundle, head: bytes, layout: Sequence[tuple[int, int]]) -> None:
    """Raises OutputRefused if the medium does not give back what it took: it may lie about its size [T-71]."""
    try:
        with open_plain(path, buffered=True) as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # from the medium, not from memory
            same = file.read(len(head)) == head
            same = same and all(file.read(len(chunk)) == chunk for chunk in _bytes_of(bundle, layout))
    except OSError as error:
        raise OutputRefused(f"{path}: cannot be read back: {error.strerror}; use another medium") from error
    if not same:
        raise OutputRefused(f"{path}: the medium does not give back what was written to it; use another one")

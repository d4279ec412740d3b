"""A channel on a stick: its file and the bundles that it names, for whatever ships have aboard [T-148].

The newest come first, and what does not fit is left out and told. The channel file comes last, so a stick that is
pulled out halfway holds bundles that can be used, and no channel that leads nowhere.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundle.errors import InputError, Refused, naming
from bundle.host import presence
from bundle.host.files import open_plain, read_plain
from bundle.host.progress import Progress
from bundle.read.reader import open_for_display
from bundle.recipients.sidecars import listed_tickets, tickets_beside
from transfer.channels.channel import Channel, ChannelBundle, file_name
from transfer.channels.signing import MAX_CHANNEL_BYTES, read_unverified
from transfer.disk.atomic_write import write_atomically
from transfer.disk.whole import whole_bundle
from transfer.errors import OutputRefused
from transfer.publishing.ticket import read_ticket, save_ticket

MARGIN_BYTES = 1024 * 1024  # for directories, tickets and the channel file
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Filled:
    """What is on the stick now. `there`: before already; `no_room`, `absent`: left out, for want of room or bundle."""

    channel: Channel
    copied: tuple[ChannelBundle, ...]
    there: tuple[ChannelBundle, ...]
    no_room: tuple[ChannelBundle, ...]
    absent: tuple[ChannelBundle, ...]


def fill_stick(published: Path, channel: str, stick: Path, progress: Progress) -> Filled:
    """Copies a channel from a published directory. What is there already, with its length, is not copied again.

    Raises InputError if there is no such channel, or none of its bundles; Refused for one that does not verify;
    OutputRefused or DiskFull for the stick.
    """
    data, said = _read_channel(published / file_name(channel))
    if not presence.is_directory(stick):
        raise OutputRefused(f"{stick}: no such directory; make it, or put the medium in, first")
    sorted_out: dict[str, list[ChannelBundle]] = {"copied": [], "there": [], "no_room": [], "absent": []}
    for bundle in said.bundles:
        sorted_out[_bring(bundle, published, stick, progress)].append(bundle)
    if not sorted_out["copied"] and not sorted_out["there"]:
        raise InputError(f"{published}: no bundle that channel {channel} names can be brought; {_why(sorted_out)}")
    write_atomically(stick / said.file_name, [data])
    return Filled(said, *(tuple(found) for found in sorted_out.values()))


def _read_channel(path: Path) -> tuple[bytes, Channel]:
    """It is copied as it is, and no more is done by it: whoever signed it, ships verify it."""
    try:
        data = read_plain(path, MAX_CHANNEL_BYTES + 1)
        with naming(path):
            return data, read_unverified(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; name a published directory with it") from error
    except Refused as error:
        raise InputError(str(error)) from error


def _bring(said: ChannelBundle, published: Path, stick: Path, progress: Progress) -> str:
    """What became of a bundle: a field of `Filled`."""
    source, target = published / said.file, stick / said.file
    if not presence.is_file(source) or source.stat().st_size != said.length:
        return "absent"
    if presence.is_file(target) and target.stat().st_size == said.length:
        return "there"
    if shutil.disk_usage(stick).free < said.length + MARGIN_BYTES:
        return "no_room"
    with open_for_display(source) as bundle:
        progress.start(f"copying {said.release.version}", said.length, "B")
        write_atomically(target, _counted(whole_bundle(bundle), progress))
        progress.finish()
    _read_back(source, target)
    for ticket in listed_tickets(source):
        save_ticket(tickets_beside(target) / ticket.name, read_ticket(ticket))
    return "copied"


def _counted(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        progress.advance(len(chunk))
        yield chunk


def _read_back(source: Path, target: Path) -> None:
    """Raises OutputRefused if the medium does not give back what it took: it may lie about its size [T-71]."""
    try:
        with open_plain(source, buffered=True) as original, open_plain(target, buffered=True) as copy:
            same = all(copy.read(len(chunk)) == chunk for chunk in iter(lambda: original.read(CHUNK_BYTES), b""))
    except OSError as error:
        raise OutputRefused(f"{target}: cannot be read back: {error.strerror}; use another medium") from error
    if not same:
        raise OutputRefused(f"{target}: the medium does not give back what was written to it; use another one")


def _why(sorted_out: dict[str, list[ChannelBundle]]) -> str:
    if sorted_out["no_room"]:
        least = min(one.length for one in sorted_out["no_room"])
        return f"the smallest takes {least:,} bytes, free some on the medium"
    return "they are not in that directory"

"""What lies on a medium, a directory or one file: bundles, volumes and channel files, by their headers [T-146].

Of each file a bounded number of bytes is read, whatever its name and length. What is none of ours is passed over, and
what cannot be used is told with its reason. So a stick may hold bundles of several releases, volumes of others,
channel files, photos and rubbish.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from bundle.errors import Corrupt, Malformed, Refused, named
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.format.root import Section
from bundle.host import presence
from bundle.host.files import open_plain
from bundle.read.reader import VerifiedRoot, stored_bytes, verify_header
from bundle.trust.trust import Trust
from transfer.channels.channel import CHANNEL_SUFFIX
from transfer.channels.signing import MAX_CHANNEL_BYTES, VerifiedChannel, verify_channel
from transfer.disk.partial import PARTIAL_SUFFIX
from transfer.disk.volume import MAGIC as VOLUME_MAGIC
from transfer.disk.volume import MAX_VOLUMES, VOLUME_SUFFIX, Volume, merged, open_volume
from transfer.errors import SourceRefused

MAX_FILES = 4096  # looked into in one directory, those with names of ours first
BUNDLE_SUFFIX = ".unrep"
_PROBE_BYTES = 64

Stretch = tuple[int, int]  # (offset, length) from the end of the header, so whatever the signatures are


@dataclass(frozen=True)
class FoundBundle:
    """A bundle whose header verifies, in one file or in several volumes. `stretches`: what is there of its sections.

    Nothing but the header is verified: pieces are, as they are taken. `in_volumes`: whether the rest of it may be in
    volumes that are not here.
    """

    verified: VerifiedRoot
    paths: tuple[Path, ...]
    stretches: tuple[Stretch, ...]
    in_volumes: bool = False

    @classmethod
    def joining(cls, same: Sequence["FoundBundle"]) -> "FoundBundle":
        """One bundle that lies in several places: they complete each other."""
        stretches = [stretch for one in same for stretch in one.stretches]
        paths = tuple(path for one in same for path in one.paths)
        return cls(same[0].verified, paths, tuple(_union(stretches)), any(one.in_volumes for one in same))

    def missing_bytes(self, section: Section) -> int:
        """How many bytes of a section are not there."""
        root = self.verified.root
        start, length = root.offset_of(section), stored_bytes(root, section)
        there = (min(offset + size, start + length) - max(offset, start) for offset, size in self.stretches)
        return length - sum(max(0, size) for size in there)


@dataclass(frozen=True)
class FoundChannel:
    """A channel file that verifies."""

    path: Path
    verified: VerifiedChannel


@dataclass(frozen=True)
class Medium:
    """What was found. `unusable`: files of ours that cannot be used, and why; `unseen`: files not looked into."""

    bundles: tuple[FoundBundle, ...] = ()
    channels: tuple[FoundChannel, ...] = ()
    unusable: dict[Path, Exception] = field(default_factory=dict)
    unseen: int = 0


def look_through(place: Path, trust: Trust) -> Medium:
    """Looks through a directory, or into one file. Raises SourceRefused if it cannot be read at all."""
    try:
        is_directory = presence.is_directory(place)
        paths = _ordered(place.iterdir()) if is_directory else [place]
    except OSError as error:
        raise SourceRefused(f"{error.filename or place}: cannot be read: {error.strerror}") from error
    parts: list[FoundBundle] = []
    channels: list[FoundChannel] = []
    unusable: dict[Path, Exception] = {}
    for path in paths[:MAX_FILES]:
        try:
            found = _look_into(path, trust, is_named=not is_directory)
        except Refused as error:
            unusable[path] = named(error, path)
        except OSError as error:
            if not is_directory or _has_our_name(path):
                unusable[path] = SourceRefused(f"{path}: cannot be read: {error.strerror}; name one that is there")
        else:
            parts += [found] if isinstance(found, FoundBundle) else []
            channels += [found] if isinstance(found, FoundChannel) else []
    return Medium(tuple(_joined(parts)), tuple(channels), unusable, max(0, len(paths) - MAX_FILES))


def _ordered(paths: Iterable[Path]) -> list[Path]:
    """Files with names of ours first, so that thousands of photos hide none of them."""
    return sorted(
        (path for path in paths if path.suffix != PARTIAL_SUFFIX), key=lambda path: (not _has_our_name(path), path)
    )


def _has_our_name(path: Path) -> bool:
    return path.suffix in (CHANNEL_SUFFIX, BUNDLE_SUFFIX, VOLUME_SUFFIX)


def _look_into(path: Path, trust: Trust, is_named: bool) -> FoundBundle | FoundChannel | None:
    """What a file is for us. Raises Refused for one of ours that is of no use, OSError."""
    if not presence.is_file(path):
        if is_named and presence.exists(path):
            raise SourceRefused(f"{path}: is not a file; name a bundle, a channel file, or a directory with some")
        if not is_named:
            return None
    with open_plain(path, buffered=True) as file:
        head = file.read(PREAMBLE_BYTES)
        if head.startswith(VOLUME_MAGIC):
            return _volume(open_volume(path), trust)
        if path.suffix == CHANNEL_SUFFIX:
            return FoundChannel(path, _channel(head + file.read(MAX_CHANNEL_BYTES + 1 - len(head)), path, trust))
        try:
            header_bytes = read_preamble(head).header_bytes
        except Malformed:
            if is_named or path.suffix == BUNDLE_SUFFIX:
                raise
            return None
        verified = verify_header(head + file.read(header_bytes - len(head)), trust)
        return FoundBundle(verified, (path,), tuple(_stretches(file, verified)))


def _channel(data: bytes, path: Path, trust: Trust) -> VerifiedChannel:
    verified = verify_channel(data, trust)
    if verified.channel.file_name != path.name:
        raise Malformed(f"is the file of channel {verified.channel.channel!r} under another name; rename it back")
    return verified


def _stretches(file: BinaryIO, verified: VerifiedRoot) -> list[Stretch]:
    """The sections that are there, by their first bytes: a bundle that was fetched for a site has holes."""
    root, end, found = verified.root, file.seek(0, 2) - verified.header_bytes, []
    for section in root.sections:
        start = root.offset_of(section)
        file.seek(verified.header_bytes + start)
        if any(file.read(_PROBE_BYTES)):
            found.append((start, min(stored_bytes(root, section), end - start)))
    return found


def _volume(volume: Volume, trust: Trust) -> FoundBundle:
    prefix = volume.prefix()
    if not prefix:
        raise Corrupt("the header of its bundle cannot be read")
    verified = verify_header(prefix, trust)
    here = [(offset - verified.header_bytes, length) for offset, length in volume.map.stretches]
    stretches = tuple((max(0, at), length + min(0, at)) for at, length in here)
    return FoundBundle(verified, (volume.path,), stretches, in_volumes=True)


def _joined(parts: Iterable[FoundBundle]) -> Iterator[FoundBundle]:
    """One for each bundle, by its root."""
    ordered = sorted(parts, key=lambda part: part.verified.root_hash)
    for _, same in groupby(ordered, key=lambda part: part.verified.root_hash):
        yield FoundBundle.joining(list(same)[:MAX_VOLUMES])


def _union(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same bytes, none in two stretches."""
    found: list[Stretch] = []
    for offset, length in sorted(stretches):
        end = sum(found[-1]) if found else 0
        if length > 0 and offset + length > end:
            found.append((max(offset, end), offset + length - max(offset, end)))
    return merged(found)

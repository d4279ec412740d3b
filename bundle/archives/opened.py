"""An opened archive of a base: its skeleton and the plain bytes of its members, as objects. spec/format.md [F-46]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundle.archives.skeleton import make_skeleton
from bundle.archives.streams import find_streams, inflate
from bundle.errors import Malformed
from bundle.format.objects import Readable, Scratch

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
IN_MEMORY_BYTES = 1024 * 1024  # of each archive: many may be open at one time


@dataclass(frozen=True)
class Given:
    """What opening an archive gives, skeleton first, `size` bytes in all. The bytes are in `scratch`, if any are.

    `stretches`: where in the archive the stream of each member stands, as (offset, length).
    """

    objects: list[Readable]
    size: int
    scratch: Scratch | None = None
    stretches: Sequence[tuple[int, int]] = ()

    def close(self) -> None:
        """Gives the room back. The objects cannot be read any more."""
        if self.scratch:
            self.scratch.close()


def open_archive(archive: Readable, directory: Path | None, room: int) -> Given:
    """The skeleton and the members. Only the skeleton, equal to the archive, if it is no archive or over 64 MiB.

    `directory` takes the plain bytes. Raises Malformed, before anything is written, if they are more than `room`, and
    BaseMismatch if the archive cannot be read.
    """
    if archive.size > MAX_ARCHIVE_BYTES:
        return Given([archive], archive.size)
    data = archive.read_at(0, archive.size)
    streams = find_streams(data)
    skeleton = make_skeleton(data, streams)
    size = len(skeleton) + sum(stream.size for stream in streams)
    if size > room:
        raise Malformed(f"index: an archive that it opens gives {size:,} bytes, and {room:,} are left of its room")
    scratch = Scratch(directory, IN_MEMORY_BYTES)
    members = [scratch.save(inflate(memoryview(data), stream)) for stream in streams]
    stretches = [(stream.offset, stream.length) for stream in streams]
    return Given([scratch.save(iter([skeleton])), *members], size, scratch, stretches)

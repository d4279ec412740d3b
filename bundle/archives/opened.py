"""An opened archive of a base: its skeleton and the plain bytes of its members, as objects. spec/format.md [F-46]."""

from bundle.archives.skeleton import make_skeleton
from bundle.archives.streams import find_streams, inflate
from bundle.objects import MemoryObject, Readable, Scratch

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024


def open_archive(archive: Readable, scratch: Scratch) -> list[Readable]:
    """[skeleton, member, member, ...]; only the skeleton, equal to the archive, if it is none or over 64 MiB.

    Members go to `scratch`. Raises BaseMismatch if the archive cannot be read.
    """
    if archive.size > MAX_ARCHIVE_BYTES:
        return [archive]
    data = memoryview(archive.read_at(0, archive.size))
    streams = find_streams(data)
    return [MemoryObject(make_skeleton(data, streams)), *(scratch.keep(inflate(data, s)) for s in streams)]

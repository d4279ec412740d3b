"""An opened archive of a base: its skeleton and the plain bytes of its members, as objects. spec/format.md [F-46]."""

from bundle.archives.skeleton import make_skeleton
from bundle.archives.streams import find_streams, inflate
from bundle.objects import Readable, Scratch


def open_archive(archive: Readable, scratch: Scratch) -> list[Readable]:
    """[skeleton, member, member, ...], kept in `scratch`; empty if it is no archive.

    Raises BaseMismatch if the archive cannot be read.
    """
    streams = find_streams(archive)
    if not streams:
        return []
    return [scratch.keep(make_skeleton(archive, streams)), *(scratch.keep(inflate(archive, s)) for s in streams)]

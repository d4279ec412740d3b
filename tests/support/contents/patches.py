"""What a receiver makes of a patch, taken a few bytes at a time and to the last byte."""

from collections.abc import Iterator

import numpy as np

from bundle.delta.bsdiff import Triple, apply_triples
from bundle.delta.changes import pack_changes
from bundle.format.index import Stream
from bundle.format.objects import MemoryObject
from bundle.format.varints import read_varints


def applied(source: bytes, size: int, triples: list[Triple], diff: bytes, extra: bytes, step: int = 7) -> bytes:
    """What the receiver makes of it; `diff` holds what is added to each copied byte."""
    return patched(source, size, triples, pack_changes(np.frombuffer(diff, np.uint8)) | {Stream.EXTRA: extra}, step)


def patched(source: bytes, size: int, triples: list[Triple], streams: dict[Stream, bytes], step: int = 7) -> bytes:
    """The same from the streams of a patch; all of them must be used up."""
    left = dict(streams)
    skips = read_varints(streams[Stream.SKIP])

    def take(stream: Stream, length: int) -> Iterator[bytes]:
        while length:
            part, left[stream] = left[stream][: min(step, length)], left[stream][min(step, length) :]
            assert part, "more is taken than the patch has"
            length -= len(part)
            yield part

    made = b"".join(apply_triples(MemoryObject(source), size, iter(triples), skips, take))
    assert not left[Stream.CHANGE] and not left[Stream.EXTRA] and next(skips, None) is None
    return made

"""The skeleton of an archive: all its bytes but the deflate streams, and where those go. spec/format.md [F-47].

varint            number of streams
varint, each      bytes of the rest that stand before the stream, counted from the stream before
rest              headers, directories, stored members, whatever was not taken out; of what headers repeat, the
                  difference from what it should be (`headers`)
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from bundle.archives.deflate_shape import restore
from bundle.archives.engines import NO_ENGINES, check_member, deflate
from bundle.archives.headers import Facts, leave_out, put_back
from bundle.archives.streams import MAX_RATIO, DeflateStream
from bundle.errors import Malformed
from bundle.format.index import SHAPED
from bundle.format.objects import Readable, Scratch, read_all
from bundle.format.varints import MAX_VARINT_BYTES, read_varints, write_varints

MAX_SKELETON_BYTES = 64 * 1024 * 1024


def make_skeleton(data: bytes | memoryview, streams: Sequence[DeflateStream]) -> bytes:
    """The skeleton of an archive whose `streams`, in order, are taken out."""
    gaps, rest, at = [], bytearray(), 0
    for stream in streams:
        gaps.append(stream.offset - at)
        rest += data[at : stream.offset]
        at = stream.offset + stream.length
    rest += data[at:]
    leave_out(rest, gaps, [Facts(stream.crc, stream.length, stream.size) for stream in streams])
    return write_varints([len(gaps), *gaps]) + bytes(rest)


def no_stream(number: int) -> Readable:
    """For archives whose members all have engines."""
    raise Malformed(f"recipe: member {number} of an archive has neither engine nor stream")


def rebuild(
    skeleton: Readable,
    members: Iterable[Readable],
    engines: Sequence[int],
    size: int,
    directory: Path | None = None,
    beside: Callable[[int], Readable] = no_stream,
) -> Iterator[bytes]:
    """The archive of that size, chunk by chunk: the skeleton with every member deflated by its engine.

    `directory` takes the temporary file, of no more than `size` bytes. `beside` gives, by the number of a member
    without an engine, its shape or its stream [F-73]. Raises Malformed, before a member is deflated that an archive so
    small does not hold.
    """
    if skeleton.size > MAX_SKELETON_BYTES or skeleton.size > size + MAX_VARINT_BYTES * (len(engines) + 1):
        raise Malformed(
            f"recipe: a skeleton of {skeleton.size} bytes is larger than its archive, or than {MAX_SKELETON_BYTES}"
        )
    data = skeleton.read_at(0, skeleton.size)
    gaps, at = _read_gaps(data, len(engines))
    rest = bytearray(data[at:])
    if sum(gaps) > len(rest):
        raise Malformed("recipe: a skeleton is shorter than its gaps")
    with closing(Scratch(directory)) as scratch:  # its own: what is being made may go to another one
        streams, facts = [], []
        plain_bytes = 0
        for number, (member, engine) in enumerate(zip(members, engines, strict=True)):
            check_member(engine, member.size)
            plain_bytes += member.size
            if plain_bytes > MAX_RATIO * size:
                raise Malformed(f"recipe: members of over {plain_bytes:,} bytes in an archive of {size:,}")
            left = size - len(rest) - scratch.size
            if engine not in NO_ENGINES:
                made = deflate(engine, read_all(member))
            elif engine == SHAPED:
                made = restore(member, beside(number), max(0, left))
            else:
                made = read_all(beside(number))
            streams.append(scratch.save(_at_most(left, made)))
            facts.append(Facts(_crc(member), streams[-1].size, member.size))
        put_back(rest, gaps, facts)
        at = 0
        for gap, stream in zip(gaps, streams, strict=True):
            yield bytes(rest[at : at + gap])
            at += gap
            yield from read_all(stream)
        yield bytes(rest[at:])


def _at_most(size: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        size -= len(chunk)
        if size < 0:
            raise Malformed("recipe: an archive whose members take more than its size")
        yield chunk


def _crc(member: Readable) -> int:
    crc = 0
    for chunk in read_all(member):
        crc = zlib.crc32(chunk, crc)
    return crc


def _read_gaps(data: bytes, expected: int) -> tuple[list[int], int]:
    """(gaps, where the rest begins)."""
    numbers = read_varints(data)
    gaps = [number for number, _ in zip(numbers, range(expected + 1), strict=False)]
    if not gaps or gaps[0] != expected or len(gaps) != expected + 1:
        raise Malformed("recipe: a skeleton has another number of streams than its archive has members")
    return gaps[1:], len(write_varints(gaps))

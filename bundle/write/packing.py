"""Packing a stream from its parts, in worker processes. A large one goes from file to file in bounded chunks."""

from collections.abc import Sequence
from pathlib import Path

from bundle.format.codecs import (
    FEW_BYTES,
    PROBED_BYTES,
    SAMPLE_BYTES,
    STORED,
    LargeCompressor,
    Packed,
    compress,
    gains_nothing,
    large_codec,
)
from bundle.format.contents import Content, chunks_of, opened, size_of
from bundle.host.files import create_buffered, read_plain


def pack(parts: Sequence[Content], max_log: int, out: Path) -> tuple[Packed, Content]:
    """(descriptor, bytes as stored, or the file `out` that they were written to) of the joined parts.

    `max_log` as in `compress`. Raises InputError if a part cannot be read.
    """
    size = sum(map(size_of, parts))
    if size <= FEW_BYTES:
        return compress(b"".join(chunks_of(parts)), max_log)
    samples = [_read_at(parts, at, SAMPLE_BYTES) for at in (0, size // 2, size - SAMPLE_BYTES)]
    if gains_nothing(chunks_of(parts), (sample[:PROBED_BYTES] for sample in samples), size):
        with create_buffered(out) as file:
            for chunk in chunks_of(parts):
                file.write(chunk)
        return Packed(STORED, size, size), out
    codec = large_codec(samples, size, max_log)
    compressor = LargeCompressor(codec, size)
    with create_buffered(out) as file, create_buffered(_note(out)) as note:
        taken = 0
        for chunk in chunks_of(parts):
            file.write(compressor.compress(chunk))
            taken += len(chunk)
            note.seek(0)
            note.write(taken.to_bytes(8, "big"))
            note.flush()
        file.write(compressor.flush())
        return Packed(codec, file.tell(), size), out


def packed_so_far(task: tuple[Sequence[Content], int, Path]) -> int:
    """How many bytes of a large stream are packed, by the arguments of `pack`: it may run in another process."""
    try:
        return int.from_bytes(read_plain(_note(task[2]), 8), "big")
    except (OSError, ValueError):
        return 0


def _note(out: Path) -> Path:
    return out.with_name(f"{out.name}.taken")


def _read_at(parts: Sequence[Content], offset: int, length: int) -> bytes:
    found = b""
    for part in parts:
        size = size_of(part)
        if offset < size and len(found) < length:
            with opened(part) as source:
                found += source.read_at(offset, min(size - offset, length - len(found)))
        offset = max(0, offset - size)
    return found

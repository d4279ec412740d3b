"""One file or link of a new tree, written from the chunks of its object. spec/apply.md, section 3 [A-19]."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from apply.rebuild.installed import drifted
from bundle.format.manifest import Entry, Kind, check_link_target
from bundle.host.blocks import Sharing, SharingWriter, SparseWriter
from bundle.host.directories import Descent

CHUNK_BYTES: Final = 1024 * 1024
_FILE_MODE, _EXECUTABLE_MODE = 0o644, 0o755  # [F-12]


def file_mode(entry: Entry) -> int:
    """The mode that the format gives the file [F-12]."""
    return _EXECUTABLE_MODE if entry.kind == Kind.EXECUTABLE else _FILE_MODE


def write_object(into: Descent, entry: Entry, chunks: Iterable[bytes]) -> None:
    """Writes an entry from the chunks of its object. Whoever yields the chunks has checked them.

    Raises Malformed for a link that leads out, OSError.
    """
    directory, name = into.to(entry.path)
    if entry.kind == Kind.SYMLINK:
        # The manifest holds the hash of a link's target only, so where it leads is checked here.
        directory.link(check_link_target(entry, b"".join(chunks)), name)
        return
    with directory.create(name, file_mode(entry)) as file:
        writer = SparseWriter(file)
        for chunk in chunks:
            writer.write(chunk)
        writer.close()


def write_beside(
    into: Descent, entry: Entry, chunks: Iterable[bytes], digest: Callable[[], bytes], base: Path, sharing: Sharing
) -> None:
    """The same for a file whose former state is in the base: it shares the blocks of what has stayed in its place.

    `digest`: the hash of the chunks, once they are read.

    Raises BaseDrifted if what was shared has changed meanwhile, OSError.
    """
    with ExitStack() as opened:
        try:
            within, name = opened.enter_context(Descent(base)).to(entry.path)
            source = opened.enter_context(within.read(name))
        except OSError:  # it has gone, and the recipe does without it
            write_object(into, entry, chunks)
            return
        directory, name = into.to(entry.path)
        file = opened.enter_context(directory.create(name, file_mode(entry)))
        writer = SharingWriter(file, source, sharing)
        for chunk in chunks:
            writer.write(chunk)
        writer.close()
        if writer.shared and digest_of(file) != digest():
            raise drifted(base / entry.path, "has changed")


def digest_of(file: BinaryIO) -> bytes:
    """Of what was written, by itself: its blocks are its own, while their source may have changed since [A-19]."""
    file.seek(0)
    digest = sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.digest()

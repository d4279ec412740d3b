"""Opening archives while a bundle is built: what is in them, and which engine gives each member back.

Runs in worker processes. A base's archive is opened by the rule alone. A target's archive is opened only as far as it
can be made again bit for bit: members that no engine reproduces stay compressed in the skeleton.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from bundle.archives.engines import COMMON_FEATURES, ENGINE_FEATURES, find_engine
from bundle.archives.opened import MAX_ARCHIVE_BYTES
from bundle.archives.skeleton import make_skeleton
from bundle.archives.streams import MAX_RATIO, DeflateStream, find_streams, has_heads, inflate
from bundle.format.contents import Content, Slice, opened, read_content
from bundle.host.files import create_buffered

MAX_DEPTH = 3
READ_BYTES = 1024 * 1024
OVERLAP_BYTES = 3  # a head may lie across two reads
PDF, EXECUTABLES = b"%PDF", (b"MZ", b"\x7fELF")
# Of a target's bytes, what streams that can be made again must be at least. Opened, a program is no image any more, and
# its references are not rebased.
LEAST_SHARE, LEAST_SHARE_OF_PROGRAM = 1 / 16, 1 / 2
DEFAULT_ENGINE = 6
MAX_NESTED_RATIO = (
    MAX_RATIO // 2 - 4
)  # of all plain bytes to the outermost archive, so that [F-65] holds with skeletons


@dataclass(frozen=True)
class Member:
    """One member: its name for matching, its plain bytes and their hash, its engine (0 in a base), its own members."""

    name: str
    content: Content
    size: int
    hash: bytes
    engine: int
    opening: "Opening | None"


@dataclass(frozen=True)
class Opening:
    """An opened archive."""

    skeleton: bytes
    members: tuple[Member, ...]


def may_hold_streams(content: Content) -> bool:
    """Whether the head of a stream stands in it anywhere. Raises InputError if it cannot be read."""
    with opened(content) as source:
        if source.size > MAX_ARCHIVE_BYTES:
            return False
        if source.read_at(0, min(4, source.size)) == PDF:
            return True
        return any(
            has_heads(source.read_at(at, min(READ_BYTES + OVERLAP_BYTES, source.size - at)))
            for at in range(0, source.size, READ_BYTES)
        )


def open_for_base(content: Content, spill: Path) -> Opening | None:
    """A base's archive as the reader will open it; None if it is no archive. Plain bytes go to the file `spill`."""
    return _open_into(content, spill, None)


def open_for_target(content: Content, spill: Path) -> Opening | None:
    """A target's archive with the members that an engine reproduces. None if there is none."""
    return _open_into(content, spill, ENGINE_FEATURES)


def open_for_everyone(content: Content, spill: Path) -> Opening | None:
    """The same, with engines only that every ship may be expected to have."""
    return _open_into(content, spill, COMMON_FEATURES)


def _open_into(content: Content, spill: Path, features: frozenset[str] | None) -> Opening | None:
    """`features`: those of the engines that may be used. With None, no engine is looked for."""
    data = read_content(content)
    with create_buffered(spill) as file:
        return _open(data, file, spill, features, 1, MAX_NESTED_RATIO * len(data))


def _open(
    data: bytes, file: BinaryIO, spill: Path, features: frozenset[str] | None, depth: int, most_bytes: int
) -> Opening | None:
    """`most_bytes`: up to where `file` may grow by archives within this one."""
    if len(data) > MAX_ARCHIVE_BYTES:
        return None
    view = memoryview(data)
    taken: list[DeflateStream] = []
    members: list[Member] = []
    engine = DEFAULT_ENGINE
    streams = find_streams(data)
    if depth > 1 and file.tell() + sum(stream.size for stream in streams) > most_bytes:
        return None
    for stream in streams:
        plain = b"".join(inflate(view, stream))
        packed = data[stream.offset : stream.offset + stream.length]
        found = 0 if features is None else find_engine(plain, packed, engine, features)
        if found is None:
            continue
        engine = found
        taken.append(stream)
        content = Slice(spill, file.seek(0, 2), len(plain))
        file.write(plain)
        inner = _open(plain, file, spill, features, depth + 1, most_bytes) if depth < MAX_DEPTH else None
        members.append(Member(stream.name, content, len(plain), sha256(plain).digest(), found, inner))
    share = LEAST_SHARE_OF_PROGRAM if data.startswith(EXECUTABLES) else LEAST_SHARE
    if features is not None and sum(stream.length for stream in taken) < share * len(data):
        return None
    return Opening(make_skeleton(view, taken), tuple(members)) if members else None

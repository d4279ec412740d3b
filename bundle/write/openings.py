"""Opening the archives of a section: those of the base and those of the target, level by level.

What stands in both, byte for byte, is neither written out nor made anew: the target takes the stream from the base. So
an archive of any size costs the work of what changed in it. Workers do the work; this says what there is to do.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bundle.archives.codings import Coding
from bundle.archives.counterparts import MAX_SHAPED_BYTES
from bundle.archives.engines import MAX_JOINED_BYTES
from bundle.archives.opening import FoundStream, Survey, Taken, may_hold_streams, stored_content, survey, take
from bundle.archives.streams import MAX_RATIO
from bundle.format.contents import Content, Unpacked, size_of
from bundle.host.progress import Progress
from bundle.write.batches import call_with, map_in_batches

MAX_DEPTH = 3
GROUP_BYTES = 16 * 1024 * 1024  # plain bytes that a worker takes at a time
LARGE_BYTES = 64 * 1024 * 1024
MAX_GROWTH = 64  # a member over LARGE_BYTES that deflate made smaller than by so much stays as it is
# Of all plain bytes to the outermost archive, so that [F-65] holds with skeletons.
MAX_NESTED_RATIO = MAX_RATIO // 2 - 4
# Of a target's bytes, what streams that can be made again must be at least. Opened, a program is no image any more, and
# its references are not rebased.
LEAST_SHARE, LEAST_SHARE_OF_PROGRAM = 1 / 16, 1 / 2


@dataclass(frozen=True)
class Member:
    """One member: its name for matching, its plain bytes and their hash, its own members; the stream that it stands as.

    `engine`: the one that gives the stream. None if there is none, `why` says the reason then. Also None in a base, and
    where both releases have the stream.
    """

    name: str
    content: Content
    size: int
    hash: bytes
    stored: Content
    stored_size: int
    stored_hash: bytes
    engine: int | None
    why: str
    opening: "Opening | None"
    coding: Coding = Coding.DEFLATE

    @property
    def may_have_shape(self) -> bool:
        """Whether it is worth while to look for the shape of its stream."""
        return self.coding == Coding.DEFLATE and self.size <= MAX_SHAPED_BYTES


@dataclass(frozen=True)
class Opening:
    """An opened archive of `size` bytes. `ended_at`: where the search for streams was given up, if it was."""

    size: int
    skeleton: Content
    skeleton_size: int
    skeleton_hash: bytes
    members: tuple[Member, ...]
    least_share: float
    ended_at: int | None


def members_of(opening: Opening, path: str = "") -> Iterator[tuple[str, Member]]:
    """(names of the members that it is in, and its own; member) of all members, those of archives within it, too."""
    for member in opening.members:
        yield f"{path}{member.name}", member
        if member.opening:
            yield from members_of(member.opening, f"{path}{member.name}!")


@dataclass
class _Node:
    """An archive that is being opened. `given`: plain bytes that the outermost one gives, and its size."""

    content: Content
    size: int
    given: list[int]
    survey: Survey | None = None
    taken: dict[int, Taken] = field(default_factory=dict)
    inner: dict[int, "_Node"] = field(default_factory=dict)


Archives = Sequence[tuple[int, Content]]


class ArchiveOpener:
    """Opens archives. `pool` does the work, `files` are names of files for plain bytes."""

    def __init__(self, pool: Executor, files: Iterator[Path], progress: Progress) -> None:
        self._pool = pool
        self._files = files
        self._progress = progress
        self._surveys: dict[Content, Survey | None] = {}
        self._taken: dict[tuple[Content, int, frozenset[str] | None], Taken] = {}

    def open(
        self, base: Archives, target: Archives, features: frozenset[str]
    ) -> tuple[dict[int, Opening], dict[int, Opening]]:
        """Place -> opening, of those contents that are archives, for both sides.

        `features`: those of the engines that may be used. Raises InputError if a file cannot be read.
        """
        sides = [[(place, node) for place, node in _nodes(archives)] for archives in (base, target)]
        self._progress.start("looking for archives", sum(map(len, sides)), "files")
        levels = [[node for _, node in side] for side in sides]
        known: tuple[set[bytes], set[bytes]] = (set(), set())
        for depth in range(1, MAX_DEPTH + 1):
            self._survey([node for level in levels for node in level], is_counted=depth == 1)
            for level in levels:
                _drop_what_grows(level, depth)
            for level, hashes in zip(levels, known, strict=True):
                hashes.update(one.stored_hash for node in level if node.survey for one in node.survey.streams)
            jobs = []
            for side, level in enumerate(levels):
                wanted = features if side else None
                jobs += [(node, group, wanted) for node in level for group in _groups(node, known[1 - side])]
            self._take(jobs)
            levels = (
                [[inner for node in level for inner in _inner(node)] for level in levels] if depth < MAX_DEPTH else []
            )
        self._progress.finish()
        opened = [{place: _opening(node) for place, node in side if node.survey} for side in sides]
        return opened[0], opened[1]

    def _survey(self, nodes: list[_Node], is_counted: bool) -> None:
        new = [node.content for node in nodes if node.content not in self._surveys]
        jobs = [(content, next(self._files)) for content in dict.fromkeys(new)]
        sizes = [size_of(content) for content, _ in jobs]
        found = map_in_batches(self._pool, partial(call_with, survey), jobs, sizes)
        for (content, _), one in zip(jobs, found, strict=True):
            self._surveys[content] = one
            if is_counted:
                self._progress.advance(1)
        for node in nodes:
            node.survey = self._surveys[node.content]

    def _take(self, jobs: list[tuple[_Node, list[int], frozenset[str] | None]]) -> None:
        asked = []
        for node, group, features in jobs:
            streams = [node.survey.streams[number] for number in group] if node.survey else []
            new = [one for one in streams if (node.content, one.offset, features) not in self._taken]
            if new:
                asked.append((node.content, new, features, next(self._files)))
        sizes = [sum(one.size for one in streams) for _, streams, _, _ in asked]
        made = map_in_batches(self._pool, partial(call_with, take), asked, sizes)
        self._progress.start("opening archives", sum(sizes), "B")
        for (content, streams, features, _), size, taken in zip(asked, sizes, made, strict=True):
            self._progress.advance(size)
            self._taken |= {(content, one.offset, features): each for one, each in zip(streams, taken, strict=True)}
        for node, group, features in jobs:
            for number in group:
                if node.survey:
                    node.taken[number] = self._taken[node.content, node.survey.streams[number].offset, features]


def archives_among(contents: Iterable[tuple[int, Content]]) -> list[tuple[int, Content]]:
    """Those that may be archives. Raises InputError if one cannot be read."""
    return [(place, content) for place, content in contents if may_hold_streams(content)]


def _nodes(archives: Archives) -> Iterator[tuple[int, _Node]]:
    for place, content in archives:
        size = size_of(content)
        yield place, _Node(content, size, [0, size])


def _drop_what_grows(level: list[_Node], depth: int) -> None:
    """Leaves those inner archives closed with which the outermost one would give too many bytes."""
    for node in level:
        size = sum(one.size for one in node.survey.streams) if node.survey else 0
        given, outermost = node.given
        if depth > 1 and given + size > MAX_NESTED_RATIO * outermost:
            node.survey = None
        else:
            node.given[0] += size


def _groups(node: _Node, known: set[bytes]) -> Iterator[list[int]]:
    """The members to take, in groups that a worker takes at one time."""
    streams = node.survey.streams if node.survey else ()
    numbers = [n for n, one in enumerate(streams) if one.stored_hash not in known and not _grows(one)]
    group: list[int] = []
    filled = 0
    for number in numbers:
        if group and filled + streams[number].size > GROUP_BYTES:
            yield group
            group, filled = [], 0
        group.append(number)
        filled += streams[number].size
    if group:
        yield group


def _grows(one: FoundStream) -> bool:
    return one.size > LARGE_BYTES and one.size > MAX_GROWTH * one.length


def _inner(node: _Node) -> Iterator[_Node]:
    for number, taken in node.taken.items():
        if node.survey and node.survey.streams[number].may_hold_more:
            node.inner[number] = _Node(taken.content, size_of(taken.content), node.given)
            yield node.inner[number]


def _opening(node: _Node) -> Opening:
    survey = node.survey
    assert survey is not None  # noqa: S101 - asked for archives alone
    members = tuple(_member(node, number, one) for number, one in enumerate(survey.streams))
    share = LEAST_SHARE_OF_PROGRAM if survey.is_program else LEAST_SHARE
    skeleton = survey.skeleton, survey.skeleton_size, survey.skeleton_hash
    return Opening(node.size, *skeleton, members, share, survey.ended_at)


def _member(node: _Node, number: int, one: FoundStream) -> Member:
    stored = stored_content(node.content, one)
    taken, inner = node.taken.get(number), node.inner.get(number)
    opening = _opening(inner) if inner and inner.survey else None
    content = taken.content if taken else Unpacked(stored, one.size, one.name, one.coding.unpack)
    engine = taken.engine if taken else None
    plain, packed = (content, one.size, one.hash), (stored, one.length, one.stored_hash)
    return Member(one.name, *plain, *packed, engine, _why(one), opening, one.coding)


def _why(one: FoundStream) -> str:
    """Why no engine gives this stream, where none does."""
    if _grows(one):
        return f"it unpacks to {one.size // one.length} times its size"
    if one.coding != Coding.DEFLATE:
        return f"no encoder of {one.coding.name.lower()} that is known gives its stream"
    if one.size > MAX_JOINED_BYTES:
        return f"it has {one.size:,} bytes: only zlib takes so many, and gives another stream; no shape was tried"
    return "no deflate engine gives its stream, and no shape of the base's is near to its own"

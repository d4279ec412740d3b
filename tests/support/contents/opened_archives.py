"""Archives in memory, opened as the builder opens them in files, and given back."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from bundle.archives import engines
from bundle.archives.codings import Coding
from bundle.archives.engines import ENGINE_FEATURES
from bundle.archives.headers import Facts, leave_out, put_back
from bundle.archives.skeleton import make_skeleton, rebuild
from bundle.archives.streams import PackedStream, Search, StreamTable
from bundle.archives.stretches import Cuts, Layout
from bundle.format.contents import read_content
from bundle.format.objects import MemoryObject
from bundle.write.openings import ArchiveOpener, Member, Opening
from tests.support.sites.site import QUIET

AMPLE = 1 << 30


def streams_in(data: bytes) -> list[PackedStream]:
    """The streams of an archive."""
    return list(Search(MemoryObject(data)).streams())


def skeleton_of(data: bytes) -> bytes:
    """Its skeleton, without any stream."""
    table = StreamTable()
    for stream in streams_in(data):
        table.add(stream)
    return b"".join(make_skeleton(MemoryObject(data), table))


def walked(rest: bytes, places: list[int], facts: list[Facts], is_back: bool = False) -> bytes:
    """The rest of an archive with differences for numbers, or the other way round."""
    way = put_back if is_back else leave_out
    gaps = [place - before for before, place in zip([0, *places], places, strict=False)]
    return b"".join(way(MemoryObject(rest), Layout(gaps, Cuts()), facts.__getitem__))


def engine_of(
    plain: bytes,
    stream: bytes,
    likely: int = 6,
    features: Collection[str] | None = None,
    coding: Coding = Coding.DEFLATE,
) -> int | None:
    """The engine that gives a stream."""
    return engines.find_engine(MemoryObject(plain), MemoryObject(stream), likely, features, coding)


def opened(directory: Path, old: bytes | None, new: bytes) -> tuple[Opening | None, Opening | None]:
    """The openings of an archive of the base and of one of the target. Each stands in a file of its own."""
    places = count(len(list(directory.iterdir())))
    paths = [directory / f"archive{next(places)}" for data in (old, new) if data is not None]
    for path, data in zip(reversed(paths), [new] if old is None else [new, old], strict=True):
        path.write_bytes(data)
    files = (directory / f"spill{number}" for number in places)
    base = [(1, path) for path in paths[:-1]]
    with ThreadPoolExecutor(1) as pool:
        of_base, of_target = ArchiveOpener(pool, files, QUIET).open(base, [(1, paths[-1])], ENGINE_FEATURES)
    return of_base.get(1), of_target.get(1)


def opened_target(data: bytes, directory: Path) -> Opening | None:
    """The opening of an archive of which the base has nothing. None if nothing of it can be made again."""
    found = opened(directory, None, data)[1]
    return found if found and any(member.engine for member in found.members) else None


def given_back(opening: Opening) -> bytes:
    """The archive, from the plain bytes of its members, those of archives among them given back first."""
    members = [_member(member) for member in opening.members]
    used = [member.engine or member.coding for member in opening.members]
    skeleton = MemoryObject(read_content(opening.skeleton))
    return b"".join(rebuild(skeleton, map(MemoryObject, members), used, AMPLE))


def _member(member: Member) -> bytes:
    if not member.engine:
        return read_content(member.stored)
    return given_back(member.opening) if member.opening else read_content(member.content)

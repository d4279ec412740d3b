"""Which deflate stream of the base one of the target is like, where no engine gives the target's back.

Streams are looked for in those archives of the base that have the target's label, or nearly so. A stream that is equal
goes first. Else the name of the member counts, and for streams without a name the content.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from bundle.archives.opening import BaseStream
from bundle.delta.sketch import MIN_SHARED, SKETCH_HASHES, sketch
from bundle.format.contents import Content, read_content, size_of
from bundle.write.catalog import blank

MAX_ARCHIVES = 8  # of the base, for one archive of the target
MAX_SKETCHED = 64  # streams that are compared by their content
_UNNAMED = re.compile(r"(.*!)?stream [0-9]+")


class BaseStreams:
    """The streams of some archives of the base. Workers get it with the archive that they open."""

    def __init__(self, streams: Sequence[BaseStream]) -> None:
        self._streams = streams

    def find(self, name: str, plain: bytes, stream: bytes) -> BaseStream | None:
        """The stream that is equal, or else that of the member which is most like this one."""
        for equal in self._by_length.get((len(plain), len(stream)), ()):
            if read_content(equal.stream) == stream:
                return equal
        if len(self._streams) > 1 and _UNNAMED.fullmatch(name) and (alike := self._alike(plain)):
            return alike
        named = self._by_name.get(name) or self._by_name.get(blank(name)) or []
        return min(named, key=lambda one: (abs(size_of(one.plain) - len(plain)), one.number), default=None)

    def likeness(self, new: Content, old: Content) -> float | None:
        """The share of content that one has of the other, from 0 to 1. None if it is too short to tell."""
        wanted = sketch(new)
        return len(wanted & sketch(old)) / len(wanted) if len(wanted) == SKETCH_HASHES else None

    def _alike(self, plain: bytes) -> BaseStream | None:
        wanted = sketch(plain)
        shared = [(len(wanted & values), -at) for at, values in enumerate(self._sketches)]
        count, at = max(shared, default=(0, 0))
        return self._streams[-at] if count >= MIN_SHARED else None

    @cached_property
    def _sketches(self) -> list[frozenset[int]]:
        return [sketch(stream.plain) for stream in self._streams[:MAX_SKETCHED]]

    @cached_property
    def _by_length(self) -> dict[tuple[int, int], list[BaseStream]]:
        found = defaultdict(list)
        for stream in self._streams:
            found[size_of(stream.plain), size_of(stream.stream)].append(stream)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[BaseStream]]:
        """By the name, and by the name with versions and hashes blanked."""
        found = defaultdict(list)
        for stream in self._streams:
            for key in {stream.name, blank(stream.name)}:
                found[key].append(stream)
        return found


class StreamIndex:
    """All streams of the base by the labels of their archives."""

    def __init__(self, streams: Mapping[str, Sequence[BaseStream]]) -> None:
        """`streams`: those of each archive, with those of archives within it."""
        self._by_key: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._streams = streams
        for label, of_archive in streams.items():
            size = sum(size_of(stream.stream) for stream in of_archive)
            for key in _keys(label):
                self._by_key[key].append((size, label))
        for archives in self._by_key.values():
            archives.sort()

    def like(self, label: str, size: int) -> BaseStreams | None:
        """What an archive of the target with that label, and so many bytes, may have streams of."""
        for key in _keys(label):
            if archives := self._by_key.get(key):
                at = max(0, bisect_left(archives, (size, "")) - MAX_ARCHIVES // 2)
                near = archives[at : at + MAX_ARCHIVES]
                return BaseStreams([stream for _, other in near for stream in self._streams[other]])
        return None


def _keys(label: str) -> list[str]:
    # One key may hold labels of another kind: it only has to find streams that are worth a look.
    return list(dict.fromkeys([label, blank(label), blank(PurePosixPath(label).name)]))

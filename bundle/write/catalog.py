"""The catalog of a base: every object that a recipe can start from, and which of them a target object is most like.

Tried in this order: the same hash, the same label, similar content, the same label with version numbers and hashes
blanked, the same name within any archive or none. A label is a path. For a member of an archive it is the archive's
label, `!` and the member's name.
"""

import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bundle.archives.counterparts import BaseStream
from bundle.delta.sketch import MIN_BYTES, MIN_SHARED, SketchIndex
from bundle.format.contents import Content
from bundle.format.index import MAX_BASE_OBJECTS
from bundle.write.openings import Opening

# "pandas-2.2.1" and "pandas-2.2.2" are one label then. So are "libssl_3" and "libssl_3_1", "app.1f3a9c07.js" and
# "app.77e0b2d4.js", "1.0rc1", "1.0" and "1.0.post1".
_HASH = r"(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?![0-9A-Za-z])"
_SUFFIX = r"[._-]?(?:alpha|beta|rc|post|dev|[abr])[._-]?\d+(?![0-9A-Za-z])"
_VARYING = re.compile(rf"{_HASH}|\d+(?:[._]\d+)*(?:{_SUFFIX})*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One object of the base, with its number (spec/format.md, F-32)."""

    number: int
    label: str
    size: int
    content: Content


@dataclass(frozen=True)
class Wanted:
    """An object of the target that looks for its counterpart. `size` in bytes."""

    label: str
    content: Content
    size: int


class Catalog:
    """Objects of a base by hash and by likeness. `opened`: the list of opened archives, as the index has it.

    `given_bytes`: for each object that they give, by number from the first, the room that it takes when it is used.
    `streams`: what archives were inflated from, by the label of the outermost one.
    """

    def __init__(self, entries: int, sketch_all: Callable[[list[Content]], Iterable[frozenset[int]]]) -> None:
        """`entries`: objects of the base before any archive is opened, its manifest included.

        `sketch_all` makes the sketches of many contents, in their order.
        """
        self._sketch_all = sketch_all
        self.count = entries
        self.entries = entries
        self.opened: list[int] = []
        self.given_bytes = array("Q")
        self.streams: dict[str, list[BaseStream]] = {}
        self._by_hash: dict[bytes, Candidate] = {}
        self._stored: dict[bytes, Candidate] = {}  # streams of archives as they stand
        self._by_key: dict[str, list[Candidate]] = defaultdict(list)
        self._ordered_keys: dict[str, list[Candidate]] = {}

    def add(self, candidate: Candidate, digest: bytes) -> None:
        """Adds an object."""
        self._by_hash.setdefault(digest, candidate)
        for key in _keys(candidate.label):
            self._by_key[key].append(candidate)

    def add_archive(self, number: int, label: str, opening: Opening, within: tuple[str, str] | None = None) -> None:
        """Adds what an archive gives, and what archives among its members give.

        `within`: the label of the outermost archive, and the names of the members that this one is in.
        """
        outermost, path = within or (label, "")
        # What one archive gives has consecutive numbers [F-32]. So archives among its members follow after all of that.
        given = 1 + 2 * len(opening.members)
        if self.count + given > MAX_BASE_OBJECTS:
            return
        first, self.count = self.count, self.count + given
        self.opened += [number, given]
        self.given_bytes.extend([opening.skeleton_size, *(member.size for member in opening.members)])
        self.given_bytes.extend([0] * len(opening.members))
        skeleton = Candidate(first, skeleton_label(label), opening.skeleton_size, opening.skeleton)
        self.add(skeleton, opening.skeleton_hash)
        for at, member in enumerate(opening.members, first + 1):
            self.add(Candidate(at, f"{label}!{member.name}", member.size, member.content), member.hash)
            if member.may_have_shape:
                stream = BaseStream(at, f"{path}{member.name}", member.content, member.stored)
                self.streams.setdefault(outermost, []).append(stream)
        for at, member in enumerate(opening.members, first + 1 + len(opening.members)):
            stored = Candidate(at, stored_label(f"{label}!{member.name}"), member.stored_size, member.stored)
            self._stored.setdefault(member.stored_hash, stored)
            self._by_key[stored.label].append(stored)
        for at, member in enumerate(opening.members, first + 1):
            if member.opening:
                inner = (outermost, f"{path}{member.name}!")
                self.add_archive(at, f"{label}!{member.name}", member.opening, inner)

    def same(self, digest: bytes) -> Candidate | None:
        """The object with that hash."""
        return self._by_hash.get(digest) or self._stored.get(digest)

    def stored(self, digest: bytes) -> Candidate | None:
        """The stream of an archive with that hash."""
        return self._stored.get(digest)

    def like(self, wanted: Sequence[Wanted]) -> list[Candidate | None]:
        """For each of the objects the one of the base that it is most like. Raises InputError if a file cannot be read.

        What has the same label is the same file. Else content goes before a name: names of which only a number or a
        hash is another collide often.
        """
        found = [self._named(_keys(one.label)[:1], one.size) for one in wanted]
        unnamed = [at for at, one in enumerate(wanted) if not found[at] and _may_be_alike(one.label, one.size)]
        if unnamed and self._by_hash:
            contents = [wanted[at].content for at in unnamed]
            for at, values in zip(unnamed, self._sketch_all(contents), strict=True):
                found[at] = self._alike(values, wanted[at])
        return [known or self._named(_keys(one.label)[1:], one.size) for known, one in zip(found, wanted, strict=True)]

    def _named(self, keys: Sequence[str], size: int) -> Candidate | None:
        """The object under the first of these keys that has one. Of several the nearest in size, then the first."""
        for key in keys:
            if key in self._by_key:
                return _nearest(self._ordered(key), size)
        return None

    def _ordered(self, key: str) -> list[Candidate]:
        """The objects under a key by size and number, ordered once: a key may have thousands, as tiles of a map do."""
        ordered = self._ordered_keys.get(key)
        if ordered is None or len(ordered) != len(self._by_key[key]):
            ordered = sorted(self._by_key[key], key=lambda other: (other.size, other.number))
            self._ordered_keys[key] = ordered
        return ordered

    def _alike(self, values: frozenset[int], wanted: Wanted) -> Candidate | None:
        """The object that shares most of its content, for files that moved or were renamed, and changed."""
        keys = set(_keys(wanted.label))
        places, counts = self._sketches.shared_with(values)
        found = [
            (-count, keys.isdisjoint(_keys(self.objects[at].label)), abs(self.objects[at].size - wanted.size), at)
            for at, count in zip(places.tolist(), counts.tolist(), strict=True)
            if count >= MIN_SHARED
        ]
        return self.objects[min(found)[3]] if found else None

    @cached_property
    def objects(self) -> list[Candidate]:
        """Every object once, by number."""
        return sorted(self._by_hash.values(), key=lambda candidate: candidate.number)

    @cached_property
    def _sketches(self) -> SketchIndex:
        """The sketches of all objects, by where they stand in `objects`."""
        # To sketch means to read the whole base, so it waits for an object that has no counterpart by its label.
        long = [at for at, candidate in enumerate(self.objects) if _may_be_alike(candidate.label, candidate.size)]
        return SketchIndex(zip(long, self._sketch_all([self.objects[at].content for at in long]), strict=True))


def skeleton_label(label: str) -> str:
    """The label of an archive's skeleton. No file and no member has such a one."""
    return f"{label}!!"


def stored_label(label: str) -> str:
    """The label of a member's stream as it stands. It is matched as a skeleton is: by its name alone."""
    return f"{label}!!!"


def blank(label: str) -> str:
    """The label with every version number, such as 2.2.1, and every hash of 8 digits or more as one '#'."""
    return _VARYING.sub("#", label)


def _keys(label: str) -> list[str]:
    """The keys of a label, the closest first."""
    # Every skeleton would have the same third key. They are alike only under similar names.
    if label.endswith("!!"):
        return [label, blank(label)]
    return [label, blank(label), f"!{blank(label.rsplit('!', 1)[-1])}"]


def _may_be_alike(label: str, size: int) -> bool:
    # A skeleton is mostly names and sizes that any other of its kind has, too.
    return size >= MIN_BYTES and not label.endswith("!!")


def _nearest(ordered: list[Candidate], size: int) -> Candidate:
    """The one nearest in size, of those the one with the lowest number."""
    at = bisect_left(ordered, size, key=lambda other: other.size)
    near = ordered[at : at + 1]
    if at:
        near.append(ordered[bisect_left(ordered, ordered[at - 1].size, key=lambda other: other.size)])
    return min(near, key=lambda other: (abs(other.size - size), other.number))

"""The catalog of a base: every object that a recipe can start from, and which of them a target object is most like.

Tried in this order: the same hash, the same label, the same label with version numbers blanked, the same name within
any archive or none, similar content. A label is a path. For a member of an archive it is the archive's label, `!` and
the member's name.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from bundle.archives.opening import Opening
from bundle.delta.sketch import MIN_BYTES, MIN_SHARED, sketch
from bundle.format.contents import Content

# "pandas-2.2.1" and "pandas-2.2.2" are one label then; "libssl_3" and "libssl_3_1" are, too.
_DIGITS = re.compile(r"\d+(?:[._]\d+)*")


@dataclass(frozen=True)
class Candidate:
    """One object of the base, with its number (spec/format.md, F-32)."""

    number: int
    label: str
    size: int
    content: Content


class Catalog:
    """Objects of a base by hash and by likeness. `opened`: the list of opened archives, as the index has it.

    `given_bytes`: for each of them, the bytes of all that it gives.
    """

    def __init__(self, entries: int, sketch_all: Callable[[list[Content]], Iterable[frozenset[int]]]) -> None:
        """`entries`: objects of the base before any archive is opened, its manifest included.

        `sketch_all` makes the sketches of many contents, in their order.
        """
        self._sketch_all = sketch_all
        self.count = entries
        self.entries = entries
        self.opened: list[int] = []
        self.given_bytes: list[int] = []
        self._by_hash: dict[bytes, Candidate] = {}
        self._by_key: dict[str, list[Candidate]] = defaultdict(list)

    def add(self, candidate: Candidate, digest: bytes) -> None:
        """Adds an object."""
        self._by_hash.setdefault(digest, candidate)
        for key in _keys(candidate.label):
            self._by_key[key].append(candidate)

    def add_archive(self, number: int, label: str, opening: Opening) -> None:
        """Adds the members of an archive, and those of archives among them."""
        # What one archive gives has consecutive numbers [F-32]. So archives among its members follow after all members.
        first = self.count
        self.opened += [number, len(opening.members) + 1]
        self.given_bytes.append(len(opening.skeleton) + sum(member.size for member in opening.members))
        self.count += len(opening.members) + 1
        skeleton = Candidate(first, skeleton_label(label), len(opening.skeleton), opening.skeleton)
        self.add(skeleton, sha256(opening.skeleton).digest())
        for at, member in enumerate(opening.members, first + 1):
            self.add(Candidate(at, f"{label}!{member.name}", member.size, member.content), member.hash)
        for at, member in enumerate(opening.members, first + 1):
            if member.opening:
                self.add_archive(at, f"{label}!{member.name}", member.opening)

    def same(self, digest: bytes) -> Candidate | None:
        """The object with that hash."""
        return self._by_hash.get(digest)

    def like(self, label: str, content: Content, size: int) -> Candidate | None:
        """The object that one with this label, content and size in bytes is most like.

        Raises InputError if a file cannot be read.
        """
        # A name goes before content: it costs no look into files, and whoever names a file the same means the same. Of
        # several with one name the one of the most similar size is taken, and the number makes the choice one alone.
        for key in _keys(label):
            if found := self._by_key.get(key):
                return min(found, key=lambda other: (abs(other.size - size), other.number))
        return self._alike(content, size) if size >= MIN_BYTES else None

    def _alike(self, content: Content, size: int) -> Candidate | None:
        """The object that shares most of its content: for files that moved or were renamed, and changed."""
        if not self._by_hash:
            return None
        shared = Counter(at for value in sketch(content) for at in self._sketches.get(value, ()))
        found = [(-count, abs(self._all[at].size - size), at) for at, count in shared.items() if count >= MIN_SHARED]
        return self._all[min(found)[2]] if found else None

    @cached_property
    def _all(self) -> list[Candidate]:
        return sorted(self._by_hash.values(), key=lambda candidate: candidate.number)

    @cached_property
    def _sketches(self) -> dict[int, list[int]]:
        """Hash of a window -> where in `_all` the objects stand that have it."""
        # To sketch means to read the whole base, so it waits for an object that has no counterpart by name.
        sketches: dict[int, list[int]] = defaultdict(list)
        long = [(at, candidate.content) for at, candidate in enumerate(self._all) if candidate.size >= MIN_BYTES]
        for (at, _), values in zip(long, self._sketch_all([content for _, content in long]), strict=True):
            for value in values:
                sketches[value].append(at)
        return sketches


def skeleton_label(label: str) -> str:
    """The label of an archive's skeleton. No file and no member has such a one."""
    return f"{label}!!"


def blank(label: str) -> str:
    """The label with every version number, such as 2.2.1, as one '#'."""
    return _DIGITS.sub("#", label)


def _keys(label: str) -> list[str]:
    """The keys of a label, the closest first."""
    # Every skeleton would have the same third key. They are alike only under similar names.
    if label.endswith("!!"):
        return [label, blank(label)]
    return [label, blank(label), f"!{blank(label.rsplit('!', 1)[-1])}"]

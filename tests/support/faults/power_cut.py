"""What a disk may hold after a power cut: a run's own system calls, replayed as far as a file system promises.

`Recording.after` builds the disk as it may be found when the power went after so many of them: what was synced is
there. Of the rest, changes of names may be kept up to any one of them, in all directories together or in each by
itself, and data may be lost, be zeros, or be torn. The model is no kinder than POSIX: a sync of a file does not keep
its name, a sync of a directory keeps no file's data. What stood there before the run is taken as durable.
"""

import itertools
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.support.faults.traced_command import Ended

Names = Literal["synced", "all", "some", "some of each"]
Data = Literal["synced", "zeros", "torn", "any"]


@dataclass
class Node:
    """A file, a link or a directory, whatever its name; as it was before the run."""

    mode: int
    content: bytes = b""
    names: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Renaming:
    """A change of names: (directory, name) to take away, and (directory, name, node) to put there."""

    gone: tuple[int, str] | None
    put: tuple[int, str, int] | None

    @property
    def directories(self) -> set[int]:
        return {place[0] for place in (self.gone, self.put) if place}


@dataclass(frozen=True)
class Writing:
    """Bytes of a file at an offset, or, without them, its new length."""

    node: int
    offset: int
    data: bytes | None


@dataclass(frozen=True)
class Syncing:
    """A sync of one node, or of everything."""

    node: int | None


Step = Renaming | Writing | Syncing


@dataclass
class Recording:
    """The site before a run (node 0 is its root), and what the run did to it, step by step."""

    nodes: list[Node]
    steps: list[Step]
    ended: Ended

    def after(self, count: int, names: Names, data: Data, random: Random) -> "Disk":
        """A disk as a cut after `count` steps may leave it."""
        done = self.steps[:count]
        kept = {node: dict(found.names) for node, found in enumerate(self.nodes)}
        for step in _kept_names(done, names, random):
            if step.gone:
                kept[step.gone[0]].pop(step.gone[1], None)
            if step.put:
                kept[step.put[0]][step.put[1]] = step.put[2]
        synced, unsynced = _writings(done)
        contents = {}
        for node in _reached(kept):
            if stat.S_ISREG(self.nodes[node].mode):
                how = random.choice(("synced", "zeros", "torn")) if data == "any" else data
                durable = _written(self.nodes[node].content, synced.get(node, ()))
                contents[node] = _kept_data(durable, unsynced.get(node, ()), how, random)
        return Disk(self.nodes, kept, contents)


@dataclass
class Disk:
    """What is found: the names in each directory, and the contents of the files."""

    nodes: list[Node]
    names: dict[int, dict[str, int]]
    contents: dict[int, bytes]

    def write(self, directory: Path, node: int = 0) -> None:
        """Lays it out in a new directory."""
        directory.mkdir()
        for name, found in self.names[node].items():
            place, mode = directory / name, self.nodes[found].mode
            if stat.S_ISDIR(mode):
                self.write(place, found)
            elif stat.S_ISLNK(mode):
                place.symlink_to(os.fsdecode(self.nodes[found].content))
            else:
                place.write_bytes(self.contents[found])
                place.chmod(stat.S_IMODE(mode))

    @property
    def fingerprint(self) -> int:
        """Equal for equal disks."""
        places = tuple((node, tuple(sorted(names.items()))) for node, names in self.names.items())
        return hash((places, tuple(sorted(self.contents.items()))))


def _kept_names(done: Sequence[Step], names: Names, random: Random) -> list[Renaming]:
    changes = [(place, step) for place, step in enumerate(done) if isinstance(step, Renaming)]
    synced: dict[int, int] = {}  # by directory: how many steps were done when it was synced last
    for place, step in enumerate(done):
        if isinstance(step, Syncing):
            everything = {directory for _, change in changes for directory in change.directories}
            synced |= dict.fromkeys(everything if step.node is None else {step.node}, place)
    durable = {p for p, step in changes if any(synced.get(d, -1) > p for d in step.directories)}
    if names == "some of each":
        cuts = {d: random.randint(synced.get(d, 0), len(done)) for _, step in changes for d in sorted(step.directories)}
        return [step for p, step in changes if p in durable or all(p < cuts[d] for d in step.directories)]
    first = max(durable, default=-1) + 1
    cut = {"synced": first, "all": len(done), "some": random.randint(first, len(done))}[names]
    return [step for p, step in changes if p < cut]


def _writings(done: Sequence[Step]) -> tuple[dict[int, list[Writing]], dict[int, list[Writing]]]:
    """By file: what was written and synced, and what was not."""
    synced: dict[int, list[Writing]] = {}
    unsynced: dict[int, list[Writing]] = {}
    for step in done:
        if isinstance(step, Writing):
            unsynced.setdefault(step.node, []).append(step)
        elif isinstance(step, Syncing):
            for node in [step.node] if step.node is not None else list(unsynced):
                synced.setdefault(node, []).extend(unsynced.pop(node, ()))
    return synced, unsynced


def _kept_data(durable: bytes, pending: Sequence[Writing], how: str, random: Random) -> bytes:
    if how == "torn":
        return _written(durable, [step for step in pending if random.random() < 0.5])
    if how == "zeros":
        length = len(_written(durable, pending))
        return durable[:length].ljust(length, b"\0")
    return durable


def _written(before: bytes, steps: Sequence[Writing]) -> bytes:
    content = bytearray(before)
    for step in steps:
        if len(content) < step.offset:
            content.extend(bytes(step.offset - len(content)))
        if step.data is None:
            del content[step.offset :]
        else:
            content[step.offset : step.offset + len(step.data)] = step.data
    return bytes(content)


def _reached(names: dict[int, dict[str, int]]) -> list[int]:
    found = [0]
    for node in found:  # grows while it is walked
        found += names[node].values()
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Cut:
    """After how many steps, what was kept, and the seed of what is drawn."""

    steps: int
    names: Names
    data: Data
    seed: int


_KINDS: tuple[tuple[Names, Data], ...] = (
    ("synced", "synced"),
    ("all", "synced"),
    ("all", "zeros"),
    ("some", "torn"),
    ("some of each", "any"),
)


def cuts(recording: Recording, seed: int, at_most: int) -> list[Cut]:
    """Cuts that leave different disks: one that loses all it can when the run is over, and others drawn by the seed."""
    end = Cut(len(recording.steps), "synced", "synced", seed)
    candidates = list(itertools.product(range(len(recording.steps) + 1), _KINDS))
    Random(seed).shuffle(candidates)
    seen: set[int] = set()
    chosen = []
    for cut in [end, *(Cut(steps, *kind, seed + steps) for steps, kind in candidates)]:
        fingerprint = recording.after(cut.steps, cut.names, cut.data, Random(cut.seed)).fingerprint
        if fingerprint not in seen:
            seen.add(fingerprint)
            chosen.append(cut)
        if len(chosen) == at_most:
            break
    return chosen

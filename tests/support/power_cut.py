"""What a disk may hold after a power cut: a run's own system calls, replayed as far as a file system promises.

`record` makes a run and keeps its calls with their data. `Recording.after` builds the disk as it may be found when the
power went after so many of them: what was synced is there. Of the rest, changes of names may be kept up to any one of
them, in all directories together or in each by itself, and data may be lost, be zeros, or be torn. The model is no
kinder than POSIX: a sync of a file does not keep its name, a sync of a directory keeps no file's data.
"""

import itertools
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.support.doomed import Ended, traced

_TRACED = (
    "open openat creat close write pwrite64 lseek ftruncate fsync fdatasync syncfs rename renameat renameat2 link "
    "linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir clone clone3 fallocate writev copy_file_range"
)
_LINE = re.compile(r"^(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$")
_RESULT = re.compile(r"^(.*)\)\s+= (-?\d+)(?: .*)?$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

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


def record(arguments: Sequence[object], site: Path, log: Path, change: Callable[[], None] | None = None) -> Recording:
    """Makes the run, and reads what it did below `site`; `change` is called in its process first."""
    recorder = _Recorder(site)
    options = ["-xx", "-s", "100000000", "-e", "trace=" + ",".join(f"?{name}" for name in _TRACED.split())]
    ended = traced(arguments, options, log, change)
    for call, text, result in _calls(log):
        if result >= 0:
            recorder.take(call, text, result)
    log.unlink()
    return Recording(recorder.nodes, recorder.steps, ended)


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


class _Recorder:
    """Follows the run's calls, from names and descriptors to nodes."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self.nodes: list[Node] = []
        self.steps: list[Step] = []
        self._live: dict[int, dict[str, int]] = {}
        self._open: dict[int, tuple[int, int]] = {}  # descriptor: node, offset
        self._read(site)

    def _read(self, path: Path) -> int:
        status = path.lstat()
        content = b""
        if stat.S_ISLNK(status.st_mode):
            content = os.fsencode(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        node = self._new(status.st_mode, content)
        if stat.S_ISDIR(status.st_mode):
            self._live[node] = {child.name: self._read(child) for child in path.iterdir()}
            self.nodes[node].names = dict(self._live[node])
        return node

    def _new(self, mode: int, content: bytes = b"") -> int:
        self.nodes.append(Node(mode, content))
        self._live[len(self.nodes) - 1] = {}
        return len(self.nodes) - 1

    def take(self, call: str, text: str, result: int) -> None:
        """One call that succeeded."""
        paths = [os.fsdecode(bytes.fromhex(found.replace("\\x", ""))) for found in _TEXT.findall(text)]
        number = int(re.match(r"-?\d+", text)[0]) if re.match(r"-?\d+", text) else -1
        if call in ("open", "openat", "creat"):
            self._opened(paths[0], text, result, call == "creat")
        elif call.startswith("rename"):
            self._renamed(*paths)
        elif call.startswith("link"):
            self._put(paths[1], self._node(paths[0]))
        elif call.startswith("symlink"):
            self._put(paths[1], None, stat.S_IFLNK | 0o777, os.fsencode(paths[0]))
        elif call.startswith("mkdir"):
            self._put(paths[0], None, stat.S_IFDIR | 0o755)
        elif call.startswith("unlink") or call == "rmdir":
            self._take_away(paths[0])
        elif call == "syncfs":
            self.steps.append(Syncing(None))
        elif call == "close":
            self._open.pop(number, None)
        elif number in self._open:
            self._on_open(call, text, number, result)

    def _on_open(self, call: str, text: str, number: int, result: int) -> None:
        node, offset = self._open[number]
        last = int(text.rpartition(",")[2]) if call in ("pwrite64", "ftruncate") else 0
        if call in ("fsync", "fdatasync"):
            self.steps.append(Syncing(node))
        elif call == "lseek":
            self._open[number] = node, result
        elif call == "ftruncate":
            self.steps.append(Writing(node, last, None))
        elif call in ("write", "pwrite64"):
            data = bytes.fromhex(_TEXT.findall(text)[0].replace("\\x", ""))[:result]
            self.steps.append(Writing(node, last if call == "pwrite64" else offset, data))
            if call == "write":
                self._open[number] = node, offset + result
        else:
            raise NotImplementedError(f"{call} is not in the model")

    def _opened(self, path: str, text: str, descriptor: int, created: bool) -> None:
        self._open.pop(descriptor, None)
        if not self._place(path):
            return
        node = self._node(path)
        if node is None:
            mode = int(text.rpartition(",")[2], 8) & ~0o022
            node = self._put(path, None, stat.S_IFREG | mode)
        elif created or "O_TRUNC" in text:
            self.steps.append(Writing(node, 0, None))
        self._open[descriptor] = node, 0

    def _renamed(self, source: str, destination: str) -> None:
        gone, put, node = self._place(source), self._place(destination), self._node(source)
        if gone and put and node is not None:
            del self._live[gone[0]][gone[1]]
            self._live[put[0]][put[1]] = node
            self.steps.append(Renaming(gone, (*put, node)))

    def _put(self, path: str, node: int | None, mode: int = 0, content: bytes = b"") -> int:
        place = self._place(path)
        if not place:
            return -1
        node = self._new(mode, content) if node is None else node
        self._live[place[0]][place[1]] = node
        self.steps.append(Renaming(None, (*place, node)))
        return node

    def _take_away(self, path: str) -> None:
        if place := self._place(path):
            del self._live[place[0]][place[1]]
            self.steps.append(Renaming(place, None))

    def _place(self, path: str) -> tuple[int, str] | None:
        """Directory and name; None outside the site."""
        below = os.path.relpath(path, self._site)
        if not Path(path).is_absolute() or below.startswith(".."):
            return None
        node = 0
        parents, name = os.path.split(below)
        for parent in filter(None, parents.split("/")):
            node = self._live[node][parent]
        return node, name

    def _node(self, path: str) -> int | None:
        place = self._place(path)
        if place is None:
            return None
        return place[0] if place[1] == "." else self._live[place[0]].get(place[1])


def _calls(log: Path) -> list[tuple[str, str, int]]:
    """Calls of the run's own process and its threads, in the order in which they ended: name, arguments, result."""
    found: list[tuple[str, str, int]] = []
    threads: set[str] = set()
    begun: dict[str, str] = {}
    for match in filter(None, map(_LINE.match, log.read_text(errors="surrogateescape").splitlines())):
        thread, call, text, resumed, rest = match.groups()
        threads = threads or {thread}
        if resumed == "close":
            continue
        if resumed:
            call, text = resumed, begun.pop(thread, "") + rest
        elif text.endswith(" <unfinished ...>"):
            begun[thread] = text.removesuffix(" <unfinished ...>")
            if call != "close":
                continue
            text = f"{begun[thread]}) = 0"  # from here on another thread may get this descriptor
        ended = _RESULT.match(text)
        if not ended or thread not in threads:
            continue
        if call.startswith("clone") and "CLONE_THREAD" in text:
            threads.add(ended[2])
        found.append((call, ended[1], int(ended[2])))
    return found


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

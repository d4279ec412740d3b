"""A run's changes to its site, step by step, read from the system calls that strace saw: for `power_cut`."""

import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.faults.power_cut import Node, Recording, Renaming, Step, Syncing, Writing
from tests.support.faults.traced_command import traced

_TRACED = (
    "open openat creat close write pwrite64 lseek ftruncate fsync fdatasync syncfs rename renameat renameat2 link "
    "linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir clone clone3 fallocate writev copy_file_range"
)
_LINE = re.compile(r"^(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$")
_RESULT = re.compile(r"^(.*)\)\s+= (-?\d+)(?: .*)?$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_NAME = re.compile(r'(?:(\d+), )?"((?:\\x[0-9a-f]{2})*)"')  # after the descriptor of its directory, if it has one
_Name = tuple[int | None, str]


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
        paths: list[_Name] = [
            (int(directory) if directory else None, os.fsdecode(bytes.fromhex(name.replace("\\x", ""))))
            for directory, name in _NAME.findall(text)
        ]
        digits = re.match(r"-?\d+", text)
        number = int(digits[0]) if digits else -1
        if call in ("open", "openat", "creat"):
            self._opened(paths[0], text, result, call == "creat")
        elif call.startswith("rename"):
            self._renamed(*paths)
        elif call.startswith("link"):
            self._put(paths[1], self._node(paths[0]))
        elif call.startswith("symlink"):
            self._put(paths[1], None, stat.S_IFLNK | 0o777, os.fsencode(paths[0][1]))
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

    def _opened(self, path: _Name, text: str, descriptor: int, created: bool) -> None:
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

    def _renamed(self, source: _Name, destination: _Name) -> None:
        gone, put, node = self._place(source), self._place(destination), self._node(source)
        if gone and put and node is not None:
            del self._live[gone[0]][gone[1]]
            self._live[put[0]][put[1]] = node
            self.steps.append(Renaming(gone, (*put, node)))

    def _put(self, path: _Name, node: int | None, mode: int = 0, content: bytes = b"") -> int:
        place = self._place(path)
        if not place:
            return -1
        node = self._new(mode, content) if node is None else node
        self._live[place[0]][place[1]] = node
        self.steps.append(Renaming(None, (*place, node)))
        return node

    def _take_away(self, path: _Name) -> None:
        if place := self._place(path):
            del self._live[place[0]][place[1]]
            self.steps.append(Renaming(place, None))

    def _place(self, named: _Name) -> tuple[int, str] | None:
        """Directory and name; None outside the site."""
        directory, path = named
        if directory is not None and not Path(path).is_absolute():
            return (self._open[directory][0], path) if directory in self._open else None
        below = os.path.relpath(path, self._site)
        if not Path(path).is_absolute() or below.startswith(".."):
            return None
        node = 0
        parents, name = os.path.split(below)
        for parent in filter(None, parents.split("/")):
            node = self._live[node][parent]
        return node, name

    def _node(self, path: _Name) -> int | None:
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

"""A Windows kernel in memory, as far as the junction switch uses one: its Kernel, with errors to order.

It refuses what NTFS refuses, with the codes of winerror.h, so that a switch which gets by here asks for nothing that
Windows would not do. After every call that changes something `watchers` are called: at those moments, and only then,
other programs could see the change.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import PureWindowsPath

from apply.current.junction import FILE_NOT_FOUND, NOT_A_REPARSE_POINT, PATH_NOT_FOUND, KernelError

ALREADY_EXISTS = 183
DIRECTORY_NOT_EMPTY = 145
NOT_A_DIRECTORY = 267
TAG_MISMATCH = 4394

DIRECTORY = b"directory"
FILE = b"file"


class FakeKernel:
    """Names (of any case) to what they are: DIRECTORY, FILE, or the bytes of a reparse point."""

    def __init__(self) -> None:
        self.nodes: dict[PureWindowsPath, bytes] = {PureWindowsPath("C:\\"): DIRECTORY}
        self.calls: list[str] = []
        self.watchers: list[Callable[[], None]] = []
        self._failures: dict[str, list[int]] = defaultdict(list)

    def fail(self, call: str, *codes: int) -> None:
        """The next calls of that name fail with these codes, one each."""
        self._failures[call] += codes

    def make_directories(self, path: str) -> None:
        for parent in (*reversed(PureWindowsPath(path).parents), PureWindowsPath(path)):
            self.nodes.setdefault(parent, DIRECTORY)

    def make_file(self, path: str) -> None:
        self.nodes[PureWindowsPath(path)] = FILE

    def names(self, path: str) -> set[str]:
        return {node.name for node in self._children(path)}

    def get_reparse_point(self, path: str) -> bytes:
        self._enter("get_reparse_point")
        node = self._node(path, "get_reparse_point")
        if node in (DIRECTORY, FILE):
            raise KernelError("get_reparse_point", NOT_A_REPARSE_POINT)
        return node

    def set_reparse_point(self, path: str, reparse_point: bytes) -> None:
        self._enter("set_reparse_point")
        node = self._node(path, "set_reparse_point")
        if node == FILE:
            raise KernelError("set_reparse_point", NOT_A_DIRECTORY)
        if node != DIRECTORY and node[:4] != reparse_point[:4]:
            raise KernelError("set_reparse_point", TAG_MISMATCH)
        if self._children(path):
            raise KernelError("set_reparse_point", DIRECTORY_NOT_EMPTY)
        self._change(lambda: self.nodes.update({PureWindowsPath(path): reparse_point}))

    def is_directory(self, path: str) -> bool:
        self._enter("is_directory")
        return self.nodes.get(PureWindowsPath(path)) == DIRECTORY

    def create_directory(self, path: str) -> None:
        self._enter("create_directory")
        self._refuse_taken(path, "create_directory")
        self._change(lambda: self.nodes.update({PureWindowsPath(path): DIRECTORY}))

    def remove_directory(self, path: str) -> None:
        self._enter("remove_directory")
        if self._node(path, "remove_directory") == FILE:
            raise KernelError("remove_directory", NOT_A_DIRECTORY)
        if self._children(path):
            raise KernelError("remove_directory", DIRECTORY_NOT_EMPTY)
        self._change(lambda: self.nodes.pop(PureWindowsPath(path)))

    def rename(self, source: str, destination: str) -> None:
        self._enter("rename")
        self._node(source, "rename")
        self._refuse_taken(destination, "rename")
        self._change(lambda: self._move(PureWindowsPath(source), PureWindowsPath(destination)))

    def flush(self, path: str) -> None:
        self._enter("flush")
        self._node(path, "flush")

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        if self._failures[call]:
            raise KernelError(call, self._failures[call].pop(0))

    def _node(self, path: str, call: str) -> bytes:
        place = PureWindowsPath(path)
        if place in self.nodes:
            return self.nodes[place]
        raise KernelError(call, FILE_NOT_FOUND if place.parent in self.nodes else PATH_NOT_FOUND)

    def _refuse_taken(self, path: str, call: str) -> None:
        place = PureWindowsPath(path)
        if place in self.nodes:
            raise KernelError(call, ALREADY_EXISTS)
        if place.parent not in self.nodes:
            raise KernelError(call, PATH_NOT_FOUND)

    def _children(self, path: str) -> list[PureWindowsPath]:
        return [node for node in self.nodes if node.parent == PureWindowsPath(path) and node != PureWindowsPath(path)]

    def _move(self, source: PureWindowsPath, destination: PureWindowsPath) -> None:
        self.nodes[destination] = self.nodes.pop(source)

    def _change(self, change: Callable[[], object]) -> None:
        change()
        for watcher in self.watchers:
            watcher()

"""Removing a whole tree by descriptors [A-110], also one in which another account moves things about meanwhile."""

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import Final

from bundle.host.directories import Directory
from bundle.host.files import ForeignFile, closed_on_error, is_real_directory, open_plain

# A directory that lies deeper goes up to the top first: nested ones take neither memory nor descriptors.
_DEPTH: Final = 32
_MOST_MOVES: Final = 100_000
# An account that goes on making files in a directory of its own must not keep a removal for ever.
_MOST_PASSES: Final = 100
# The entry is gone, or has become something else since it was listed: the next pass looks again.
_PASSING: Final = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST})


def remove_tree(path: Path) -> None:
    """Removes a file, a link or a whole directory, if it is there. Raises OSError, naming what stays.

    Links and junctions are removed, not what they point to. Read-only files and directories are no obstacle. Where a
    file system is mounted below, nothing is removed at all.
    """
    if mounted := mounted_below(path):
        raise OSError(errno.EBUSY, "a file system is mounted there; unmount it first", mounted)
    with contextlib.suppress(FileNotFoundError), Directory.open(path.parent) as parent:
        remove_entry(parent, path.name)


def remove_entry(parent: Directory, name: str) -> None:
    """The same for an entry of an open directory. Raises FileNotFoundError, too."""
    if not is_real_directory(parent.status(name)):
        parent.unlink(name)
        return
    try:
        with _entered(parent, name) as top:
            _Removal(top).run()
    except ForeignFile:  # it has become one since
        parent.unlink(name)
    else:
        parent.remove_directory(name)


def mounted_below(path: Path) -> str:
    """A mount point at the path or below it, "" for none. Of Linux only, which lists them in proc_pid_mountinfo(5)."""
    place = os.path.realpath(path.parent) + f"/{path.name}"
    with contextlib.suppress(OSError), open_plain(Path("/proc/self/mountinfo"), buffered=True) as file:
        for line in file:
            point = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), line.split()[4]))
            if point == place or point.startswith(f"{place}/"):
                return point
    return ""


class _Removal:
    """Empties one directory."""

    def __init__(self, top: Directory) -> None:
        self._top = top
        self._moves = 0

    def run(self) -> None:
        passes = 0
        while self._top.entries():
            moves = self._moves
            self._empty(self._top, 1)
            passes += moves == self._moves
            if passes >= _MOST_PASSES or self._moves >= _MOST_MOVES:
                raise OSError(errno.ENOTEMPTY, "another process keeps making files in it", os.fspath(self._top.path))

    def _empty(self, directory: Directory, depth: int) -> None:
        for name, is_directory in directory.entries():
            try:
                self._remove(directory, name, is_directory, depth)
            except ForeignFile:
                continue
            except OSError as error:
                if error.errno not in _PASSING:
                    raise

    def _remove(self, directory: Directory, name: str, is_directory: bool, depth: int) -> None:
        if not is_directory:
            directory.unlink(name)
            return
        with _entered(directory, name) as inner:
            if depth < _DEPTH:
                self._empty(inner, depth + 1)
        if depth < _DEPTH:
            directory.remove_directory(name)
        else:
            self._moves += 1
            directory.move(name, self._top, f".unrep-removed-{self._moves}")


def _entered(parent: Directory, name: str) -> Directory:
    """The directory, with all rights to it for its owner, who removes names from it only with them."""
    try:
        entered = parent.enter(name)
    except PermissionError:
        parent.unlock(name)
        entered = parent.enter(name)
    with closed_on_error(entered):
        mode = stat.S_IMODE(entered.own_status().st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            with contextlib.suppress(OSError):  # another account's; the removal tells
                entered.set_mode(mode | stat.S_IRWXU)
    return entered

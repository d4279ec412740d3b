"""The application's source: what of it belongs into a release, and its copy.

What `.gitignore` files ignore is left out, and so is what tools leave behind. As in gitignore(5), the deepest file that
decides wins, and an ignored directory is not entered. The rules of directories above the source count, too, up to the
top of its git work tree. What only one clone knows does not count: `.git/info/exclude` and the index. So an ignored
file stays out even if it was added by force.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bundle.host import presence
from bundle.host.directories import DIRECTORY_MODE, Descent, Directory
from bundle.host.files import is_name_surrogate, make_directory
from bundle.host.progress import Progress
from bundle.host.storage import is_full
from unrep.collect import gitignore
from unrep.errors import CollectError

CACHES = frozenset(
    {".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".eggs", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db"}
    | {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".coverage"}
)
CACHE_SUFFIXES = (".pyc", ".pyo")
VENV_MARK = "pyvenv.cfg"
CHUNK_BYTES = 1024 * 1024
FILE_MODE, EXECUTABLE_MODE = 0o644, 0o755


@dataclass(frozen=True)
class Rules:
    """The `.gitignore` files that hold in a directory, the deepest first."""

    levels: tuple[tuple[Path, tuple[gitignore.Rule, ...]], ...] = ()

    @classmethod
    def above(cls, source: Path) -> Self:
        """The rules from outside `source`; none if they ignore `source` as a whole, for it was asked for by name."""
        parents = list(source.parents)
        tops = [depth for depth, directory in enumerate(parents) if presence.exists(directory / ".git")]
        if not tops or presence.exists(source / ".git"):
            return cls()
        rules = cls()
        for directory in reversed(parents[: tops[0] + 1]):
            if directory != parents[tops[0]] and rules.ignore(directory, is_directory=True):
                return cls()
            rules = rules.entering(directory)
        return cls() if rules.ignore(source, is_directory=True) else rules

    def entering(self, directory: Path) -> Self:
        """The rules inside `directory`. Raises CollectError for a `.gitignore` that cannot be read."""
        path = directory / ".gitignore"
        if not presence.is_file(path) or path.is_symlink():
            return self
        try:
            rules = gitignore.parse(path.read_bytes())
        except OSError as error:
            raise _unreadable(path, error) from error
        return type(self)(((directory, rules), *self.levels))

    def ignore(self, path: Path, is_directory: bool) -> bool:
        """Whether the deepest rule that speaks of `path` ignores it."""
        for directory, rules in self.levels:
            verdict = gitignore.verdict(rules, path.relative_to(directory).as_posix(), is_directory)
            if verdict is not None:
                return verdict
        return False


@dataclass(frozen=True)
class SourceTree:
    """What a walk found: files and symbolic links that belong, and what was left out; relative, sorted as walked."""

    files: tuple[Path, ...]
    left_out: tuple[Path, ...]


def walk(source: Path, without: Callable[[Path], bool]) -> SourceTree:
    """Finds what belongs into a release, apart from paths that `without` names.

    Raises CollectError for what cannot be read and for what is neither file, directory nor symbolic link.
    """
    files: list[Path] = []
    left_out: list[Path] = []
    for path, belongs in _entries(source, Rules.above(source), without):
        (files if belongs else left_out).append(path.relative_to(source))
    return SourceTree(tuple(files), tuple(left_out))


def copy(source: Path, files: tuple[Path, ...], destination: Path, progress: Progress) -> None:
    """Copies files with one of two modes, and links as links.

    Raises CollectError for what cannot be read, and OSError for a full disk.
    """
    progress.start("copying the source", len(files), "files")
    make_directory(destination, DIRECTORY_MODE)
    with Descent(source) as origin, Descent(destination) as into:
        for relative in files:
            try:
                _copy_one(origin, into, relative.as_posix())
            except OSError as error:
                if is_full(error):
                    raise
                raise _unreadable(source / relative, error) from error
            progress.advance(1)
    progress.finish()


def _copy_one(origin: Descent, into: Descent, path: str) -> None:
    """By descriptors: a directory that becomes a link meanwhile brings nothing from outside in."""
    within, name = origin.to(path)
    beside, copied = into.to(path, make=True)
    if stat.S_ISLNK(within.status(name).st_mode):
        beside.link(within.target(name), copied)
        return
    with within.read(name) as file:
        is_executable = os.fstat(file.fileno()).st_mode & 0o100
        with beside.create(copied, EXECUTABLE_MODE if is_executable else FILE_MODE) as copy:
            shutil.copyfileobj(file, copy, CHUNK_BYTES)


def _entries(directory: Path, outer: Rules, without: Callable[[Path], bool]) -> Iterator[tuple[Path, bool]]:
    """Each file and link with True, and each entry that is left out with False."""
    try:
        with Directory.open(directory) as opened:
            entries = sorted((name, is_real, opened.status(name)) for name, is_real in opened.entries())
    except OSError as error:
        raise _unreadable(directory, error) from error
    rules = outer.entering(directory)
    for name, is_directory, status in entries:
        path = directory / name
        if without(path):
            continue
        if _is_cache(path, is_directory) or rules.ignore(path, is_directory):
            yield path, False
        elif is_directory:
            yield from _entries(path, rules, without)
        elif stat.S_ISLNK(status.st_mode) or (stat.S_ISREG(status.st_mode) and not is_name_surrogate(status)):
            yield path, True
        else:
            raise CollectError(f"{path}: neither file nor directory: remove it, or add it to a .gitignore")


def _is_cache(path: Path, is_directory: bool) -> bool:
    return path.name in CACHES or path.suffix in CACHE_SUFFIXES or (is_directory and presence.exists(path / VENV_MARK))


def _unreadable(path: Path, error: OSError) -> CollectError:
    advice = ": make it readable, or add it to a .gitignore" if isinstance(error, PermissionError) else ""
    return CollectError(f"{path}: cannot be copied: {error.strerror}{advice}")

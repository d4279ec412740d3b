"""The application's source: what of it belongs into a release, and its copy.

Left out are what `.gitignore` files ignore (gitignore(5): the deepest file that decides wins, a directory that is
ignored is not entered) and what tools leave behind. The rules of directories above the source count too, up to the top
of its git work tree. What only one clone knows does not: neither `.git/info/exclude` nor the index, so a file that a
rule ignores stays out even if it was added by force.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bundle.progress import Progress
from unrep import gitignore
from unrep.errors import CollectError

CACHES = frozenset(
    {".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".eggs", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db"}
    | {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".coverage"}
)
CACHE_SUFFIXES = (".pyc", ".pyo")
VENV_MARK = "pyvenv.cfg"
JUNCTION_TAG = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT, which only Windows defines
FILE_MODE, EXECUTABLE_MODE = 0o644, 0o755


@dataclass(frozen=True)
class Rules:
    """The `.gitignore` files that hold in a directory, the deepest first."""

    levels: tuple[tuple[Path, tuple[gitignore.Rule, ...]], ...] = ()

    @classmethod
    def above(cls, source: Path) -> Self:
        """The rules from outside `source`; none if they ignore `source` as a whole, for it was asked for by name."""
        parents = list(source.parents)
        tops = [depth for depth, directory in enumerate(parents) if (directory / ".git").exists()]
        if not tops or (source / ".git").exists():
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
        if not path.is_file() or path.is_symlink():
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
    """Copies files with one of two modes, and links as links. Raises CollectError for what cannot be read."""
    progress.start("copying the source", len(files), "files")
    for relative in files:
        try:
            _copy_one(source / relative, destination / relative)
        except OSError as error:
            raise _unreadable(source / relative, error) from error
        progress.advance(1)
    progress.finish()


def _copy_one(origin: Path, copied: Path) -> None:
    copied.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_symlink():
        copied.symlink_to(origin.readlink())
        return
    shutil.copyfile(origin, copied)
    copied.chmod(EXECUTABLE_MODE if origin.stat().st_mode & 0o100 else FILE_MODE)


def _entries(directory: Path, outer: Rules, without: Callable[[Path], bool]) -> Iterator[tuple[Path, bool]]:
    """Each file and link with True, and each entry that is left out with False."""
    try:
        with os.scandir(directory) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(directory, error) from error
    rules = outer.entering(directory)
    for entry in entries:
        path = directory / entry.name
        if without(path):
            continue
        is_directory = entry.is_dir(follow_symlinks=False) and not _is_junction(entry)
        if _is_cache(path, is_directory) or rules.ignore(path, is_directory):
            yield path, False
        elif is_directory:
            yield from _entries(path, rules, without)
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield path, True
        else:
            raise CollectError(f"{path}: neither file nor directory: remove it, or add it to a .gitignore")


def _is_junction(entry: "os.DirEntry[str]") -> bool:
    """Whether it is an NTFS junction, which passes for a directory (os.DirEntry.is_junction is 3.12+)."""
    return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == JUNCTION_TAG


def _is_cache(path: Path, is_directory: bool) -> bool:
    return path.name in CACHES or path.suffix in CACHE_SUFFIXES or (is_directory and (path / VENV_MARK).exists())


def _unreadable(path: Path, error: OSError) -> CollectError:
    advice = ": make it readable, or add it to a .gitignore" if isinstance(error, PermissionError) else ""
    return CollectError(f"{path}: cannot be copied: {error.strerror}{advice}")

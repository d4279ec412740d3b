"""Processes that read a site's `current` all the time, each for itself, while somebody moves it. POSIX.

A reader opens files by their path through `current`, as a web server does, and must find whole files of one of the
releases. It also opens the directory that `current` names, once, and reads all files in it, which must be of one
release. What it could not find is a miss; files of two releases, or of none, are a mixed tree.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from apply.current.opening import open_switch
from tests.support.repository import REPOSITORY

FILES = 12


@dataclass
class Sightings:
    """What readers saw, added up. seen: files by release. In `torn` are files that are whole in no release."""

    seen: dict[str, int] = field(default_factory=dict)
    files: int = 0
    trees: int = 0
    misses: int = 0
    mixed: int = 0
    torn: int = 0

    def add(self, other: "Sightings") -> None:
        """Those of one more reader."""
        for version, count in other.seen.items():
            self.seen[version] = self.seen.get(version, 0) + count
        for name in ("files", "trees", "misses", "mixed", "torn"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def make_site(site: Path, versions: Sequence[str]) -> None:
    """Versions whose files say which they are; `current` is the first of them."""
    for version in versions:
        for number in range(FILES):
            path = site / "versions" / version / "part" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(version), encoding="utf-8")
    open_switch(site).point_to(site / "versions" / versions[0])


def make_switches(site: Path, versions: Sequence[str], count: int) -> None:
    """Points `current` to one after the other, so many times."""
    switch = open_switch(site)
    for turn in range(1, count + 1):
        switch.point_to(site / "versions" / versions[turn % len(versions)])


@contextmanager
def watched(site: Path, versions: Sequence[str], readers: int) -> Iterator[Sightings]:
    """So many processes read while the block runs; afterwards the sightings are filled in."""
    command = [sys.executable, "-m", "tests.support.sites.readers", str(site), *versions]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY) for _ in range(readers)
    ]
    sightings = Sightings()
    try:
        for process in started:
            assert process.stdout and process.stdout.readline() == b"ready\n"
        yield sightings
        for process in started:
            printed, _ = process.communicate(b"stop\n")
            sightings.add(Sightings(**json.loads(printed)))
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _text(version: str) -> str:
    return f"{version}\n" + version * 1000


class _Reader:
    def __init__(self, site: Path, versions: Sequence[str]) -> None:
        self._current = site / "current"
        self._versions = {_text(version): version for version in versions}
        self.saw = Sightings()

    def look(self) -> None:
        """Reads every file by its path, and then a tree."""
        for number in range(FILES):
            self._file(f"{self._current}/part/{number}.txt", None)
        try:
            directory = os.open(self._current, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            self.saw.misses += 1
            return
        try:
            found = {self._file(f"part/{number}.txt", directory) for number in range(FILES)}
        finally:
            os.close(directory)
        self.saw.trees += 1
        self.saw.mixed += len(found) != 1

    def _file(self, path: str, directory: int | None) -> str:
        try:
            file = os.open(path, os.O_RDONLY, dir_fd=directory)
        except OSError:
            self.saw.misses += 1
            return "missing"
        with open(file, encoding="utf-8") as opened:
            version = self._versions.get(opened.read(), "")
        self.saw.files += 1
        self.saw.torn += not version
        self.saw.seen[version] = self.saw.seen.get(version, 0) + 1
        return version


def main() -> None:
    """One reader, until a line comes on standard input."""
    import select  # of pipes only on POSIX

    reader = _Reader(Path(sys.argv[1]), sys.argv[2:])
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        reader.look()
    print(json.dumps(vars(reader.saw)))


if __name__ == "__main__":
    main()

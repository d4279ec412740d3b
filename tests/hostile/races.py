"""Every walk of a tree against an account that swaps one of its directories for a link out: `make races`.

    python -m tests.hostile.races [ROUNDS]

Each round makes a tree in which `logs` is another account's, lets that account swap `logs/cache` with a link to a
directory outside, and walks the tree as the product does. Printed for each walk: rounds, the rounds in which it met a
swap, and the bytes outside that were changed or brought in, which must be 0.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from apply.errors import AboardError, BaseDrifted
from apply.rebuild.copies import Copies, Copying
from apply.rebuild.installed import verify_tree
from bundle.errors import BundleError
from bundle.format.manifest import TreeManifest
from bundle.host import durable
from bundle.host.blocks import Sharing
from bundle.host.directories import Descent
from bundle.host.files import write_anew
from bundle.host.progress import Quiet
from bundle.host.removal import remove_tree
from bundle.read.tree import DirectoryBase, scan
from tests.support.sites.directory_swapper import give_to_nobody, racing, seen
from unrep.collect import source_tree
from unrep.errors import CollectError

OUTSIDE = b"from outside"
INSIDE = b"inside"
FILES = 24
Walk = Callable[[Path, TreeManifest, Path], None]


@dataclass
class Result:
    """What came of the rounds of one walk. foreign_bytes: changed outside, or of outside in what the walk made."""

    walk: str
    rounds: int
    met: int = 0
    foreign_bytes: int = 0


def remove(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """Retention, staging, the inbox."""
    remove_tree(tree)


def sync(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """The syncs of a new tree, file by file: that it ends, and how. A sync of outside would leave no trace."""
    durable._sync_each(tree)


def verify(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """The hashes of what is installed; only a file of outside can have changed, and all else is said of the link."""
    try:
        verify_tree(DirectoryBase(tree, manifest), Quiet())
    except BaseDrifted as drift:
        if "has changed" in str(drift):
            write_anew(made, OUTSIDE)
        raise


def copy(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """The files of the base that a new version takes over."""
    made.mkdir()
    for name in ("logs/cache", "bin"):
        (made / name).mkdir(parents=True)
    copies = Copies(manifest)
    for place in range(1, len(manifest.entries) + 1):
        copies.add(place, place)
    with Copying(made, Sharing()) as copying:
        copying.begin(copies, DirectoryBase(tree, manifest))
        copying.gather(Quiet())


def write(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """Files that are made in a tree."""
    with Descent(tree) as into:
        for number in range(FILES):
            directory, name = into.to(f"logs/cache/new{number}", make=True)
            directory.create(name, 0o644).close()


def hash_release(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """A release ashore, as a build hashes it."""
    if any(entry.hash == sha256(OUTSIDE).digest() for entry in scan(tree, "posix").entries):
        write_anew(made, OUTSIDE)  # bytes of outside came in


def collect(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """An application's source, as `unrep collect` copies it."""
    found = source_tree.walk(tree, lambda path: False)
    source_tree.copy(tree, found.files, made, Quiet())


WALKS: dict[str, Walk] = {walk.__name__: walk for walk in (remove, sync, verify, copy, write, hash_release, collect)}


def as_it_was(tree: Path, manifest: TreeManifest, made: Path) -> None:
    """A removal that judges by path and descends later: what the races must be able to show."""
    directories = [tree]
    for directory in directories:
        for path in list(directory.iterdir()):
            if path.is_dir() and not path.is_symlink():
                directories.append(path)
            else:
                path.unlink()
    for directory in reversed(directories):
        directory.rmdir()


def race(walk: Walk, rounds: int, top: Path) -> Result:
    """So many rounds of one walk below `top`; stops early when something of outside was touched."""
    result = Result(walk.__name__, 0)
    outside = top / "outside"
    outside.mkdir()
    for number in range(FILES):
        (outside / f"f{number}").write_bytes(OUTSIDE)
    manifest = scan(_tree(top / "clean"), "posix")
    before = seen(outside)
    while result.rounds < rounds and not result.foreign_bytes:
        result.rounds += 1
        tree, made, spool = _tree(top / "tree"), top / "made", top / "spool"
        spool.mkdir()
        (spool / "link").symlink_to(outside)
        give_to_nobody(spool)
        with racing(tree / "logs/cache", spool / "link"):
            try:
                walk(tree, manifest, made)
            except (OSError, AboardError, BundleError, CollectError):
                result.met += 1  # it met the link, said so, and stopped
        after = seen(outside)
        result.foreign_bytes += sum(len(OUTSIDE) for name in before if after.get(name) != before[name])
        result.foreign_bytes += sum(len(OUTSIDE) for name in after if name not in before)
        result.foreign_bytes += _brought_in(made)
        for left in (tree, made, spool):
            remove_tree(left)
    return result


def _tree(tree: Path) -> Path:
    for name in ("bin", "logs/cache"):
        (tree / name).mkdir(parents=True)
        for number in range(FILES):
            (tree / name / f"f{number}").write_bytes(INSIDE)
    give_to_nobody(tree / "logs")
    return tree


def _brought_in(made: Path) -> int:
    if made.is_file():
        return len(OUTSIDE)
    return sum(len(OUTSIDE) for path in made.rglob("*") if path.is_file() and path.read_bytes() == OUTSIDE)


def main(rounds: int) -> int:
    """Prints a line for each walk; 1 if one of them touched anything outside."""
    failed = False
    for walk in WALKS.values():
        with TemporaryDirectory(prefix="unrep-races-") as directory:
            Path(directory).chmod(0o755)
            began = time.monotonic()
            result = race(walk, rounds, Path(directory))
        failed |= bool(result.foreign_bytes)
        print(
            f"{result.walk:13} {result.rounds:6,} rounds, {result.met:6,} met the link, "
            f"{result.foreign_bytes} bytes outside changed or brought in, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    os.umask(0o022)
    assert shutil.which("true"), "needs a POSIX system"
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))

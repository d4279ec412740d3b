"""Files of a release that change where it runs, and then count as damaged [A-13]. `unrep build` warns of them.

Python writes a compiled file anew that does not fit its source [A-121]. Logs, databases and the like are what an
application writes to [A-123].
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bundle.host import presence
from bundle.wheels.bytecode import Compiled, compiled_by_time

SHOWN: Final = 3
_WRITTEN: Final = re.compile(
    r".*\.(?:log(?:\.\d+)?|pid|(?:db|sqlite)3?(?:-wal|-shm|-journal)?)", re.IGNORECASE | re.DOTALL
)


def warnings(new: Path, bases: Sequence[Path]) -> list[str]:
    """A sentence for each reason why a ship may come to hold something else than what is built here."""
    paths = sorted(_files(new))
    of_bases = (said for base in bases for said in _warnings_of_base(base, new, paths))
    return [*_warnings_of_release(new, paths), *of_bases]


def _warnings_of_release(new: Path, paths: list[str]) -> Iterator[str]:
    loss = "each ship would find them changed, and have them sent again with the next delta"
    compiled = list(_compiled(new, paths))
    if unfit := [found for found in compiled if not found.fits]:
        # A single stale one withholds the times from all.
        rewritten = len(unfit if all(found.seconds < 0 for found in unfit) else compiled)
        yield (
            f"{new}: {_counted([found.path for found in unfit])}: compiled for another state of the source, so Python "
            f"writes {rewritten:,} compiled files anew where it runs: {loss}; compile anew (python -m compileall), "
            "copy the release with its times (cp -a), or remove its __pycache__"
        )
    if written := [path for path in paths if _WRITTEN.fullmatch(path)]:
        yield (
            f"{new}: {_counted(written)}: of a kind that applications write to: if yours does, {loss}; "
            "have it keep its data outside its versions"
        )


def _warnings_of_base(base: Path, new: Path, kept: list[str]) -> Iterator[str]:
    """`kept`: what the new release has. What it has as well came by its build, and not by running it."""
    more = sorted(set(_files(base)) - set(kept))
    left = {compiled.path for compiled in _compiled(base, more)} | {path for path in more if _WRITTEN.fullmatch(path)}
    if left:
        yield (
            f"{base}: {_counted(sorted(left))}: left by running it, and not in {new}: if they came after it was "
            "released, no ship has this base; remove them, or name a copy that never ran"
        )


def _compiled(directory: Path, paths: list[str]) -> Iterator[Compiled]:
    return compiled_by_time(directory.resolve(), paths)


def _counted(paths: Sequence[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(paths[:SHOWN])
    return f"{shown} and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else shown


def _files(directory: Path) -> Iterator[str]:
    return (path.relative_to(directory).as_posix() for path in directory.rglob("*") if presence.is_file(path))

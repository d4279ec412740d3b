"""Compiled Python in a release that Python would compile anew where it runs, into the very file.

Such a file is bound to the time of its source (PEP 552, flags of 0), and a release carries no times. Aboard it would
count as changed [A-13]. One that is bound to its source's content, or to nothing, stays as it is.
"""

from collections.abc import Sequence
from pathlib import Path

_TIMED = bytes(4)


def timed(directory: Path) -> list[Path]:
    """Paths within the directory of compiled files that Python takes for its own. Those that cannot be read are not."""
    found = (path for path in directory.rglob("__pycache__/*.pyc") if _header(path)[4:8] == _TIMED)
    return sorted(path.relative_to(directory) for path in found)


def warnings(new: Path, bases: Sequence[Path]) -> list[str]:
    """A sentence for each directory of a build that holds such files [A-121]."""
    ends = {new: "each ship would find them changed, and refuse the next delta"}
    ends |= dict.fromkeys(bases, "if they came after it was released, no ship has this base")
    held = {directory: timed(directory) for directory in ends}
    return [
        f"{directory}: holds {len(paths)} files that Python writes anew where it runs, such as {paths[0].as_posix()}: "
        f"{ends[directory]}; remove its __pycache__, or begin with 'unrep collect'"
        for directory, paths in held.items()
        if paths
    ]


def _header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:  # whoever builds of it names it
        return b""

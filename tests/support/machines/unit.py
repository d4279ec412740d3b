"""`make unit ROOM=bundle/format`: the quick tests of one room, in this process; without a room those of all packages.

Tests marked `slow` are left out; `make test` runs them.
"""

import sys
from difflib import get_close_matches
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

PACKAGES = ("bundle", "transfer", "apply", "repository", "fleet", "unrep")


def rooms(tests: Path) -> list[str]:
    """The folders that hold tests, as paths below `tests`, and those above them."""
    found = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    return sorted({room.as_posix() for folder in found for room in (folder, *folder.parents)} - {"."})


def chosen(words: list[str], tests: Path) -> list[str]:
    """The directories that are meant, for pytest. Raises ValueError with a sentence for one that is none."""
    known = rooms(tests)
    for word in words:
        if word.strip("/") not in known:
            near = get_close_matches(word, known, 3) or [room for room in known if "/" not in room]
            raise ValueError(f"make unit: tests/ has no room {word}; did you mean {', '.join(near)}?")
    return [str(tests / word.strip("/")) for word in words or PACKAGES]


def main(words: list[str]) -> int:
    """The exit code of pytest, or 2."""
    try:
        directories = chosen(words, REPOSITORY / "tests")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    # To start workers takes longer than most rooms do.
    return int(pytest.main(["-q", "-m", "not slow", *([] if words else ["-n", "auto"]), *directories]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

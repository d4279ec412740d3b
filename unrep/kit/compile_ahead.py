"""Compiles ahead what a kit runs, by the kit's own Python, so that the bytes are those of its version [K-6].

A compiled file fits its source whatever time that has, and names a path within the kit.

    python compile_ahead.py ROOT DIRECTORY...
"""

import py_compile
import sys
from pathlib import Path


def main(root: Path, directories: list[str]) -> None:
    """Compiles every source below those directories of the kit. Raises PyCompileError, OSError."""
    for directory in directories:
        for path in sorted((root / directory).rglob("*.py")):
            compile_one(root, path)


def compile_one(root: Path, path: Path) -> None:
    """Compiles one source. Raises PyCompileError, OSError."""
    py_compile.compile(
        str(path),
        dfile=path.relative_to(root).as_posix(),
        doraise=True,
        optimize=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""A bundle while it is written: under another name than its own, until it is proven to be sound.

A bundle is written, proven and renamed within both of these, so that errors of the file system name its file:

    with WORK.errors(out), unproven_file(out) as unproven:
        ...
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def unproven_file(out: Path) -> Iterator[Path]:
    """The path at which to write the bundle that is to become `out`. Whatever is still there at the end is removed."""
    unproven = out.with_name(out.name + ".unproven")
    try:
        yield unproven
    finally:
        with suppress(OSError):  # the first error is the one to report
            unproven.unlink(missing_ok=True)

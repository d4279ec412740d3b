"""A bundle while it is written: under another name than its own, until it is proven to be sound.

A bundle is written, proven and renamed within both of these, so that errors of the file system name its file:

    with os_errors_as_input(out), unproven_file(out) as unproven:
        ...
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundle.errors import InputError


@contextmanager
def unproven_file(out: Path) -> Iterator[Path]:
    """The path at which to write the bundle that is to become `out`. Whatever is still there at the end is removed."""
    unproven = out.with_name(out.name + ".unproven")
    try:
        yield unproven
    finally:
        with suppress(OSError):  # the first error is the one to report
            unproven.unlink(missing_ok=True)


@contextmanager
def os_errors_as_input(out: Path) -> Iterator[None]:
    """Within it, every OSError becomes an InputError that names its file, or `out` if it names none."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or out}: cannot be read or written: {error.strerror}") from error

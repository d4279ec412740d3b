"""A bundle while it is written: under another name than its own, until it is proven to be sound."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundle.errors import InputError


@contextmanager
def unproven_file(out: Path) -> Iterator[Path]:
    """The path at which to write the bundle that is to become `out`. Whatever is still there at the end is removed.

    Within the block an OSError becomes an InputError that names the file.
    """
    unproven = out.with_name(out.name + ".unproven")
    try:
        yield unproven
    except OSError as error:
        raise InputError(f"{error.filename or out}: cannot be read or written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # the first error is the one to report
            unproven.unlink(missing_ok=True)

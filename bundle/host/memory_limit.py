"""A ceiling on memory while bytes from elsewhere are read. spec/apply.md [A-45]

The bounds of the format keep a reader small, and this is what holds should they not do: a bundle that takes too much is
refused in a sentence, before the system looks for a process to end, which might be the application.
"""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle.errors import Unsupported

if sys.platform != "win32":
    import resource  # now, and not when the disk may be full

CEILING_BYTES = 1024 * 1024 * 1024  # two manifests of 500,000 entries take half of it


@contextmanager
def memory_ceiling() -> Iterator[None]:
    """Lets this process take CEILING_BYTES more than it has now; serves as a decorator, too.

    On Linux its limit on data (RLIMIT_DATA, which counts what may be written, not what is reserved) stands lower
    meanwhile: start no process in here, it would inherit that. Elsewhere, and without /proc, only the machine itself
    says no. Raises Unsupported in the place of MemoryError.
    """
    try:
        with _limited(CEILING_BYTES):
            yield
    except MemoryError as error:
        reason = (
            f"reading the bundle takes over {CEILING_BYTES >> 20:,} MiB of memory; ask ashore for a smaller release"
        )
        raise Unsupported(reason) from error.with_traceback(None)  # whose frames hold what took the memory


@contextmanager
def _limited(more_bytes: int) -> Iterator[None]:
    taken = _data_bytes()
    if sys.platform == "win32" or taken is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = taken + more_bytes
    if soft != resource.RLIM_INFINITY:
        ceiling = min(ceiling, soft)
    with contextlib.suppress(ValueError):  # a hard limit that is lower holds without us
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int | None:
    """What counts for the limit already: VmData of proc(5); None where Linux does not tell."""
    try:
        lines = Path("/proc/self/status").read_bytes().splitlines()  # bytes: this process may have any name
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"VmData:")), None)

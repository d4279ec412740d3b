"""A limit on memory while bytes from elsewhere are read. spec/apply.md [A-45]

The bounds of the format keep a reader small. This limit is the second line of defence. A bundle that takes too much
memory is refused with a message. Without it the system would look for a process to kill, perhaps the application.
"""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle.errors import Unsupported

if sys.platform != "win32":
    import resource  # imported early: later the disk may be full

MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024  # two manifests of a million entries take half of it


@contextmanager
def limited_memory() -> Iterator[None]:
    """Lets this process take MEMORY_LIMIT_BYTES more than it has now. Also serves as a decorator.

    On Linux it lowers RLIMIT_DATA meanwhile, which counts memory that may be written, not memory that is reserved.
    Start no process in here: it would inherit the limit. Elsewhere, and without /proc, there is no limit.
    Raises Unsupported in the place of MemoryError.
    """
    try:
        with _limited(MEMORY_LIMIT_BYTES):
            yield
    except MemoryError as error:
        most = f"{MEMORY_LIMIT_BYTES >> 20:,} MiB"
        reason = f"reading the bundle takes over {most} of memory; ask ashore for a smaller release"
        raise Unsupported(reason) from error.with_traceback(None)  # whose frames hold what took the memory


@contextmanager
def _limited(more_bytes: int) -> Iterator[None]:
    taken = _data_bytes()
    if sys.platform == "win32" or taken is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = taken + more_bytes
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    with contextlib.suppress(ValueError):  # the hard limit is lower already, and holds without this one
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int | None:
    """The bytes that count for the limit already: VmData of proc(5). None where that cannot be read."""
    try:
        lines = Path("/proc/self/status").read_bytes().splitlines()  # bytes: this process may have any name
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"VmData:")), None)

"""How much memory a stretch of a test took."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def peak_of(most_bytes: int) -> Iterator[None]:
    """Fails the test if this process grows by more, at any moment. Linux; elsewhere nothing is measured."""
    if not sys.platform.startswith("linux"):
        yield
        return
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = _kib("VmRSS")
    yield
    grown = (_kib("VmHWM") - before) * 1024
    assert grown <= most_bytes, f"{grown:,} bytes"


def _kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field + ":")).split()[1])

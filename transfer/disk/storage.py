"""Durable files of this package, with its errors: OutputRefused, or DiskFull where space or quota ran out.

What makes them durable is `bundle.host.durable`.
"""

from typing import Final

from bundle.host.storage import Storage
from transfer.errors import DiskFull, OutputRefused

REFUSAL: Final = "cannot be written: "

PUBLISHED: Final = Storage(full=DiskFull, failed=OutputRefused, refusal=REFUSAL)
"""For files that appear whole or not at all."""

OUTPUT: Final = Storage(full=DiskFull, failed=OutputRefused, refusal=REFUSAL, comfort="; what was fetched is kept")
"""For an output that grows, and what stands beside it."""

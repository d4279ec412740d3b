"""What a person named as an output, with this package's errors.

A disk that is full is NoRoom wherever it is met, and the sentence says which disk it is [A-207].
"""

from typing import Final

from bundle.errors import InputError, NoRoom
from bundle.host.storage import Storage

OUTPUT: Final = Storage(full=NoRoom, failed=InputError, refusal="cannot be written: ")
"""For a file that a person named, and what stands beside it."""

WORK: Final = Storage(full=NoRoom, failed=InputError, refusal="cannot be read or written: ")
"""For work that reads what a person named and writes an output of it."""

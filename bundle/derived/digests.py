"""Lists of what a release holds: the hash and the size of each file, as RECORD of a wheel has them [F-106].

In the form a mark stands for them. What they are follows from the files.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable

from bundle.derived.no_form import NoForm
from bundle.derived.replacing import replaced

HEX_MARK, RECORD_MARK = b"\x01", b"\x02"

_MARKS = re.compile(rb"[\x01\x02]")
_TEXTS = re.compile(
    rb"sha256=([A-Za-z0-9_-]{43}),(0|[1-9][0-9]{0,15})(?![0-9])|(?<![0-9A-Za-z])([0-9a-f]{64})(?![0-9A-Za-z])"
)

Shown = tuple[bytes, int | None]  # a SHA-256 as a text shows it, and the size beside it


def blanked(data: bytes, is_known: Callable[[bytes], bool] = lambda text: True) -> bytes:
    """The list with a mark for each hash, and the size beside it. `is_known`: whether that text is to be left out."""
    return replaced(_TEXTS, lambda match: _mark(match) if is_known(match[0]) else match[0], data)


def texts(data: bytes) -> list[bytes]:
    """What `blanked` would leave out, in its order."""
    return [match[0] for match in _TEXTS.finditer(data)]


def spelled(mark: bytes, digest: bytes, size: int) -> bytes:
    """What a mark stands for, given hash and size of its object."""
    if mark == HEX_MARK:
        return digest.hex().encode()
    return b"sha256=%s,%d" % (urlsafe_b64encode(digest).rstrip(b"="), size)


def filled(data: bytes, digests: Iterable[tuple[bytes, int]]) -> bytes:
    """The list again. `digests`: hash and size of the objects, one for each mark. Raises NoForm for another number."""
    left = iter(digests)
    try:
        whole = replaced(_MARKS, lambda match: spelled(match[0], *next(left)), data)
    except StopIteration:
        raise NoForm("has more marks than objects") from None
    if next(left, None) is not None:
        raise NoForm("has fewer marks than objects")
    return whole


def _mark(match: re.Match[bytes]) -> bytes:
    return HEX_MARK if match[3] else RECORD_MARK

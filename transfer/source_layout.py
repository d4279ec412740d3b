"""Where the pieces of a bundle stand in the file of one source, beside where they stand in the output [T-133].

Files that begin with the same root are one bundle, whoever signed it and however often. Signature blocks of another
length move every piece by the same number of bytes; nothing else of them matters to who reads pieces.
"""

from hashlib import sha256

from bundle.errors import Refused
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.read.reader import VerifiedRoot
from transfer.errors import OtherFile

MOST_LOOKS = 3  # at one source: a file whose length changes all the time is taken as it was seen last


def header_bytes_of(beginning: bytes, verified: VerifiedRoot) -> int | None:
    """The length of the header of a file that begins so; None if it is not of that bundle, by its root.

    Its signatures are not looked at: who may have signed was settled when the root was verified.
    """
    root = beginning[PREAMBLE_BYTES : PREAMBLE_BYTES + verified.root_bytes]
    try:
        preamble = read_preamble(beginning[:PREAMBLE_BYTES])
    except Refused:
        return None
    is_same = preamble.root_bytes == verified.root_bytes and sha256(root).digest() == verified.root_hash
    return preamble.header_bytes if is_same else None


class Layout:
    """What is known of the file at one source.

    `shift_bytes`: so far behind their place in the output the pieces stand there. `look_bytes`: so many of its first
    bytes tell that. `is_in_doubt`: whether they have to be looked at before it is asked for a piece.
    """

    def __init__(self, verified: VerifiedRoot | None = None) -> None:
        self.shift_bytes = 0
        self.is_in_doubt = False
        self.look_bytes = PREAMBLE_BYTES + verified.root_bytes if verified else 0
        self._verified = verified
        self._seen_bytes: int | None = None  # the length that the file had when it was looked at
        self._looks = 0

    def settle(self, header_bytes: int, file_bytes: int | None) -> None:
        """Takes as known how long the header there is, seen while the file had that length."""
        if self._verified:
            self.shift_bytes = header_bytes - self._verified.header_bytes
            self._seen_bytes, self.is_in_doubt = file_bytes, False

    def doubts(self, file_bytes: int) -> bool:
        """Whether a file of that length may have its pieces elsewhere, so that it has to be looked at."""
        if self._verified is None or self._looks >= MOST_LOOKS:
            return False
        if file_bytes in (self._verified.total_bytes + self.shift_bytes, self._seen_bytes):
            return False
        self.is_in_doubt, self._seen_bytes, self._looks = True, file_bytes, self._looks + 1
        return True

    def look(self, beginning: bytes) -> None:
        """Takes in the first `look_bytes` of the file. Raises OtherFile if it is not that bundle."""
        header_bytes = header_bytes_of(beginning, self._verified) if self._verified else None
        if header_bytes is None:
            raise OtherFile("begins with another bundle")
        self.settle(header_bytes, self._seen_bytes)

"""Where the pieces of a bundle stand in the file of one source, beside where they stand in the output [T-133].

Files that begin with the same root are one bundle, whoever signed it and however often. Signature blocks of another
length move every piece by the same number of bytes. Nothing else of them matters to a reader of pieces.
"""

from hashlib import sha256

from bundle.errors import Refused
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.read.reader import VerifiedRoot
from transfer.errors import CutShort, OtherFile

MAX_PROBES = 3  # at one source: a file whose length changes all the time is taken as it was seen last


def header_bytes_of(prefix: bytes, verified: VerifiedRoot) -> int | None:
    """The header's length in a file that begins with `prefix`, or None if the file is not that bundle, by its root.

    Its signatures are not checked: who may have signed was settled when the root was verified.
    """
    root = prefix[PREAMBLE_BYTES : PREAMBLE_BYTES + verified.root_bytes]
    try:
        preamble = read_preamble(prefix[:PREAMBLE_BYTES])
    except Refused:
        return None
    is_same = preamble.root_bytes == verified.root_bytes and sha256(root).digest() == verified.root_hash
    return preamble.header_bytes if is_same else None


class SourceLayout:
    """What is known of the file at one source.

    bundle_bytes    the length of the bundle, once it is known
    shift_bytes     how much further behind than in the output the pieces stand there
    probe_bytes     how many of its first bytes tell that
    needs_probe     whether they have to be asked for before any piece
    cut_short       that the file ends before the bundle does, once that is known
    """

    def __init__(self) -> None:
        self.cut_short: CutShort | None = None
        self._header_file_bytes: int | None = None  # the length that the file had while its header was read
        self.begin(None)

    def begin(self, verified: VerifiedRoot | None, header_bytes: int | None = None) -> None:
        """From now on offsets are of the output with that header. None: of whatever file is there.

        `header_bytes`: the length of the header in this source's own file, if it was read. Without it, the file is
        taken to be laid out as the output until its length says otherwise. Nothing of a former layout is kept.
        """
        self.bundle_bytes = verified.total_bytes if verified else None
        self.shift_bytes = 0
        self.needs_probe = False
        self.probe_bytes = PREAMBLE_BYTES + verified.root_bytes if verified else 0
        self._verified = verified
        self._seen_bytes: int | None = None  # the length that the file had when its layout became known
        self._probes = 0
        if header_bytes is not None:
            self._set_shift(header_bytes, self._header_file_bytes)

    @property
    def end_offset(self) -> int | None:
        """Where the file ends, in bytes of the output, if that is before the bundle does."""
        return self.cut_short.end_bytes if self.cut_short else None

    def reaches(self, offset: int) -> bool:
        """Whether the file has the byte at `offset` of the output."""
        return self.end_offset is None or offset < self.end_offset

    def note_header_file(self, file_bytes: int) -> None:
        """While the header was read, the file had that length."""
        self._header_file_bytes = file_bytes

    def note_length(self, file_bytes: int) -> bool:
        """The source says that its file has that length. Whether the file has to be probed for that."""
        if self._verified is None or self._probes >= MAX_PROBES:
            return False
        if file_bytes in (self._verified.total_bytes + self.shift_bytes, self._seen_bytes):
            return False
        self.needs_probe, self._seen_bytes, self._probes = True, file_bytes, self._probes + 1
        return True

    def take_probe(self, prefix: bytes) -> None:
        """Takes in the first `probe_bytes` of the file. Raises OtherFile if it is not that bundle."""
        header_bytes = header_bytes_of(prefix, self._verified) if self._verified else None
        if header_bytes is None:
            raise OtherFile("begins with another bundle")
        self._set_shift(header_bytes, self._seen_bytes)

    def _set_shift(self, header_bytes: int, file_bytes: int | None) -> None:
        if self._verified:
            self.shift_bytes = header_bytes - self._verified.header_bytes
            self._seen_bytes, self.needs_probe = file_bytes, False

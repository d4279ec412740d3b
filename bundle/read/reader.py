"""Reading a bundle: preamble, signatures, root, then sections piece by piece, each verified before it is used.

The order is the rule [F-4]: no byte is parsed before it is verified. Every piece of a section is hashed each time that
it is read from the file. So a medium whose bytes change between two reads is found out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from bundle.archives.engines import ENGINE_FEATURES
from bundle.errors import Corrupt, InputError, Malformed, Refused, Sealed, named
from bundle.format.codecs import unpack
from bundle.format.index import Frame, Index, decode_index
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.format.pieces import HashTree, Piece, pieces_of, stored_length
from bundle.format.root import Root, Section, decode_root
from bundle.format.section_cipher import ContentKey, chunks_of_body
from bundle.host import presence
from bundle.host.files import open_plain
from bundle.read.body import Body, DecryptedBody, InnerBody, StoredBody
from bundle.trust.signing import SignatureBlock, decode_block
from bundle.trust.trust import Signers, Trust


@dataclass(frozen=True)
class VerifiedRoot:
    """A root whose signatures were verified. Only `verify_header` makes one. `header_bytes`: where sections begin.

    `trust`: what it was verified by, with what was learned from its header. `signers`: the release keys that signed.
    """

    root: Root
    root_hash: bytes
    root_bytes: int
    header_bytes: int
    trust: Trust
    signers: Signers

    @property
    def spoken_at(self) -> int:
        """The latest time that its header speaks of, in seconds since 1970, as far as that counts [R-19]."""
        return max(min(self.root.created, self.trust.speaks_until), self.trust.spoken_at)

    @property
    def total_bytes(self) -> int:
        """The exact length of the whole bundle file."""
        return self.header_bytes + self.root.sections_bytes

    def pieces(self, section: Section) -> Iterator[tuple[int, Piece]]:
        """(offset in the file, piece) of a section, in the order of its bytes."""
        start = self.header_bytes + self.root.offset_of(section)
        for piece in pieces_of(section.stored, self.root.piece_size):
            yield start + piece.offset, piece

    def hash_tree(self, section: Section) -> HashTree:
        """A hash tree that knows the section's top hash so far."""
        return HashTree(section.stored, self.root.piece_size, section.content)


Unlock = Callable[[VerifiedRoot], ContentKey]
"""Gives the content key of an encrypted bundle, as a TicketFile does. Raises Refused."""


def verify_header(header: bytes, trust: Trust) -> VerifiedRoot:
    """Verifies and reads preamble, root and signatures, given as the first bytes of a bundle.

    Raises Malformed, Unsupported, Corrupt (too short) or Untrusted.
    """
    return _read_header(header, trust)


def _read_header(header: bytes, trust: Trust | None) -> VerifiedRoot:
    preamble = read_preamble(header)
    if len(header) < preamble.header_bytes:
        raise Corrupt(f"the bundle is cut short: {len(header)} of {preamble.header_bytes} header bytes are there")
    root = header[PREAMBLE_BYTES : PREAMBLE_BYTES + preamble.root_bytes]
    block = header[PREAMBLE_BYTES + preamble.root_bytes : preamble.header_bytes]
    decoded, followed, signers = _verified(root, block, trust) if trust else (decode_root(root), Trust(), Signers())
    return VerifiedRoot(decoded, sha256(root).digest(), len(root), preamble.header_bytes, followed, signers)


def _verified(root: bytes, block: bytes, trust: Trust) -> tuple[Root, Trust, Signers]:
    """What a header says of trust is learned even if its release is refused: it proves itself [R-11]."""
    parsed = decode_block(block)
    followed = trust.learned_from(parsed)
    try:
        signers = followed.release_signers(root, parsed)
        decoded = decode_root(root)
        followed.check_release(decoded)
    except Refused:
        trust.report(followed, refused=True)
        raise
    trust.report(followed)
    return decoded, followed, signers


class VerifiedBundle:
    """An open bundle file with a verified root. Use as a context manager. Sections are verified as they are read."""

    def __init__(
        self, path: Path, file: BinaryIO, verified: VerifiedRoot, unlock: Unlock | None, *, is_whole: bool
    ) -> None:
        """`is_whole`: whether the file has its full length."""
        self.path = path
        self.verified = verified
        self.root = verified.root
        self.is_whole = is_whole
        self._file = file
        self._unlock = unlock
        self._content_key: ContentKey | None = None

    def __enter__(self) -> "VerifiedBundle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def open_section(self, section: Section) -> "VerifiedSection":
        """Verifies the section's hash tables and index. Raises Corrupt or Malformed; Sealed without a content key."""
        return VerifiedSection(self, section)

    def signature_block(self) -> SignatureBlock:
        """What stands after the root, read again, and not verified by that. Raises Malformed or Corrupt."""
        start = PREAMBLE_BYTES + self.verified.root_bytes
        return decode_block(self.read(start, self.verified.header_bytes - start))

    def verify_section(self, section: Section) -> None:
        """Reads the whole section. Raises Corrupt at the first piece that is not the signed one.

        An encrypted one whose content key is not at hand is not looked into [S-6]. Nor is one with an unknown feature,
        whose index may be another [F-8].
        """
        if (self.root.is_encrypted and self._unlock is None) or not section.is_readable(ENGINE_FEATURES):
            self.stored_body(section).verify()
        else:
            self.open_section(section).verify()

    def stored_body(self, section: Section) -> InnerBody | StoredBody:
        """A section's body as it stands. Raises Corrupt for its hash tables."""
        verified = self.verified
        if section.is_inner:
            return InnerBody(section.content)
        pieces, tree = list(verified.pieces(section)), verified.hash_tree(section)
        return StoredBody(self.path, self.read, pieces, tree, self.root.piece_size)

    def content_key(self) -> ContentKey:
        """What the sections are encrypted with. Raises Sealed or another Refused if it cannot be had."""
        if self._unlock is None:
            raise Sealed(f"{self.path}: is encrypted to ships; it opens with a ship's key and its ticket alone")
        if self._content_key is None:
            self._content_key = self._unlock(self.verified)
        return self._content_key

    def is_absent(self, section: Section) -> bool:
        """Whether nothing but zeros stands in the section's place, as in a bundle fetched for another base."""
        return not section.is_inner and not any(
            any(self.read(offset, piece.length)) for offset, piece in self.verified.pieces(section)
        )

    def read(self, offset: int, length: int) -> bytes:
        """Unverified bytes of the file, for `VerifiedSection` alone. Raises Corrupt if they cannot be read."""
        try:
            self._file.seek(offset)
            return self._file.read(length)
        except OSError as error:
            raise Corrupt(f"{self.path}: cannot be read at byte {offset}: {error.strerror}") from error


class VerifiedSection:
    """One section of a bundle, under a verified root: its index, and the bytes of its packs."""

    def __init__(self, bundle: VerifiedBundle, section: Section) -> None:
        self.section = section
        self.root = bundle.root
        self._path = bundle.path
        self._body = _body(bundle, section)
        where = f"{bundle.path}: index"
        data = b"".join(unpack(section.index, self._body.range(0, section.index.length), where))
        packs_bytes = self._body.size - section.index.length
        self.index: Index = decode_index(data, packs_bytes, section.room, bundle.root.size, where)
        starts = accumulate(map(_packed_bytes, self.index.frames), initial=section.index.length)
        self._starts = dict(zip(map(id, self.index.frames), starts, strict=False))  # frames may be many

    def verify(self) -> None:
        """Reads the whole section. Raises Corrupt at the first piece that is not the signed one."""
        self._body.verify()

    def unpack(self, frame: Frame, number: int) -> Iterator[bytes]:
        """The unpacked bytes of a frame's pack, verified piece by piece, in small chunks. Raises Corrupt."""
        pack = frame.packs[number]
        start = self._packs_of(frame)[0] + sum(p.packed.length for p in frame.packs[:number])
        return unpack(pack.packed, self._body.range(start, pack.packed.length), f"{self._path}: pack {number}")

    def stretch_of(self, frame: Frame) -> tuple[int, int]:
        """(start, end), in bytes of the body as it stands, of what holds a frame's packs."""
        return self._body.stretch(*self._packs_of(frame))

    def _packs_of(self, frame: Frame) -> tuple[int, int]:
        """(start, end) of a frame's packs, behind the index."""
        start = self._starts[id(frame)]
        return start, start + _packed_bytes(frame)


def _body(bundle: VerifiedBundle, section: Section) -> Body:
    if not bundle.root.is_encrypted:
        return bundle.stored_body(section)
    number = bundle.root.sections.index(section)
    cipher = bundle.content_key().section_cipher(number, chunks_of_body(section.length))
    return DecryptedBody(bundle.path, bundle.stored_body(section), cipher)


def _packed_bytes(frame: Frame) -> int:
    return sum(pack.packed.length for pack in frame.packs)


def open_bundle(path: Path, trust: Trust, unlock: Unlock | None = None, *, is_whole: bool = True) -> VerifiedBundle:
    """Opens a bundle and verifies its header and length. `unlock` is asked once a section of an encrypted one is.

    `is_whole`: False for one whose header is enough, which may be cut short behind that. Raises InputError if the file
    cannot be opened, Refused for anything wrong with it.
    """
    return _open(path, trust, unlock, is_whole)


def open_for_display(path: Path, unlock: Unlock | None = None) -> VerifiedBundle:
    """Opens a bundle without asking who signed it: good for showing what it says of itself, for nothing else."""
    return _open(path, None, unlock)


def _open(path: Path, trust: Trust | None, unlock: Unlock | None, is_whole: bool = True) -> VerifiedBundle:
    try:
        file = open_plain(path, buffered=True)
        try:
            header = file.read(PREAMBLE_BYTES)
            header += file.read(read_preamble(header).header_bytes - PREAMBLE_BYTES)
            verified = _read_header(header, trust)
            length = file.seek(0, 2)
            _check_length(length if is_whole else max(length, verified.total_bytes), verified.total_bytes)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        why = (
            "Is a directory" if presence.is_directory(path) else error.strerror
        )  # Windows calls that a lack of permission
        raise InputError(f"{path}: cannot be read: {why}") from error
    except Refused as error:
        named(error, path)
        raise
    return VerifiedBundle(path, file, verified, unlock, is_whole=length == verified.total_bytes)


def _check_length(length: int, expected: int) -> None:
    if length < expected:
        raise Corrupt(f"cut short, {length} of {expected} bytes are there; fetch it again")
    if length > expected:
        raise Malformed(f"{length - expected} bytes too many after the last section")


def stored_bytes(root: Root, section: Section) -> int:
    """Bytes of a section behind the header, hash tables included: what fetching it costs, once that is there."""
    return stored_length(section.stored, root.piece_size)


def section_bytes(root: Root, section: Section) -> int:
    """The same wherever its body stands: how large it is."""
    return stored_length(section.length, root.piece_size)

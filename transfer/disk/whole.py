"""A whole bundle file, piece by piece and each one verified as it is read: what leaves shore is sound."""

from collections.abc import Iterator
from hashlib import sha256

from bundle.errors import Corrupt, named
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.format.pieces import HashTree, Piece
from bundle.read.reader import VerifiedBundle


def read_header(bundle: VerifiedBundle) -> bytes:
    """Preamble, root and signatures as they stand in the file. Raises Corrupt if they changed since it was opened."""
    header = bundle.read(0, bundle.verified.header_bytes)
    root = header[PREAMBLE_BYTES : PREAMBLE_BYTES + read_preamble(header).root_bytes]
    if sha256(root).digest() != bundle.verified.root_hash:
        raise Corrupt(f"{bundle.path}: changed while it was read; run again when it is written whole")
    return header


def whole_bundle(bundle: VerifiedBundle) -> Iterator[bytes]:
    """All bytes of the file. Raises Corrupt at the first piece that is not the signed one."""
    yield read_header(bundle)
    for section in bundle.root.sections:
        tree = bundle.verified.hash_tree(section)
        for offset, piece in bundle.verified.pieces(section):
            yield read_piece(bundle, tree, offset, piece)


def read_piece(bundle: VerifiedBundle, tree: HashTree, offset: int, piece: Piece) -> bytes:
    """One piece, whose hash tables were verified before. Raises Corrupt if it is not the signed one."""
    data = bundle.read(offset, piece.length)
    try:
        tree.verify(piece, data)
    except Corrupt as error:
        advice = ": it is damaged, or was fetched for one site only; use the file that 'unrep build' wrote"
        raise named(error, bundle.path, advice) from None
    return data

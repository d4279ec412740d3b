"""The blocks of a bundle file, verified each time that they are read: what goes on the air is sound."""

from bundle.format.pieces import HashTree, Piece
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedBundle
from transfer.broadcasting.block import Block, header_block, section_blocks
from transfer.disk.whole import read_header, read_piece


class BlockSource:
    """A bundle as blocks. Raises Corrupt, at once, unless every byte of it is the signed one [T-123]."""

    def __init__(self, bundle: VerifiedBundle, progress: Progress) -> None:
        self._bundle = bundle
        self._header = read_header(bundle)
        self.header = header_block(len(self._header))
        self.blocks: list[Block] = []
        self._parts: dict[int, tuple[HashTree, list[tuple[int, Piece]]]] = {}
        trees = [(section, bundle.verified.hash_tree(section)) for section in bundle.root.sections]
        progress.start("reading", bundle.verified.total_bytes, "B")
        for section, block in section_blocks(bundle.verified):
            tree = next(tree for of, tree in trees if of is section)
            inside = [part for part in bundle.verified.pieces(section) if block.offset <= part[0] < block.end]
            self.blocks.append(block)
            self._parts[block.number] = tree, inside
            progress.advance(len(self.read(block)))
        progress.finish()

    def read(self, block: Block) -> bytes:
        """The bytes of a block. Raises Corrupt if the file has changed since."""
        if block == self.header:
            return self._header
        tree, pieces = self._parts[block.number]
        return b"".join(read_piece(self._bundle, tree, offset, piece) for offset, piece in pieces)

"""Codes that follow from how often their symbols stand in a block: most encoders derive them in one of three ways.

All build a Huffman tree and shorten what is too long. They differ in ties alone: which of two equally rare nodes goes
under a new one first. zlib has a heap, and everything that descends from it. libdeflate, miniz and 7-Zip sort, and take
a symbol before an inner node; Go takes the inner node. So such a block says which way it is, and no code lengths.
spec/format.md, section 9 [F-130] [F-131].
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from bundle.deflate.blocks import DERIVED, DYNAMIC, END_OF_BLOCK, MAX_CODE_BITS, ORDER, Block, symbol_of
from bundle.deflate.tokens import Matches
from bundle.errors import Malformed

MAX_LENGTH_BITS = 7  # of the code for code lengths
MAX_DERIVED_TOKENS = 1 << 17  # of such a block: a reader holds its matches until all are counted
LITERALS, DISTANCES = 286, 30
USUAL = Block(DERIVED[0], limits=(MAX_CODE_BITS, MAX_CODE_BITS))
_KEY = 512  # above any depth

_LONGEST_RUNS = 138, 6  # of zeros, and of what repeats another length

# The symbols that are used with their depths in the tree, in the order in which the longest codes are given out.
Leaves = list[tuple[int, int]]
Lengths = tuple[int, ...]


class Counts:
    """How often the symbols of a block are used."""

    def __init__(self) -> None:
        self.tokens = 0
        self._literals, self._distances = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
        self._literals[END_OF_BLOCK] = 1

    def add(self, matches: Matches, plain: bytes) -> None:
        """Counts tokens. `plain`: the bytes that they stand for."""
        self.tokens += matches.tokens
        self._literals[:END_OF_BLOCK] += np.bincount(matches.literals_in(plain), minlength=END_OF_BLOCK)
        self._literals += np.bincount(matches.length_symbols, minlength=LITERALS)
        self._distances += np.bincount(matches.distance_symbols, minlength=DISTANCES)

    def trees(self, way: int) -> tuple["Tree", "Tree"]:
        """The trees of both codes."""
        return Tree(self._literals.tolist(), way), Tree(self._distances.tolist(), way)


@dataclass(frozen=True)
class Tree:
    """The Huffman tree of symbols with these counts, built in one of the ways."""

    counts: Sequence[int]
    way: int

    def lengths(self, most: int) -> Lengths:
        """The code lengths, none over `most`, up to the last one that is not 0. Raises Malformed if it cannot be."""
        if not most or self.symbols > 1 << most:
            raise Malformed("recipe: a shape with a limit that leaves no room for the codes of a block")
        found = [0] * (1 + max((symbol for symbol, _ in self._leaves), default=0))
        for symbol, length in _limited(self._leaves, most):
            found[symbol] = length
        return tuple(found)

    @property
    def symbols(self) -> int:
        """How many symbols have a code."""
        return len(self._leaves)

    @cached_property
    def _leaves(self) -> Leaves:
        return _WAYS[self.way](self.counts)


def _limited(leaves: Leaves, most: int) -> Iterator[tuple[int, int]]:
    """(symbol, length) of each leaf, where the deepest ones have come up to that depth."""
    if max((depth for _, depth in leaves), default=0) <= most:
        yield from leaves
        return
    at = [0] * (most + 1)
    for _, depth in leaves:
        at[min(depth, most)] += 1
    for _ in range(sum(count << most - depth for depth, count in enumerate(at)) - (1 << most)):
        depth = max(depth for depth in range(most) if at[depth])
        at[depth] -= 1
        at[depth + 1] += 2
        at[most] -= 1
    lengths = (depth for depth in range(most, 0, -1) for _ in range(at[depth]))
    yield from zip((symbol for symbol, _ in leaves), lengths, strict=True)


def _by_heap(counts: Sequence[int]) -> Leaves:
    """As zlib does it. Of two nodes with equal counts the lower tree is first; what else is equal lies as it falls."""
    keys = [count * _KEY for count in counts]
    heap = [symbol for symbol, count in enumerate(counts) if count]
    while len(heap) < 2:  # a code of one symbol gets a second one
        heap.append(heap[-1] + 1 if heap and heap[-1] < 2 else 0)
        keys[heap[-1]] = _KEY
    for at in range(len(heap) // 2 - 1, -1, -1):
        _sift(heap, at, keys)
    parents, taken = [0] * len(keys), []
    while len(heap) > 1:
        first, last = heap[0], heap.pop()
        heap[0] = last
        _sift(heap, 0, keys)
        second, node = heap[0], len(keys)
        deepest = max(keys[first] % _KEY, keys[second] % _KEY)
        keys.append(keys[first] // _KEY * _KEY + keys[second] // _KEY * _KEY + deepest + 1)
        parents[first] = parents[second] = node
        parents.append(0)
        taken += [first, second]
        heap[0] = node
        _sift(heap, 0, keys)
    depths = [0] * len(keys)
    for node in reversed(taken):
        depths[node] = depths[parents[node]] + 1
    return [(node, depths[node]) for node in taken if node < len(counts)]


def _sift(heap: list[int], at: int, keys: list[int]) -> None:
    """Moves a node down to where it belongs. It goes below none that is equal, and of two equal ones to the second."""
    node, size = heap[at], len(heap)
    key = keys[node]
    while (below := 2 * at + 1) < size:
        if below + 1 < size and keys[heap[below + 1]] <= keys[heap[below]]:
            below += 1
        if key <= keys[heap[below]]:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = node


def _by_queues(counts: Sequence[int], symbols_first: bool) -> Leaves:
    """Symbols in the order of their counts, and of equal ones by number; inner nodes in the order they were made."""
    symbols = sorted((count, symbol) for symbol, count in enumerate(counts) if count)
    if len(symbols) < 2:
        return [(symbol, 1) for _, symbol in symbols]
    inner: list[int] = []  # their counts
    parents: list[int] = []
    leaf_parents: list[int] = []
    while len(symbols) - len(leaf_parents) + len(inner) - len(parents) > 1:
        total = 0
        for _ in range(2):
            at, of = len(leaf_parents), len(parents)
            leaf = symbols[at][0] if at < len(symbols) else None
            node = inner[of] if of < len(inner) else None
            if node is None or (leaf is not None and (leaf < node or (leaf == node and symbols_first))):
                total += leaf or 0
                leaf_parents.append(len(inner))
            else:
                total += node
                parents.append(len(inner))
        inner.append(total)
    depths = [0] * len(inner)
    for node in range(len(inner) - 2, -1, -1):
        depths[node] = depths[parents[node]] + 1
    found = sorted((depths[parent] + 1 for parent in leaf_parents), reverse=True)
    return [(symbol, depth) for (_, symbol), depth in zip(symbols, found, strict=True)]


_WAYS: tuple[Callable[[Sequence[int]], Leaves], ...] = (
    _by_heap,
    lambda counts: _by_queues(counts, symbols_first=True),
    lambda counts: _by_queues(counts, symbols_first=False),
)


def may_be_derived(block: Block, counts: Counts) -> bool:
    """Whether it is tried to derive the codes of a block [F-131]."""
    return block.kind == DYNAMIC and counts.tokens <= MAX_DERIVED_TOKENS


def derivation(block: Block, counts: Counts, before: Block) -> Block | None:
    """The block without its codes, if they follow from the counts of its symbols [F-130] [F-131].

    `before`: the last such block, or USUAL. What it has is tried first: of several ways one encoder takes the same.
    """
    for way in sorted(range(len(_WAYS)), key=lambda way: way != _way_of(before)):
        limits = _limits(counts.trees(way), block.lengths, before.limits)
        for is_joined in (False, True):
            if limits and _form(block.lengths, way, is_joined=is_joined) == block.form:
                return Block(DERIVED[2 * way + is_joined], limits=limits)
    return None


def _way_of(block: Block) -> int:
    return DERIVED.index(block.kind) // 2


def _limits(
    trees: tuple["Tree", "Tree"], lengths: tuple[Lengths, Lengths], before: tuple[int, int]
) -> tuple[int, int] | None:
    """The limits with which the trees give these lengths: as before, none, or else the longest of them."""
    found = []
    for tree, own, likely in zip(trees, lengths, before, strict=True):
        limits = (most for most in (likely, MAX_CODE_BITS, max(own)) if tree.symbols <= 1 << most)
        found.append(next((most for most in limits if most and tree.lengths(most) == own), 0))
    return (found[0], found[1]) if all(found) else None


def derived(block: Block, counts: Counts) -> Block:
    """The block with its codes again. Raises Malformed for limits that cannot be kept."""
    way, is_joined = _way_of(block), bool(DERIVED.index(block.kind) % 2)
    literals, distances = (tree.lengths(most) for tree, most in zip(counts.trees(way), block.limits, strict=True))
    lengths = literals, distances
    return Block(DYNAMIC, lengths=lengths, form=_form(lengths, way, is_joined=is_joined))


def _form(lengths: tuple[Lengths, Lengths], way: int, *, is_joined: bool) -> bytes:
    """The byte form of the codes. `is_joined`: a run may go on from one code into the other."""
    runs = [lengths[0] + lengths[1]] if is_joined else lengths
    body = [byte for part in runs for byte in _repeated(part)]
    counts = [0] * len(ORDER)
    for byte in body:
        counts[symbol_of(byte)] += 1
    own = Tree(counts, way).lengths(MAX_LENGTH_BITS)
    given = [own[place] if place < len(own) else 0 for place in ORDER]
    while len(given) > 4 and not given[-1]:
        given.pop()
    return bytes((len(lengths[0]) - 257, len(lengths[1]) - 1, len(given) - 4, *given, *body))


def _repeated(lengths: Lengths) -> Iterator[int]:
    """Code lengths as bytes of the byte form: repeats as long as they may be, from the front."""
    for length, run in groupby(lengths):
        left = len(list(run))
        if length:
            yield length
            left -= 1
        most = _LONGEST_RUNS[length > 0]
        while left >= 3:
            taken = min(left, most)
            yield taken + 13 if length else taken + 17
            left -= taken
        yield from [length] * left

"""Vectors of shapes whose codes follow from the counts of their symbols: each stream is written bit by bit."""

from collections.abc import Callable

from raw import Tree
from shapes import (
    COUNTS,
    END,
    LENGTHS,
    LETTER,
    ONE_TOKEN,
    ORDER,
    OWN,
    OWN_BITS,
    A,
    M,
    bits,
    low,
    own_codes,
    plain_shape,
    restored,
    shape,
)

LETTERS = bytes([5, 0, 0, 128])  # the record of five literals
PLAIN = b"abbcc"


def zeros(count: int) -> str:
    """The seven bits of a run of 11 zeros or more."""
    return low(count - 11, 7)


def dynamic(order: list[int], *codes: str, hdist: int = 0, last: str = "1") -> bytes:
    """A stream of one block: lengths of the code for code lengths, code lengths, tokens."""
    lengths = [low(length, 3) for length in order]
    return bits(last, "01", low(0, 5), low(hdist, 5), low(len(order) - 4, 4), *lengths, *codes)


# Way 0 gives the distances two codes although none is used. Of code lengths, 1 has the code 0, and repeats of zeros 1.
HEAP = dynamic(
    [0, 0, 1, *[0] * 14, 1], "1", zeros(97), "0", "1", zeros(138), "1", zeros(20), "0", "0", "0", "0", "1", hdist=1
)
# a, b, c and the end stand 1, 2, 2 and 1 times. Way 1 gives all of them two bits: 00, 01, 10, 11.
LEAVES_FIRST = dynamic(
    [0, 0, 2, 2, *[0] * 11, 1],
    *("11", zeros(97), "0", "0", "0", "11", zeros(138), "11", zeros(18), "0", "10"),
    *("00", "01", "01", "10", "10", "11"),
)
# Way 2 gives them three, two, one and three.
NODES_FIRST = dynamic(
    [0, 0, 1, 4, *[0] * 9, 2, 0, 3, 0, 4],
    *("0", zeros(97), "10", "110", "1111", "0", zeros(138), "0", zeros(18), "10", "1110"),
    *("110", "10", "10", "0", "0", "111"),
)
EMPTY = ["0" + "01" + low(0, 5) + low(0, 5) + low(14, 4), *(low(length, 3) for length in ORDER)]
EMPTY += ["0", zeros(138), "0", zeros(118), "11", "10", "0"]

# The same with a length of 0 more than need be: so its codes do not follow. Then what a shape says of it.
ODD = ["0" + "01" + low(0, 5) + low(0, 5) + low(15, 4), *(low(length, 3) for length in (*ORDER, 0)), *EMPTY[-7:]]
OF_ODD = bytes([2, 0, 0, 0, 15, *ORDER, 0, 17 + 138, 17 + 118, 1, 0])


def behind_odd(count: int, *last: int) -> tuple[Callable[[], bytes], None, Tree]:
    """A file that is a shape: of so many blocks whose codes do not follow, and of one whose codes do."""
    return plain_shape(3, shape(LETTER, *[OF_ODD] * count, bytes(last)), stream=bits(*ODD * count, *OWN_BITS))


def empty_blocks(count: int) -> bytes:
    """The gzip file of so many blocks of nothing with derived codes, and of one with the letter."""
    return bits(*EMPTY * count, "1", "10", A, END)


def of_letters(*block: int) -> bytes:
    return shape(LETTERS, bytes(block))


def of_letter(*block: int) -> bytes:
    return shape(LETTER, bytes(block))


def first(*block: int) -> Callable[[], bytes]:
    """The stream of way 1 for five letters, from such a block."""
    return restored(LEAVES_FIRST, of_letters(*block), PLAIN)


def second(*block: int) -> Callable[[], bytes]:
    """The same of way 2."""
    return restored(NODES_FIRST, of_letters(*block), PLAIN)


CASES = [
    ("shape-derived", "accept", "F-70 F-130", "codes by two queues", restored(OWN, of_letter(5, 1, 0xFF))),
    (
        "shape-derived-heap",
        "accept",
        "F-130",
        "a heap, and two codes for no distance",
        restored(HEAP, of_letter(3, 1, 0xFF)),
    ),
    ("shape-derived-joined", "accept", "F-130", "runs that may go on", restored(HEAP, of_letter(4, 1, 0xFF))),
    (
        "shape-derived-leaves",
        "accept",
        "F-130",
        "leaves go first",
        restored(LEAVES_FIRST, of_letters(5, 5, 0xFF), PLAIN),
    ),
    ("shape-derived-nodes", "accept", "F-130", "nodes go first", second(7, 5, 0xFF)),
    (
        "shape-derived-limit",
        "accept",
        "F-130",
        "a limit that shortens",
        restored(LEAVES_FIRST, of_letters(7, 5, 0xF2), PLAIN),
    ),
    (
        "shape-derived-other",
        M,
        "F-130",
        "the other way",
        restored(NODES_FIRST, of_letters(5, 5, 0xFF), PLAIN),
    ),
    (
        "shape-derived-no-room",
        M,
        "F-71 F-130",
        "four leaves, and a limit of 1",
        restored(LEAVES_FIRST, of_letters(7, 5, 0xF1), PLAIN),
    ),
    ("shape-derived-no-limit", M, "F-71 F-130", "a limit of 0", restored(OWN, of_letter(5, 1, 0xF0))),
    (
        "shape-derived-no-limit-distances",
        M,
        "F-71 F-130",
        "a limit of 0 for distances",
        restored(OWN, of_letter(5, 1, 0x0F)),
    ),
    ("shape-derived-cut", M, "F-71", "no limits", restored(OWN, shape(LETTER, b"\5\1", padding=b""))),
    (
        "shape-derived-tokens",
        M,
        "F-71",
        "a token more than the records give",
        restored(OWN, of_letter(5, 2, 0xFF)),
    ),
    (
        "shape-derived-plain",
        M,
        "F-71",
        "a token more than the plain bytes",
        restored(OWN, of_letter(5, 1, 0xFF), b""),
    ),
    (
        "shape-derived-blocks",
        "accept",
        "F-71 F-131",
        "16 blocks of derived codes in a short stream",
        restored(empty_blocks(16), shape(LETTER, *[b"\5\0\xff"] * 16, ONE_TOKEN)),
    ),
    (
        "shape-derived-blocks-many",
        M,
        "F-71",
        "17 blocks of derived codes in a short stream",
        restored(empty_blocks(17), shape(LETTER, *[b"\5\0\xff"] * 17, ONE_TOKEN)),
    ),
    (
        "shape-derived-file",
        "accept",
        "F-72 F-131",
        "a file that is a shape of derived codes",
        *plain_shape(3, of_letter(5, 1, 0xFF), stream=OWN),
    ),
    (
        "shape-derived-file-explicit",
        M,
        "F-72 F-131",
        "a file that is a shape with codes, where they can be derived",
        *plain_shape(3, own_codes(LENGTHS), stream=OWN),
    ),
    (
        "shape-derived-tried",
        "accept",
        "F-131",
        "15 blocks whose codes do not follow, and one whose codes do",
        *behind_odd(15, 5, 1, 0xFF),
    ),
    (
        "shape-derived-tried-often",
        "accept",
        "F-131",
        "16 blocks whose codes do not follow: it is not tried again",
        *behind_odd(16, 2, 1, *COUNTS, *ORDER, *LENGTHS),
    ),
    (
        "shape-derived-tried-more",
        M,
        "F-131",
        "the same, with derived codes in block 17",
        *behind_odd(16, 5, 1, 0xFF),
    ),
    (
        "shape-derived-file-way",
        "accept",
        "F-72 F-131",
        "a file that is a shape of derived codes in the third way",
        *plain_shape(3, of_letters(7, 5, 0xFF), stream=NODES_FIRST, plain=PLAIN),
    ),
]

"""Makes the table of what Unicode 14.0 has assigned, from Python 3.11's own data. spec/format.md [F-67]

    python3.11 tests/support/machines/unicode_table.py

writes spec/unicode-14.0.txt, a part of the specification, and bundle/names/unicode_14.py, the same for the product.
"""

import sys
import unicodedata
from itertools import chain, groupby
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
VERSION = "14.0.0"
LAST = 0x10FFFF
NUMBERS_A_LINE = 24
HEADING = '''"""What Unicode 14.0 has assigned, as spec/unicode-14.0.txt. Made by tests/support/machines [F-67].

`RUNS`: how many code points are not assigned, from U+0000 on, how many then are, and so on in turn.
"""

# fmt: off
RUNS = (
'''


def assigned_ranges() -> list[tuple[int, int]]:
    """(first, last) of all code points that are neither unassigned nor surrogates, by this Python's data."""
    found = []
    for is_assigned, points in groupby(range(LAST + 1), lambda point: unicodedata.category(chr(point)) not in "CnCs"):
        run = list(points)
        if is_assigned:
            found.append((run[0], run[-1]))
    return found


def runs_of(ranges: list[tuple[int, int]]) -> list[int]:
    """The same as lengths: not assigned, assigned, and so on."""
    ends = [-1, *(last for _, last in ranges)]
    return list(chain(*((first - end - 1, last - first + 1) for end, (first, last) in zip(ends, ranges, strict=False))))


def text_of(ranges: list[tuple[int, int]]) -> str:
    """spec/unicode-14.0.txt."""
    return "".join(f"{first:04X}..{last:04X}\n" for first, last in ranges)


def module_of(ranges: list[tuple[int, int]]) -> str:
    """bundle/names/unicode_14.py."""
    runs = runs_of(ranges)
    rows = (runs[at : at + NUMBERS_A_LINE] for at in range(0, len(runs), NUMBERS_A_LINE))
    lines = "".join(f"    {', '.join(map(str, row))},\n" for row in rows)
    return f"{HEADING}{lines})\n"


def main() -> int:
    if unicodedata.unidata_version != VERSION:
        print(f"this Python has Unicode {unicodedata.unidata_version}; run it with Python 3.11", file=sys.stderr)
        return 1
    ranges = assigned_ranges()
    (REPOSITORY / "spec" / "unicode-14.0.txt").write_text(text_of(ranges), "ascii", newline="\n")
    (REPOSITORY / "bundle" / "names" / "unicode_14.py").write_text(module_of(ranges), "ascii", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

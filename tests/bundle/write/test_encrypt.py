"""What encryption costs, on the bytes; and that nothing else of a bundle changes by it. spec/sealing.md [S-17]."""

from pathlib import Path
from random import Random

import pytest

from bundle.recipients.sidecars import listed_tickets
from tests.support.contents.releases import Tree, build_from, content_of, write_tree
from tests.support.contents.sealed import ship

SMALL: Tree = {f"{number}.txt": b"%d lines\n" % number * 9 for number in range(5)}
FIXED: Tree = SMALL | {"3.txt": b"another line\n"}
LARGE: Tree = {f"{number}.bin": Random(number).randbytes(20_000) for number in range(6)}
GROWN: Tree = LARGE | {"new.bin": Random(99).randbytes(60_000)}


def bytes_sent(bundle: Path) -> int:
    """The bundle and all its tickets."""
    return sum(path.stat().st_size for path in (bundle, *listed_tickets(bundle)))


@pytest.mark.parametrize(
    ("old", "new", "full"),
    [(SMALL, FIXED, False), (SMALL, FIXED, True), (LARGE, GROWN, True)],
    ids=["line", "two", "large"],
)
def test_at_most_two_thousandths_and_200_bytes_a_ship(tmp_path: Path, old: Tree, new: Tree, full: bool) -> None:
    """[S-17] From one changed line on."""
    write_tree(tmp_path / "old", old)
    write_tree(tmp_path / "new", new)
    plain = bytes_sent(build_from(tmp_path / "new", [tmp_path / "old"], tmp_path / "plain", full=full).path)
    for ships in (1, 2, 9):
        recipients = [ship(number).public for number in range(ships)]
        built = build_from(tmp_path / "new", [tmp_path / "old"], tmp_path / "sealed", full=full, recipients=recipients)
        print(ships, plain, bytes_sent(built.path))
        assert bytes_sent(built.path) <= 1.002 * plain + 200 * ships
    assert content_of(tmp_path / "plain", tmp_path / "old") == new


def test_a_plain_bundle_is_byte_for_byte_what_it_was(tmp_path: Path) -> None:
    """[S-1] Though one with recipients stood in its place."""
    write_tree(tmp_path / "new", SMALL)
    first = build_from(tmp_path / "new", [], tmp_path / "f").path.read_bytes()
    sealed = build_from(tmp_path / "new", [], tmp_path / "f", recipients=[ship(1).public]).path.read_bytes()
    again = build_from(tmp_path / "new", [], tmp_path / "f", recipients=[ship(1).public]).path.read_bytes()
    assert len({first, sealed, again}) == 3, "a content key is made at random"
    assert build_from(tmp_path / "new", [], tmp_path / "f").path.read_bytes() == first

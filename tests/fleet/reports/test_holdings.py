"""[L-24] What ships hold decides from what the next release starts, and what is kept."""

from pathlib import Path

from fleet.reports.holdings import bases, held, holdings
from tests.support.fleet.office import Office


def test_one_base_for_each_ship(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where)
    trees = [office.tree(f"1.0.{number}") for number in range(3)]
    for name, runs, aboard in (("a", "1.0.1", [1, 0]), ("b", "1.0.1", [1]), ("c", "1.0.2", [2, 1])):
        office.ship(name)
        office.says(name, "applied", runs, held=b"".join(trees[one][:4] for one in aboard))
    ships = office.standings()
    assert bases(ships, office.shore) == {trees[1]: 2, trees[2]: 1}
    assert held(ships, office.shore) == {trees[0]: 1, trees[1]: 3, trees[2]: 1}
    assert [(one.version, one.serving, one.holding) for one in holdings(ships, office.shore)] == [
        ("1.0.1", 2, 3),
        ("1.0.2", 1, 1),
        ("1.0.0", 0, 1),
    ]


def test_a_tree_that_nobody_knows_is_shown_and_is_no_base(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where, versions=2)
    office.ship("a")
    office.says("a", "alive", runs="1.0.1", serving=b"12345678", held=b"1234" + office.tree("1.0.0")[:4])
    ships = office.standings()
    assert bases(ships, office.shore) == {office.tree("1.0.0"): 1}
    assert [one.is_known for one in holdings(ships, office.shore)] == [False, True]


def test_ships_that_were_never_heard_may_have_any_of_the_last(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where)
    office.ship("a")
    assert bases(office.standings(), office.shore) == {}, "then it is as without a fleet"
    office.ship("b")
    office.says("b", "applied", "1.0.0")
    expected = {office.tree("1.0.0"): 1, office.tree("1.0.1"): 0, office.tree("1.0.2"): 0}
    assert bases(office.standings(), office.shore) == expected

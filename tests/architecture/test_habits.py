"""What people work with: the targets of the Makefile, and the rooms that `make unit` knows."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.machines import forecast, unit
from tests.support.repository import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGET = re.compile(r"^([a-z][a-z-]*):.*$", re.MULTILINE)
EXPLAINED = re.compile(r"^([a-z][a-z-]*):.* ## \S.*$", re.MULTILINE)
PHONY = re.compile(r"^\.PHONY: (.+)$", re.MULTILINE)


def unexplained(makefile: str) -> list[str]:
    """Targets without a line for `make help`."""
    return sorted(set(TARGET.findall(makefile)) - set(EXPLAINED.findall(makefile)))


def falsely_phony(makefile: str) -> list[str]:
    """Targets that are no files and are not said to be, and names that are said to be targets and have no rule."""
    said = [name for line in PHONY.findall(makefile) for name in line.split()]
    return sorted(set(said) ^ set(TARGET.findall(makefile)))


def test_every_target_is_explained() -> None:
    assert len(TARGET.findall(MAKEFILE)) > 15 and unexplained(MAKEFILE) == []


def test_every_target_is_phony_and_has_a_rule() -> None:
    assert falsely_phony(MAKEFILE) == []


def test_the_search_finds_such_targets() -> None:
    makefile = ".PHONY: check demo\ndemo: ## shows it\ntest: demo\n\ttrue\n"
    assert unexplained(makefile) == ["test"] and falsely_phony(makefile) == ["check", "test"]


def test_a_room_is_a_folder_of_tests(tmp_path: Path) -> None:
    for room in ("bundle/format", "bundle/read"):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "test_x.py").touch()
    (tmp_path / "support").mkdir()
    assert unit.rooms(tmp_path) == ["bundle", "bundle/format", "bundle/read"]
    assert unit.chosen(["bundle/format/"], tmp_path) == [str(tmp_path / "bundle/format")]
    with pytest.raises(ValueError, match=r"^make unit: tests/ has no room bundle/formt; did you mean bundle/format"):
        unit.chosen(["bundle/formt"], tmp_path)


def test_the_forecast_counts_what_is_collected() -> None:
    assert forecast.collected(["tests/architecture/test_habits.py", "-k", "forecast"]) == {"architecture": 1}
    assert forecast.minutes(Counter(crash=60), cores=2) == round(60 * forecast.SECONDS["crash"] / 2 / 60)
    assert forecast.minutes(Counter(), cores=2) == 1


def test_slow_is_a_marker_in_use() -> None:
    """`make unit` leaves these tests out; most files have none."""
    marked = [
        path for path in (REPOSITORY / "tests").rglob("test_*.py") if "pytest.mark.slow" in path.read_text("utf-8")
    ]
    assert 8 < len(marked) < 40

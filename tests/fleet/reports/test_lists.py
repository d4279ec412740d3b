"""[L-25] Lists for other programs: all of it, and no text that a spreadsheet takes for a formula."""

import csv
import json
from pathlib import Path

import pytest

from fleet.reports.lists import LISTS, csv_lines, json_lines
from tests.support.fleet.office import Office


@pytest.mark.parametrize("text", ["=1+1", "+A1", "-2", "@SUM(A1)", " =1", "\t=1", "|cmd", '=HYPERLINK("http://x")'])
def test_no_text_is_a_formula(text: str) -> None:
    lines = list(csv_lines([{"name": text, "count": -5}]))
    ((name, count),) = list(csv.reader(lines))[1:]
    assert name.startswith("'") and count == "-5"


@pytest.mark.parametrize("text", ["a,b", 'say "so"', "<script>", "Mercy", "1.0.2"])
def test_other_texts_stay(text: str) -> None:
    assert list(csv.reader(csv_lines([{"name": text}])))[1] == [text]
    assert json.loads(next(json_lines([{"name": text}])))["name"] == text


def test_every_list_has_everything(tmp_path: Path, where: str | Path) -> None:
    office = Office.begun(tmp_path, where, versions=2)
    office.ship("=Mercy")
    office.says("=Mercy", "applied", "1.0.1", deploy_ms=1500, paid=77)
    office.says("=Mercy", "alive")
    office.take([b"no receipt"])
    with office.database.reading() as connection:
        rows = {name: list(made(connection, office.shore)) for name, made in LISTS.items()}
    assert [row["number"] for row in rows["receipts"]] == [1, 2]
    assert dict(rows["receipts"][0]) | {"deploy_seconds": 1.5, "bytes_paid": 77, "to": "1.0.1"} == rows["receipts"][0]
    assert rows["ships"][0]["name"] == "=Mercy" and rows["apart"] == rows["rollouts"] == []
    assert "'=Mercy" in list(csv_lines(rows["ships"]))[1]

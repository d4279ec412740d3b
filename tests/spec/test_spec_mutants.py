"""Mutants of the second reader: how they are made, that vectors tell them, and the list of those that none can tell."""

import ast
import json
import os
import subprocess
import sys

import pytest

from tests.support.mutation.mutants import mutants, mutated
from tests.support.repository import REPOSITORY

SOURCE = '''
MOST = 16
def judged(values, low):
    """[F-3]"""
    need(low <= values[0] < MOST and not values[1], f"{low} is no value")
    if values[2] == 7:
        raise Refused("malformed", "seven")
    total = 0
    for value in values:
        total += value
    return min(total, 9)
'''


def changes() -> dict[str, str]:
    """What each change makes of the source."""
    return {m.change: ast.unparse(mutated(SOURCE, m.number)) for m in mutants("judging", SOURCE, set())}


def test_each_check_and_each_rule_is_changed_alone() -> None:
    made = changes()
    plain = ast.unparse(ast.parse(SOURCE))
    assert all(
        sum(a != b for a, b in zip(text.split("\n"), plain.split("\n"), strict=True)) == 1 for text in made.values()
    )
    assert "need(True, f" in made["True for `low <= values[0] < MOST and (not values[1])`"]
    assert "low < values[0] < MOST" in made["`low <= values[0] < MOST` with < (operator 1)"]
    assert "low <= values[0] <= MOST" in made["`low <= values[0] < MOST` with <= (operator 2)"]
    assert "and values[1]" in made["`not values[1]` without not"]
    assert "if False:" in made["False for `values[2] == 7`"]
    assert "== 8" in made["8 for 7 in `values[2] == 7`"] and "== 6" in made["6 for 7 in `values[2] == 7`"]
    assert "MOST = 17" in made["17 for 16 in `MOST = 16`"]
    assert "pass" in made["without `total += value`"] and "max(total, 9)" in made["`min(total, 9)` with max"]


def test_texts_of_refusals_stay_and_checks_are_told_from_rules() -> None:
    found = mutants("judging", SOURCE, set())
    assert not [m for m in found if "is no value" in m.change or "malformed" in m.change]
    assert {m.line for m in found if m.is_check} == {5, 6} and {m.line for m in found if not m.function} == {0}
    assert len({m.name for m in found}) == len(found)
    assert mutants("judging", SOURCE, {"judged"}) == [m for m in found if not m.function]


@pytest.mark.skipif(os.name == "nt", reason="bounds of time and memory are POSIX's")
def test_the_vectors_tell_mutants_and_a_dropped_check_of_varints_among_them() -> None:
    """[F-40]: a sample, in a process of its own. `make spec-mutants` tries all."""
    code = (
        "import json\n"
        "from tests.support.mutation.reader_trial import Trial\n"
        "from tests.support.mutation.spec_mutants import all_mutants\n"
        "trial = Trial()\n"
        "assert trial.measure() == []\n"
        "own = [m for m in all_mutants(['wire']) if m.function == 'Cursor.varint']\n"
        "print(json.dumps({m.name: trial.killer(m) for m in own}))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stderr
    killers = json.loads(ended.stdout)
    listed = json.loads((REPOSITORY / "spec" / "vectors" / "excused.json").read_text("utf-8"))
    excused = {name for item in listed for name in item["mutants"]}
    assert len(killers) > 20 and {name for name, killer in killers.items() if killer is None} <= excused
    dropped = next(name for name in killers if name.endswith("True for `byte > 0 or shift == 7`"))
    assert "padded" in killers[dropped]


def test_every_excuse_has_a_reason_and_a_name_once() -> None:
    listed = json.loads((REPOSITORY / "spec" / "vectors" / "excused.json").read_text("utf-8"))
    names = [name for item in listed for name in item["mutants"]]
    assert len(set(names)) == len(names)
    assert all(len(item["reason"].split()) > 3 for item in listed)

"""All 65 bad inputs of the attack list have tests that bear their number: `pytest -k bad_input`."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMED = re.compile(r"^def test_bad_input_(\d\d)_(?:to_(\d\d)_)?", re.MULTILINE)


def test_every_number_has_a_test() -> None:
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for first, last in NAMED.findall(path.read_text(encoding="utf-8")):
            found |= set(range(int(first), int(last or first) + 1))
    assert found == set(range(1, 66)), sorted(set(range(1, 66)) ^ found)

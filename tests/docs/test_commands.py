"""Every command that README, tutorial and how-tos show is run, and prints what they say: rules in `console.py`."""

import shutil
from pathlib import Path

import pytest

from tests.docs.console import Command, Differs, File, matches, run_page, steps
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")

FIRST = ("README.md", "docs/tutorial.md")
HOW_TOS = sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs" / "howto").glob("*.md"))


@pytest.mark.parametrize("name", FIRST)
def test_first_pages(name: str, tmp_path: Path) -> None:
    assert run_page((REPOSITORY / name).read_text(encoding="utf-8"), tmp_path) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("name", HOW_TOS)
def test_how_to(name: str, tmp_path: Path) -> None:
    run_page((REPOSITORY / name).read_text(encoding="utf-8"), tmp_path)


PAGE = """
```toml title="ship/unrep.toml"
product = "vms"
```
```sh
rm -rf /
```
<!-- console
$ true
-->
```console
$ echo one \\
>   two
one two
$ sleep 9 &
```
"""


def test_a_page_is_read() -> None:
    expected = [
        File("ship/unrep.toml", 'product = "vms"\n'),
        Command("true"),
        Command("echo one \\\n  two", ["one two"]),
        Command("sleep 9 &"),
    ]
    assert steps(PAGE) == expected


def test_a_page_is_run(tmp_path: Path) -> None:
    assert run_page(PAGE, tmp_path) == 3
    assert (tmp_path / "ship" / "unrep.toml").read_text(encoding="utf-8") == 'product = "vms"\n'


@pytest.mark.parametrize("wrong", ["$ echo one\ntwo", "$ echo one", "$ false", "$ true\nword", "$ echo one &\ntwo"])
def test_what_differs_is_found(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(Differs):
        run_page(f"```console\n{wrong}\n```\n", tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["in 0.2 s"], ["in 13 s"], True),
        (["key id 23e526d567472f47"], ["key id 8c652bbb8dbea76f"], True),
        (["run 2026-11-24 10:11:12"], ["run 2027-01-01 00:00:00"], True),
        (["5,284 bytes"], ["5,285 bytes"], False),
        (["a ... c"], ["a b c"], True),
        (["a", "...", "d"], ["a", "b", "c", "d"], True),
        (["a", "...", "d"], ["a", "b", "c"], False),
        (["a"], ["a", "b"], False),
    ],
)
def test_only_what_varies_may_differ(shown: list[str], printed: list[str], same: bool) -> None:
    assert matches(shown, printed) is same

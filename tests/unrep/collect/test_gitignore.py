"""Single rules of `.gitignore`; tests/unrep/collect/test_source_tree.py compares whole trees with git."""

import pytest

from unrep.collect.gitignore import parse, verdict


@pytest.mark.parametrize(
    ("pattern", "ignored", "kept"),
    [
        ("*.log", ["a.log", "sub/.log"], ["a.log.txt", "log"]),
        ("/a", ["a"], ["sub/a"]),
        ("sub/a", ["sub/a"], ["a", "x/sub/a"]),
        ("**/a", ["a", "x/y/a"], ["ab"]),
        ("sub/**", ["sub/a", "sub/x/a"], ["sub"]),
        ("x/**/a", ["x/a", "x/y/z/a"], ["xa", "x/ya"]),
        ("a?", ["ab"], ["a", "a/b", "aé"]),
        ("[!a-c]x", ["dx", "[x"], ["ax", "/x"]),
        ("[]-]", ["]", "-"], ["a", "[]-]"]),
        ("[[:digit:]_]", ["7", "_"], ["a"]),
        (r"\#a", ["#a"], ["a"]),
        (r"\!a", ["!a"], ["a"]),
        (r"a\ ", ["a "], ["a"]),
        ("a  ", ["a"], ["a  "]),
        ("a\r", ["a"], []),
        ("\ufeffa", ["a"], []),
        ("[a", [], ["a", "[a"]),
        ("a\\", [], ["a", "a\\"]),
        ("[c-a]", ["c"], ["a", "b"]),
    ],
)
def test_one_pattern(pattern: str, ignored: list[str], kept: list[str]) -> None:
    rules = parse(pattern.encode())
    assert [path for path in ignored + kept if verdict(rules, path, is_directory=False)] == ignored


def test_a_slash_at_the_end_means_directories() -> None:
    rules = parse(b"build/\n")
    assert verdict(rules, "sub/build", is_directory=True) is True
    assert verdict(rules, "sub/build", is_directory=False) is None


def test_the_last_rule_that_speaks_decides() -> None:
    rules = parse(b"# comment\n\n*.log\n!keep.log\n")
    assert verdict(rules, "a.log", is_directory=False) is True
    assert verdict(rules, "keep.log", is_directory=False) is False
    assert verdict(rules, "a.txt", is_directory=False) is None

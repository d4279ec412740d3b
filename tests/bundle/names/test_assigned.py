"""Names are judged by one version of Unicode, whatever the Python: bundle.names.assigned. spec/format.md [F-67], [F-16]

Where a newer table is at hand, in this Python or in Node.js, it must say the same of what Unicode 14.0 has.
"""

import json
import re
import shutil
import subprocess
import sys
import unicodedata
from hashlib import sha256
from itertools import accumulate, chain
from pathlib import Path

import pytest

from bundle.errors import InputError, Malformed
from bundle.names.assigned import first_unassigned, upper
from bundle.names.paths import check_link, check_path, check_tree, fold_case
from bundle.names.unicode_14 import RUNS
from bundle.read.tree import scan
from tests.support.machines.unicode_table import VERSION, assigned_ranges, module_of, text_of
from tests.support.repository import REPOSITORY

TABLE = REPOSITORY / "spec" / "unicode-14.0.txt"
EDGES = list(accumulate(RUNS))
RANGES = [(first, end - 1) for first, end in zip(EDGES[::2], EDGES[1::2], strict=True)]
POINTS = list(chain.from_iterable(range(first, last + 1) for first, last in RANGES))

# Names that a table of 14.0 takes as they are, and one of 15.0 or 16.0 would have otherwise.
NEWER = [
    ("x\u0301\U00010efd",),
    ("x\u0301\U0001e4ee",),
    ("\U000105d2\u0307",),
    ("\U0001611e\U0001611e",),
    ("\u1c89", "\u1c8a"),
    ("\u0264", "\ua7cb"),
]


def test_the_table_of_the_product_is_that_of_the_specification() -> None:
    assert text_of(RANGES) == TABLE.read_text("ascii")
    assert module_of(RANGES) == (REPOSITORY / "bundle" / "names" / "unicode_14.py").read_text("utf-8")
    page = (REPOSITORY / "spec" / "format.md").read_text("utf-8")
    data = TABLE.read_bytes()
    assert f"({len(RANGES)} lines, {len(data):,} bytes, SHA-256 `{sha256(data).hexdigest()}`)" in " ".join(page.split())


def test_it_is_what_python_knows_of_that_version() -> None:
    if unicodedata.unidata_version == VERSION:
        assert assigned_ranges() == RANGES
    else:
        known = set(chain.from_iterable(range(first, last + 1) for first, last in assigned_ranges()))
        assert known.issuperset(POINTS)


def test_it_is_what_perl_knows_of_that_version() -> None:
    """A second source, which has the ages of characters."""
    script = r"""no warnings; if ("\x{1FAE0}" !~ /\p{Present_In=14.0}/) { exit 9 }
    for my $c (0 .. 0xD7FF, 0xE000 .. 0x10FFFF) {
        print "$c\n" if chr($c) =~ /\p{Present_In=14.0}/ && chr($c) !~ /\p{NChar}/ }"""
    perl = shutil.which("perl")
    if perl is None or sys.platform == "win32":
        pytest.skip("there is no Perl")
    ended = subprocess.run([perl, "-e", script], capture_output=True, encoding="ascii")
    if ended.returncode:
        pytest.skip("this Perl has an older table, or not all of its own")
    assert list(map(int, ended.stdout.split())) == POINTS


def test_the_keys_of_all_characters_are_those_of_the_specification() -> None:
    """[F-16] In any version of Python: this test is what a change of its tables would break."""
    digest = sha256("".join(f"{fold_case(chr(point))}\n" for point in POINTS).encode()).hexdigest()
    assert f"`{digest}`" in (REPOSITORY / "spec" / "format.md").read_text("utf-8")


def test_a_newer_table_says_the_same_of_them() -> None:
    """Normal form C as it is, and capitals but for four letters that got theirs later [F-16]."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js, which has a newer table than Python 3.11")
    script = """const ranges = JSON.parse(require("fs").readFileSync(0));
    const found = [process.versions.unicode];
    for (const [first, last] of ranges) for (let c = first; c <= last; c++) {
        const s = String.fromCodePoint(c); found.push(s.normalize("NFC"), s.toUpperCase()); }
    process.stdout.write(JSON.stringify(found));"""
    told = subprocess.run([node, "-e", script], input=json.dumps(RANGES).encode(), capture_output=True, check=True)
    version, *found = json.loads(told.stdout)
    if float(version) < 15:
        pytest.skip(f"Node.js has Unicode {version} here")
    assert found[::2] == [unicodedata.normalize("NFC", chr(point)) for point in POINTS]
    assert found[1::2] == [
        capital if first_unassigned(capital) else upper(chr(point))
        for point, capital in zip(POINTS, found[1::2], strict=True)
    ]
    later = {point for point, capital in zip(POINTS, found[1::2], strict=True) if first_unassigned(capital)}
    assert later <= {0x19B, 0x264, 0xA7D3, 0xA7D5}


@pytest.mark.parametrize("names", NEWER)
@pytest.mark.parametrize("platform", ["any", "posix"])
def test_names_that_newer_tables_judge_otherwise_are_refused(names: tuple[str, ...], platform: str) -> None:
    """[F-67]: here they pass all other rules, by the table of Python 3.11; in a path, a directory, a link."""
    for name in names:
        if first_unassigned(name):
            for path in (name, f"x/{name}/y"):
                with pytest.raises(
                    Malformed, match=r"U\+[0-9A-F]{4,}, which is no character of Unicode 14.0; rename it"
                ):
                    check_path(path, platform)
            with pytest.raises(Malformed, match="which is no character of Unicode"):
                check_link("a", name)
    assert any(map(first_unassigned, names))


@pytest.mark.parametrize("name", ["\u0378", "\ufffe", "\ufdd0", "\U0001ffff", "\U0010ffff", "\ud800", "\U000e0fff"])
def test_what_is_no_character_is_refused(name: str) -> None:
    """[F-67] Unassigned, noncharacters, surrogates."""
    assert first_unassigned(f"a{name}b") == name
    with pytest.raises(Malformed, match="no character"):
        check_path(f"a{name}b", "posix")


@pytest.mark.parametrize(
    "name", ["a", "", "\u00e9", "\u4e2d\u6587", "\ue000", "\U0010fffd", "\U0001fae0", "\u061d", "\u200d"]
)
def test_what_is_one_is_taken(name: str) -> None:
    """[F-67] Private use, format characters and what came with 14.0 among them."""
    assert first_unassigned(name) == ""
    check_path(f"a{name}b", "any")


def test_a_letter_whose_capital_came_later_has_none() -> None:
    """[F-16]: a newer Python must not find these alike with anything that it would not find today."""
    assert [upper(letter) for letter in "\u019b\u0264\ua7d3\ua7d5"] == list("\u019b\u0264\ua7d3\ua7d5")
    assert upper("stra\u00dfe \u0131 \u0264") == "STRASSE I \u0264"
    check_tree(["\u019b", "\u0264"], "any")


def test_a_capital_that_this_python_has_and_the_table_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """[F-16]: as in a newer Python, here with U+00C4 taken for a letter that came later."""
    monkeypatch.setattr("bundle.names.assigned._others", lambda: re.compile("\u00c4"))
    assert upper("\u00e4\u00e9a") == "\u00e4\u00c9A"


def test_devices_do_not_depend_on_what_python_calls_a_space_or_a_case() -> None:
    """[F-15]: only U+0020 is passed over, and letters are compared in upper case."""
    for name in ("con\u3000", "con\u0130n$", "con\u2003.txt"):
        check_path(name, "any")
    for name in ("con .txt", "con\u0131n$", "Nul  "):
        with pytest.raises(Malformed, match=r"device|space"):
            check_path(name, "any")


@pytest.mark.skipif(sys.platform == "win32", reason="a name in any bytes is for POSIX")
def test_a_release_with_such_a_name_is_not_built(tmp_path: Path) -> None:
    (tmp_path / "\u1c89").write_bytes(b"")
    with pytest.raises(InputError, match=r"U\+1C89, which is no character of Unicode 14.0; rename it$"):
        scan(tmp_path)
    (tmp_path / "\u1c89").rename(tmp_path / "aux")
    with pytest.raises(InputError, match=r"device name on Windows \(a release for Linux alone"):
        scan(tmp_path)

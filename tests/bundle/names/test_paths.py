"""Which paths a release may hold: bundle.names.paths."""

import pytest

from bundle.errors import Malformed
from bundle.names.paths import check_link, check_path, check_tree, check_version, fold_case

EVERYWHERE_BAD = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "./a",
    "a/./b",
    "../a",
    "a/../../b",
    "a/..",
    "a\0b",
    "a\ud800b",
    "\udcff",
    "e\u0301",
    "a/\u212b",  # the angstrom sign: another character in normal form C
    "x" * 256,
    "\U0001f6a2" * 128,  # 256 UTF-16 units in 128 characters
    "/".join(["x" * 255] * 5),
    ".unrep",
    ".UnReP/state.db",
]
WINDOWS_BAD = [
    "a\\b",
    "..\\a",
    "\\a",
    "C:",
    "C:\\x",
    "C:x",
    "\u00c4:x",
    "\\\\server\\share",
    "\\\\?\\C:\\x",
    "\\\\.\\pipe\\x",
    "f:ads",
    "d::$INDEX_ALLOCATION",
    *(f"a{character}b" for character in '<>"|?*'),
    "a\tb",
    "a\x1f",
    "a\x7f",
    "\n",
    "a.",
    "a ",
    "dir./x",
    "dir /x",
    "...",
    "con",
    "CON",
    "Con.txt",
    "prn",
    "aux.c",
    "NUL.tar.gz",
    "com0",
    "COM9",
    "com1.txt",
    "LPT1",
    "lpt0",
    "COM\u00b9",
    "com\u00b2.x",
    "LPT\u00b3",
    "CONIN$",
    "conout$.txt",
    "nul .txt",
    "aux  .",
    "x/nul/y",
    "LONGFI~1.TXT",
    "PROGRA~1",
    "a~12.b/x",
]
FINE = [
    "a",
    "a/b/c.txt",
    ".hidden",
    "..a",
    "a..b",
    "...a",
    "a b",
    "\u00e9",
    "\u65e5\u672c\u8a9e.txt",
    "\U0001f6a2",
    "x" * 255,
    "console.txt",
    "com10",
    "lpt",
    "nulls",
    "auxiliary",
    "conin",
    "a~b",
    "longer-than-six~1.txt",
    "~1.txt",
    "ab~1.long",
    "x/.unrep",
    ".unrepeated",
    "COM\u2074",
]


@pytest.mark.parametrize("path", EVERYWHERE_BAD)
@pytest.mark.parametrize("platform", ["any", "posix"])
def test_bad_on_every_platform(path: str, platform: str) -> None:
    """[F-14]"""
    with pytest.raises(Malformed, match=r"^path "):
        check_path(path, platform)


@pytest.mark.parametrize("path", WINDOWS_BAD)
def test_what_windows_would_not_keep_as_it_is(path: str) -> None:
    """[F-15]"""
    check_path(path, "posix")
    with pytest.raises(Malformed, match=r"^path .*[Ww]indows|8\.3 alias"):
        check_path(path, "any")


@pytest.mark.parametrize("path", FINE)
@pytest.mark.parametrize("platform", ["any", "posix"])
def test_fine_on_every_platform(path: str, platform: str) -> None:
    """[F-14], [F-15]"""
    check_path(path, platform)


def test_length_counts_utf_16_units() -> None:
    """[F-14]"""
    path = "/".join([*["x" * 204] * 4, "y" * 204])
    assert len(path) == 1024
    check_path(path, "any")
    with pytest.raises(Malformed, match="longer than 1024"):
        check_path(path + "y", "any")
    with pytest.raises(Malformed, match="longer than 1024"):
        check_path(path[:-1] + "\U0001f6a2", "any")


@pytest.mark.parametrize(
    "paths",
    [
        ("A.txt", "a.txt"),
        ("stra\u00dfe", "STRASSE"),
        ("\u0131", "I"),
        ("\u00e9", "\u00c9"),
        ("\u03c3", "\u03c2"),  # two spellings of a small sigma
        ("d/x", "D/y"),
        ("a/b/c", "a/B/d"),
        ("\ufb01x", "fix"),  # a ligature
    ],
)
def test_alike_where_letter_case_does_not_count(paths: tuple[str, str]) -> None:
    """[F-16]"""
    check_tree(paths, "posix")
    for order in (paths, paths[::-1]):
        with pytest.raises(Malformed):
            check_tree(order, "any")


@pytest.mark.parametrize("platform", ["any", "posix"])
@pytest.mark.parametrize("paths", [("a", "a/b"), ("a/b", "a/b/c/d"), ("x/y/z", "x")])
def test_a_file_is_no_directory(paths: tuple[str, str], platform: str) -> None:
    """[F-17]"""
    for order in (paths, paths[::-1]):
        with pytest.raises(Malformed, match="is the parent of others"):
            check_tree(order, platform)


def test_a_file_is_no_directory_in_other_letters_either() -> None:
    """[F-16], [F-17]"""
    with pytest.raises(Malformed):
        check_tree(["A", "a/b"], "any")
    check_tree(["A", "a/b"], "posix")
    check_tree(["a", "ab/c", "a.b/c", "b/a"], "any")


@pytest.mark.parametrize(
    ("path", "target"),
    [("run", "bin/run"), ("a/b/run", "../../c"), ("a/run", ".."), ("a/b", "../a/c"), ("x", "CON"), ("a/b", "c:d")],
)
def test_links_that_stay_within_the_tree(path: str, target: str) -> None:
    """[F-18]"""
    check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("run", ".."),
        ("run", "../run"),
        ("a/run", "../../x"),
        ("a/run", "b/../../../x"),
        ("a/run", "b/../c"),  # b may be a link to elsewhere, and what is beside that is not beside b
        ("run", "/etc/passwd"),
        ("run", ""),
        ("run", "a//b"),
        ("run", "a/"),
        ("run", "."),
        ("run", "a\0b"),
        ("run", "e\u0301"),
        ("run", "x" * 256),
    ],
)
def test_links_that_leave_the_tree_or_are_no_paths(path: str, target: str) -> None:
    """[F-18]"""
    with pytest.raises(Malformed, match=f"^symbolic link '{path}'"):
        check_link(path, target)


@pytest.mark.parametrize("version", ["1", "1.0.1", "2024-01-31", "v1.2+build.7", "a_b", "x" * 64, "1..2", "com10"])
def test_versions(version: str) -> None:
    """[F-7]"""
    check_version(version)


@pytest.mark.parametrize(
    "version",
    [
        "",
        ".",
        "..",
        ".1",
        "-1",
        "_1",
        "+1",
        "1.",
        "1/2",
        "1\\2",
        "1 2",
        "1\n",
        "x" * 65,
        "\u00e9",
        "con",
        "NUL.1",
        "com1",
    ],
)
def test_bad_versions(version: str) -> None:
    """[F-7]"""
    with pytest.raises(Malformed, match=r"^version "):
        check_version(version)


def test_the_key_of_a_path_does_not_depend_on_case_or_form() -> None:
    """[F-16]"""
    for one, other in (("e\u0301", "\u00c9"), ("\u1e9e", "ss"), ("\u017f", "S"), ("\u1f80", "\u1f88")):
        assert fold_case(one) == fold_case(other)
    assert fold_case("a") != fold_case("b")

"""Pinned requirements as both sides read them, and the directory that they must not leave: bundle.wheels.pins."""

from pathlib import Path

import pytest

from bundle.errors import InputError
from bundle.wheels.pins import MAX_FILES, read_pins


def write(directory: Path, **files: str) -> Path:
    """Requirements files by name; the first one."""
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.txt").write_text(text, encoding="utf-8")
    return directory / f"{next(iter(files))}.txt"


def test_included_files_stand_in_place_of_their_line(tmp_path: Path) -> None:
    top = write(tmp_path / "r", top="b==2\n-r more.txt\n", more="a==1\n")
    assert [(pin.name, pin.version) for pin in read_pins(top, within=tmp_path / "r")] == [("a", "1"), ("b", "2")]


def test_a_release_does_not_read_what_lies_outside_of_it(tmp_path: Path) -> None:
    """[A-101]"""
    write(tmp_path / "else", secret="x==1\n")
    for line in ("-r ../else/secret.txt", f"-r {tmp_path / 'else' / 'secret.txt'}"):
        top = write(tmp_path / "r", top=f"{line}\n")
        assert len(read_pins(top)) == 1
        with pytest.raises(InputError, match=r"secret\.txt: lies outside the release"):
            read_pins(top, within=tmp_path / "r")


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    top = write(tmp_path / "r", top="-r other.txt\n", other="-r top.txt\n")
    with pytest.raises(InputError, match=r"top\.txt: includes itself"):
        read_pins(top)
    many = {f"f{n}": f"-r f{n + 1}.txt\n" for n in range(MAX_FILES)} | {f"f{MAX_FILES}": "a==1\n"}
    with pytest.raises(InputError, match=f"one of more than {MAX_FILES} files"):
        read_pins(write(tmp_path / "many", **many))


@pytest.mark.parametrize("line", ["a", "a>=1", "a==1.*", "a==1,<2", "a @ https://x/a.whl"])
def test_what_is_not_one_version_is_named(tmp_path: Path, line: str) -> None:
    top = write(tmp_path / "r", top=f"b==1\n{line}\n")
    with pytest.raises(InputError, match=r"^not pinned: a.* \(top\.txt line 2\): write NAME==VERSION"):
        read_pins(top)


@pytest.mark.parametrize("line", ["a==1 -i http://x", "a==$(HOME)", "a==1 b==2", "--index-url http://x", "a==1\\x"])
def test_what_pip_would_read_as_more_is_refused(tmp_path: Path, line: str) -> None:
    """[A-101]"""
    with pytest.raises(InputError, match=r"^top\.txt line 1: "):
        read_pins(write(tmp_path / "r", top=f"{line}\n"))

"""Requirements files: what is understood, and what is refused by name."""

from pathlib import Path

import pytest

from unrep.collect.pins import applying, read_pins
from unrep.collect.target import Target
from unrep.errors import CollectError

HASH = "sha256:" + "0" * 64
WINDOWS = Target(("win_amd64",), "3.11").environment()
LINUX = Target(("manylinux_2_28_x86_64",), "3.11").environment()


def write(directory: Path, text: str, name: str = "requirements.txt") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_comments_continuations_hashes_extras_and_markers(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "\ufeff# a comment that ends in a backslash \\\n"
        "Zope.Interface==6.0  # via nothing\n"
        "\n"
        f"alpha[b,a]==1.0 \\\n    --hash={HASH} \\\n    --hash=sha256:{'1' * 64}\n"
        "beta===2.0-local ; sys_platform == 'win32'\r\n",
    )
    pins = read_pins(path)
    assert [pin.line(with_marker=True) for pin in pins] == [
        f"alpha[a,b]==1.0 --hash={HASH} --hash=sha256:{'1' * 64}\n",
        'beta===2.0-local ; sys_platform == "win32"\n',
        "Zope.Interface==6.0\n",
    ]
    assert [pin.name for pin in pins] == ["alpha", "beta", "zope-interface"]
    assert pins[1].line(with_marker=False) == "beta===2.0-local\n"


def test_markers_are_read_for_the_ship(tmp_path: Path) -> None:
    pins = read_pins(write(tmp_path, "tzdata==2024.1; sys_platform=='win32'\nuvloop==0.19; sys_platform!='win32'\n"))
    assert [pin.name for pin in applying(pins, WINDOWS)] == ["tzdata"]
    assert [pin.name for pin in applying(pins, LINUX)] == ["uvloop"]


def test_included_files_are_read_in_place(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, "-r base.txt\nalpha==1\n", "sub/more.txt")
    write(tmp_path, "beta==2\n", "sub/base.txt")
    path = write(tmp_path, "--requirement=sub/more.txt\n")
    assert [pin.name for pin in read_pins(path)] == ["alpha", "beta"]


def test_an_included_file_that_leads_back_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "-r requirements.txt\n", "base.txt")
    with pytest.raises(CollectError, match="includes itself"):
        read_pins(write(tmp_path, "-r base.txt\n"))


def test_every_loose_requirement_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "Django\nasgiref>=3\nsix==1.*\nold==1,!=2\nfine==1.0\nx @ https://example.org/x.whl\n")
    with pytest.raises(CollectError) as refused:
        read_pins(path)
    named = str(refused.value)
    for text in (
        "Django (requirements.txt line 1)",
        "asgiref>=3",
        "six==1.*",
        "old==1,!=2",
        "x @ https",
        "NAME==VERSION",
    ):
        assert text in named
    assert "fine" not in named


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--index-url https://example.org\n", "--index-url https://example.org' has no place"),
        ("fine==1\n-e .\n", "line 2: '-e .' has no place"),
        ("./local.whl\n", "'./local.whl' is not a requirement"),
        ("alpha==1 --config-settings x\n", "is not a requirement"),
        ("-r missing.txt\n", "missing.txt: cannot be read"),
    ],
)
def test_lines_that_cannot_be_part_of_a_release(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CollectError) as refused:
        read_pins(write(tmp_path, text))
    assert message in str(refused.value)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    for encoding in ("utf-16", "utf-16-le"):
        path.write_bytes("alpha==1\n".encode(encoding))
        with pytest.raises(CollectError, match="not UTF-8"):
            read_pins(path)


def test_one_package_twice_is_refused_only_where_both_apply(tmp_path: Path) -> None:
    path = write(tmp_path, "alpha==1; sys_platform=='win32'\nAlpha==2; sys_platform=='linux'\n")
    assert [pin.version for pin in applying(read_pins(path), LINUX)] == ["2"]
    with pytest.raises(CollectError, match="alpha is required twice, at 1 and 2"):
        applying(read_pins(write(tmp_path, "alpha==1\nalpha==2\n")), LINUX)


@pytest.mark.parametrize("marker", ["python_version ~= 'three'", "os_name ~= 'nt'", "extras == 'more'"])
def test_a_marker_that_makes_no_sense(tmp_path: Path, marker: str) -> None:
    pins = read_pins(write(tmp_path, f"alpha==1\nbeta==2 ; {marker}\n"))
    with pytest.raises(CollectError, match=r"beta: its marker '.*' cannot be evaluated"):
        applying(pins, LINUX)

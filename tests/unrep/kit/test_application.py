"""What a kit takes of a wheel, of this program, and of Debian's packages."""

import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from unrep.errors import KitError
from unrep.kit import application, compile_ahead, debian
from unrep.kit.folder import Folder

SOURCE = Path(application.__file__).parents[2]


def names(folder: Folder) -> set[str]:
    return {path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*") if path.is_file()}


def folder(directory: Path) -> Folder:
    directory.mkdir()
    return Folder(directory)


def wheel(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return packed.getvalue()


def test_of_a_wheel_what_goes_into_site_packages(tmp_path: Path) -> None:
    """[K-5]"""
    kit = folder(tmp_path / "kit")
    files = {
        "demo/__init__.py": "",
        "demo/tests/test_it.py": "",
        "demo-1.data/platlib/demo/fast.so": "as it is",
        "demo-1.data/scripts/demo": "",
        "demo-1.dist-info/METADATA": "",
    }
    application.add_wheel(kit, "demo.whl", wheel(**files))
    assert names(kit) == {"app/demo/__init__.py", "app/demo/fast.so", "app/demo-1.dist-info/METADATA"}


# zipfile of Windows reads a backslash as a slash.
@pytest.mark.parametrize("name", ["../out.py", "a/../../out.py", *(["a\\out.py"] if os.name != "nt" else [])])
def test_a_wheel_that_leads_out_of_the_kit(name: str, tmp_path: Path) -> None:
    with pytest.raises(KitError, match="leads out of the kit"):
        application.add_wheel(folder(tmp_path / "kit"), "demo.whl", wheel(**{name: ""}))
    assert not (tmp_path / "out.py").exists()


def test_two_names_that_are_one_on_a_stick(tmp_path: Path) -> None:
    """[K-2]"""
    with pytest.raises(KitError, match="two packages of the kit have that file"):
        application.add_wheel(folder(tmp_path / "kit"), "demo.whl", wheel(**{"demo/A.py": "", "demo/a.py": ""}))


def test_what_is_no_wheel(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"demo\.whl: is no wheel that can be read"):
        application.add_wheel(folder(tmp_path / "kit"), "demo.whl", b"not a zip")


def test_of_this_program_all_but_what_running_left(tmp_path: Path) -> None:
    """[K-5]"""
    kit = folder(tmp_path / "kit")
    application.add_program(kit, SOURCE)
    found = names(kit)
    assert {"app/unrep/cli.py", "app/bundle/py.typed", "app/unrep/kit/launchers/unrep.sh"} <= found
    assert not [name for name in found if "__pycache__" in name]
    assert (kit.root / "app/unrep/cli.py").read_bytes() == (SOURCE / "unrep" / "cli.py").read_bytes()


def test_a_compiled_file_is_used_whatever_the_time_of_its_source(tmp_path: Path) -> None:
    """[K-6]"""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "module.py").write_text("name = 1\n")
    compile_ahead.main(tmp_path, ["app"])
    (compiled,) = (tmp_path / "app").rglob("*.pyc")
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", "by hash, and not checked (PEP 552)"
    assert b"app/module.py" in compiled.read_bytes() and str(tmp_path).encode() not in compiled.read_bytes()


def member(name: str, data: bytes) -> bytes:
    return f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)


def deb(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            if text.startswith("-> "):
                entry.type, entry.linkname = tarfile.SYMTYPE, text[3:]
                archive.addfile(entry)
            else:
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
    data = member("data.tar.xz", lzma.compress(packed.getvalue()))
    return b"!<arch>\n" + member("debian-binary", b"2.0\n") + member("control.tar.xz", b"odd") + data


def test_a_library_is_found_through_links() -> None:
    """[K-4]"""
    one = deb(**{"usr/lib/t/libz.so.1": "-> libz.so.1.2", "usr/lib/t/libz.so.1.2": "zlib", "lib64/ld": "-> /lib/t/ld"})
    packed = debian.unpack([one, deb(**{"lib/t/ld": "loader"})])
    assert packed.find("libz.so.1", ("lib/t", "usr/lib/t")) == b"zlib"
    assert packed.read("lib64/ld") == b"loader"
    for wanted in ("libm.so.6", "../etc/passwd"):
        with pytest.raises(KitError, match="is in none of Debian's packages"):
            packed.find(wanted, ("lib/t",))


@pytest.mark.parametrize("data", [b"", b"PK", b"!<arch>\n", b"!<arch>\n" + member("data.tar.gz", b"x")])
def test_what_is_no_package(data: bytes) -> None:
    with pytest.raises(KitError, match="package of the lock"):
        debian.unpack([data])


def spoilt() -> list[bytes]:
    """Packages of which something is cut, another archive, or no number."""
    good = deb(a="text" * 999)
    head = b"!<arch>\n"
    return [
        good[:-40],
        head + member("data.tar.xz", b"no xz"),
        head + member("data.tar.xz", lzma.compress(b"no tar" * 200)),
        head + member("data.tar.xz", lzma.compress(lzma.decompress(good[good.index(b"\xfd7zXZ") :])[:700])),
        head + b"\xff" + member("data.tar.xz", b"")[1:],
        head + member("control", b"").replace(b"0         `", b"many      `"),
        head + member("control", b"").replace(b"0         `", b"-60       `"),
    ]


@pytest.mark.parametrize("number", range(len(spoilt())))
def test_a_damaged_package(number: int) -> None:
    with pytest.raises(KitError, match="a package of the lock is damaged"):
        debian.unpack([spoilt()[number]])


def test_links_that_go_round() -> None:
    with pytest.raises(KitError, match="is in none"):
        debian.unpack([deb(a="-> b", b="-> a")]).read("a")

"""The parts of a kit for Windows, which Wine runs in `make kit-test-windows` [K-7]."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY
from unrep.errors import KitError
from unrep.kit import windows
from unrep.kit.folder import MARK, Folder
from unrep.kit.kinds import KINDS

KIND = KINDS["win_amd64"]


def packed(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return file.getvalue()


def folder(directory: Path) -> Folder:
    directory.mkdir()
    return Folder(directory)


def test_the_interpreter_finds_what_is_beside_it_alone(tmp_path: Path) -> None:
    kit = folder(tmp_path / "kit")
    windows.lay_out(kit, packed("python.exe", "python312.dll", "python312.zip", "python312._pth", "python.cat"), KIND)
    names = {path.name for path in (kit.root / "python").iterdir()}
    assert names == {"python.exe", "python312.dll", "python312.zip", "python312._pth"}
    assert (kit.root / "python/python312._pth").read_text().split() == ["python312.zip", ".", "..\\app"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a zip", "is no zip that can be read"),
        (packed("python.exe"), "is not the embeddable CPython 3.12"),
        (packed("python.exe", "python311.dll", "python311.zip"), "is not the embeddable CPython 3.12"),
    ],
)
def test_another_interpreter(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(KitError, match=reason):
        windows.lay_out(folder(tmp_path / "kit"), data, KIND)


def test_the_starter_is_the_launcher_with_a_line_and_a_program(tmp_path: Path) -> None:
    kit = folder(tmp_path / "kit")
    windows.add_starter(kit, "distlib.whl", packed("distlib/t64.exe"))
    assert not kit.executable, "for a disk of Windows keeps no such mark [K-2]"
    starter = (kit.root / "unrep.exe").read_bytes()
    assert starter.startswith(b"distlib/t64.exe#!<launcher_dir>\\python\\python.exe -B\r\nPK")
    with zipfile.ZipFile(io.BytesIO(starter)) as archive:
        assert archive.namelist() == ["__main__.py"]
    for name in ("install.cmd", "uninstall.cmd"):
        text = (kit.root / name).read_bytes()
        assert text.startswith(b"@echo off\r\n") and text.count(b"\n") == text.count(b"\r\n")  # [K-12]
    with pytest.raises(KitError, match=r"has no distlib/t64\.exe"):
        windows.add_starter(folder(tmp_path / "other"), "distlib.whl", packed("other"))


def test_a_starter_whose_kit_is_not_complete_says_so(tmp_path: Path) -> None:
    """[K-9]: any Python can run what is packed into it."""
    kit = folder(tmp_path / "a kit ü")
    windows.add_starter(kit, "distlib.whl", packed("distlib/t64.exe"))
    command = [sys.executable, "-X", "utf8", str(kit.root / "unrep.exe"), "--version"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment)
    assert (told.returncode, told.stderr) == (5, f"unrep: {kit.root}: is not complete: unpack the kit again\n")
    (kit.root / MARK).touch()
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment)
    assert told.returncode == 0 and told.stdout.startswith("unrep "), told.stderr


@pytest.mark.skipif(os.name != "nt", reason="a batch file of Windows")
def test_another_program_of_that_name_stays(tmp_path: Path) -> None:
    """[K-12]"""
    kit = folder(tmp_path / "a kit (1)")
    windows.add_starter(kit, "distlib.whl", packed("distlib/t64.exe"))
    (kit.root / MARK).touch()
    place = tmp_path / "a place"
    place.mkdir()
    there, ours = place / "unrep.cmd", f'@rem The kit "{kit.root}\\"\n@"{kit.root}\\unrep.exe" %*'

    def call(name: str) -> tuple[int, str]:
        told = subprocess.run(f'cmd /s /c ""{kit.root / name}" "{place}""', capture_output=True, text=True)
        return told.returncode, told.stdout + told.stderr

    assert call("uninstall.cmd")[0] == 0
    for text in ("@echo another program\n", "", "\n"):
        there.write_text(text)
        code, said = call("install.cmd")
        assert code == 5 and "starts no kit" in said and there.read_text() == text
        code, said = call("uninstall.cmd")
        assert code == 0 and "stays" in said and there.read_text() == text
    for old in (None, '@rem The kit "C:\\old kit\\"\n@"C:\\old kit\\unrep.exe" %*\n'):
        there.unlink()
        if old:
            there.write_text(old)
            assert "stays" in call("uninstall.cmd")[1] and there.exists()
        code, said = call("install.cmd")
        assert code == 0 and there.read_text().strip() == ours, said
    assert "removed" in call("uninstall.cmd")[1] and not there.exists()

"""python.org's embeddable CPython, which the office names with its hash, and a program that starts it [K-7]."""

import io
import os
import zipfile
from pathlib import Path
from typing import Final

from apply.application.programs import located
from bundle.host.files import read_given
from unrep.errors import KitError
from unrep.kit.folder import MARK, MOMENT, Folder
from unrep.kit.kinds import Kind

_LAUNCHERS: Final = Path(__file__).parent / "launchers"
_SHEBANG: Final = b"#!<launcher_dir>\\python\\python.exe -B\r\n"
_MAIN: Final = f"""\
import os
import sys

kit = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not os.path.isfile(os.path.join(kit, "{MARK}")):
    print(f"unrep: {{kit}}: is not complete: unpack the kit again", file=sys.stderr)
    sys.exit(5)

from unrep.cli import main

main()
""".encode()
_STUB: Final = "distlib/t64.exe"
_PTH: Final = "python{digits}.zip\n.\n..\\app\n"
# What the interpreter's own zip has and a kit does not need.
_LEFT_OUT: Final = (".cat", ".html", "_pth")


def lay_out(folder: Folder, embeddable: bytes, kind: Kind) -> None:
    """The interpreter, in `python/`. Raises KitError, OSError."""
    digits = kind.python.replace(".", "")
    try:
        with zipfile.ZipFile(io.BytesIO(embeddable)) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith(("/", *_LEFT_OUT)):
                    folder.write(f"python/{name}", archive.read(name))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise KitError(f"the interpreter for Windows is no zip that can be read: {error}") from error
    if not folder.has(f"python/python{digits}.dll") or not folder.has(f"python/python{digits}.zip"):
        raise KitError(f"the interpreter for Windows is not the embeddable CPython {kind.python} of python.org")
    folder.write(f"python/python{digits}._pth", _PTH.format(digits=digits).encode())


def add_starter(folder: Folder, wheel: str, data: bytes) -> None:
    """`unrep.exe`: the launcher that pip gives every command, which starts the Python beside it.

    wheel: the launcher's, for messages. It is not marked as a program, for Windows knows no such mark [K-2]. Raises
    KitError, OSError.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            stub = archive.read(_STUB)
    except (zipfile.BadZipFile, KeyError) as error:
        raise KitError(f"{wheel}: has no {_STUB}: renew the lock") from error
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as program:
        program.writestr(zipfile.ZipInfo("__main__.py", MOMENT), _MAIN)
    folder.write("unrep.exe", stub + _SHEBANG + packed.getvalue())
    for name in ("install.cmd", "uninstall.cmd"):
        folder.write(name, read_given(_LAUNCHERS / name).replace(b"\n", b"\r\n"))


def interpreter(root: Path) -> list[str]:
    """The command that runs the Python of a kit on this machine: on Linux by Wine. Raises KitError."""
    program = str(root / "python" / "python.exe")
    if os.name == "nt":
        return [program, "-B"]
    if wine := located("wine"):
        return [wine, program, "-B"]
    raise KitError("a kit for Windows is built on Windows, or where there is Wine: its own Python compiles it")

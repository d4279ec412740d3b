"""Debian's CPython with its own C library, started by its own loader: it runs on any Linux of that machine [K-4].

The loader gets the directory of libraries as an argument. So no library is changed, none is found by a path of the
machine that built it, and what the site's commands start does not inherit anything.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bundle.host.files import read_given
from unrep.kit.debian import Packed
from unrep.kit.folder import Folder
from unrep.kit.kinds import Kind

_LAUNCHERS: Final = Path(__file__).parent / "launchers"
_LIBRARIES: Final = (
    *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1", "libbz2.so.1.0", "liblzma.so.5", "libexpat.so.1"),
    *("libffi.so.8", "libcrypto.so.3", "libssl.so.3", "libsqlite3.so.0", "libuuid.so.1"),
)
# Of the standard library what no server needs, and what is Debian's or for tests alone.
_LEFT_OUT: Final = frozenset(
    {"test", "idlelib", "tkinter", "lib2to3", "ensurepip", "turtledemo", "pydoc_data", "curses", "dbm", "__pycache__"}
    | {"EXTERNALLY-MANAGED", "sitecustomize.py", "_distutils_system_mod.py"}
)
_LEFT_OUT_MODULES: Final = (
    *("_tkinter", "_curses", "readline", "_dbm", "_gdbm", "nis", "_crypt", "ossaudiodev", "xxlimited"),
    *("_test", "_xxtestfuzz", "_ctypes_test"),
)


def lay_out(folder: Folder, packed: Packed, kind: Kind) -> None:
    """Interpreter, standard library, libraries, and the two programs that start them. Raises KitError, OSError."""
    home = f"usr/lib/python{kind.python}/"
    python = f"lib/python{kind.python}"
    for path in sorted(packed.files):
        if path.startswith(home) and not _is_left_out(path.removeprefix(home)):
            folder.write(f"{python}/{path.removeprefix(home)}", packed.files[path])
    folder.write(f"{python}/python", packed.read(f"usr/bin/python{kind.python}"), executable=True)
    places = (f"lib/{kind.triplet}", f"usr/lib/{kind.triplet}")
    for name in _LIBRARIES:
        folder.write(f"lib/{name}", packed.find(name, places))
    folder.write(f"lib/{kind.loader}", packed.find(kind.loader, places), executable=True)
    # It stands in for an environment: no variable, no directory of the machine's own Python counts.
    folder.write("bin/python3._pth", f"../{python}\n../{python}/lib-dynload\n../app\n".encode())
    for name, words in (("python3", ""), ("unrep", "-m unrep ")):
        folder.write(f"bin/{name}", _launcher(kind, words), executable=True)
    for name in ("install.sh", "uninstall.sh"):
        folder.write(name, read_given(_LAUNCHERS / name), executable=True)


def interpreter(root: Path, kind: Kind) -> list[str]:
    """The command that runs the Python of a kit on this machine."""
    library = str(root / "lib")
    loader = [f"{library}/{kind.loader}", "--inhibit-cache", "--library-path", library]
    return [*loader, "--argv0", str(root / "bin" / "python3"), f"{library}/python{kind.python}/python", "-B"]


def compiled_directories(kind: Kind) -> Sequence[str]:
    """Where a kit has sources of Python."""
    return f"lib/python{kind.python}", "app"


def _is_left_out(path: str) -> bool:
    parts = path.split("/")
    if not _LEFT_OUT.isdisjoint(parts):
        return True
    return parts[0] == "lib-dynload" and parts[1].startswith(_LEFT_OUT_MODULES)


def _launcher(kind: Kind, words: str) -> bytes:
    text = (_LAUNCHERS / "unrep.sh").read_text("utf-8")
    values = {"MACHINE": kind.machine, "LOADER": kind.loader, "PYTHON": kind.python, "WORDS": words}
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text.encode()

r"""Programs that unrep starts itself, by names that nothing near can answer to: [A-102].

A bare name is looked for in the current directory, on Windows always and on POSIX where PATH says so. And whoever sets
the environment decides what a name stands for. So programs of the system are named in full, and others are looked for
in the absolute directories of PATH alone.
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bundle.host import presence

_SYSTEM_DIRECTORIES: Final = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_MAX_PATH_CHARACTERS: Final = 32_768
# Prefixes of the variables by which Python and pip run, or download, something else.
_STEERING: Final = ("PYTHON", "PIP_", "__PYVENV_")


def system_program(name: str) -> str:
    """The full path of a program of the system, such as systemctl. If it is not in the usual places, PATH decides."""
    usual = _found(name, _SYSTEM_DIRECTORIES)
    return usual or located(name) or name


def located(name: str) -> str | None:
    """The program of that name in the absolute directories of PATH, None for none. A name with a directory stays as it
    is."""
    if Path(name).name != name:
        return name
    return _found(name, tuple(place for place in os.get_exec_path() if Path(place).is_absolute()))


def system32(program: str) -> str:
    r"""The full path of a program of Windows, as Windows itself says where they are.

    A 32-bit Python is shown another System32 than the real one, which for it alone is called Sysnative.
    """
    native = _windows_directory("GetSystemWindowsDirectoryW") / "Sysnative"
    return str((native if presence.is_directory(native) else _windows_directory("GetSystemDirectoryW")) / program)


def isolated_environment() -> Mapping[str, str]:
    """Our environment without the variables that change what Python or pip do."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_STEERING)}


def neutral_directory() -> Path:
    """A directory that every machine has, in which nobody but its administrator puts files."""
    return Path(Path(sys.executable).anchor)


def _found(name: str, directories: tuple[str, ...]) -> str | None:
    names = (name, f"{name}.exe") if os.name == "nt" else (name,)
    places = (Path(directory) / each for directory in directories for each in names)
    return next((str(place) for place in places if presence.is_file(place) and os.access(place, os.X_OK)), None)


def _windows_directory(call: str) -> Path:
    if sys.platform != "win32":
        return Path(r"C:\Windows", *(["System32"] if call == "GetSystemDirectoryW" else []))
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    buffer = ctypes.create_unicode_buffer(_MAX_PATH_CHARACTERS)
    if not getattr(kernel, call)(buffer, len(buffer)):
        raise ctypes.WinError(ctypes.get_last_error())
    return Path(buffer.value)

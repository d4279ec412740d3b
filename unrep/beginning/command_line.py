"""A command as a person types it, taken apart as the operating system does: the configuration holds words."""

import ctypes
import shlex
import sys

from bundle.errors import InputError


def words_of(line: str) -> tuple[str, ...]:
    """The words; none for an empty line. Raises InputError for quotes that do not close."""
    if not line.strip():
        return ()
    try:
        return tuple(_words(line))
    except (ValueError, OSError) as error:
        raise InputError(f"{line}: is no command: {str(error).lower()}") from error


if sys.platform == "win32":

    def _words(line: str) -> list[str]:
        shell, kernel = ctypes.WinDLL("shell32", use_last_error=True), ctypes.WinDLL("kernel32")
        shell.CommandLineToArgvW.restype = ctypes.POINTER(ctypes.c_wchar_p)
        kernel.LocalFree.argtypes = [ctypes.c_void_p]
        count = ctypes.c_int()
        # The first word has rules of its own, being the program's, and quotes in it escape nothing.
        found = shell.CommandLineToArgvW(ctypes.c_wchar_p(line.strip()), ctypes.byref(count))
        if not found:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            return [str(found[number]) for number in range(count.value)]
        finally:
            kernel.LocalFree(found)

else:

    def _words(line: str) -> list[str]:
        return shlex.split(line)

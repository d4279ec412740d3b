"""Whose account this process runs under, as the system knows it: the environment says what anybody likes [A-96]."""

import os
import sys

if sys.platform == "win32":
    import ctypes
else:
    import pwd

_MOST_UNITS = 257  # UNLEN of lmcons.h, and a NUL


def user_name() -> str:
    """The name of the account, its number where it has no name, or "unknown" where Windows gives neither."""
    if sys.platform == "win32":
        name = ctypes.create_unicode_buffer(_MOST_UNITS)
        size = ctypes.c_uint32(_MOST_UNITS)
        done = ctypes.WinDLL("advapi32").GetUserNameW(name, ctypes.byref(size))
        return name.value if done else "unknown"
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"

"""Who may do what below a site on Windows: the list that `unrep agent install` sets there [A-104]. winnt.h, aclapi.h.

    SITE                 administrators, SYSTEM and the agent's account all, users read, for the application runs as one
    SITE/.unrep          administrators, SYSTEM and the agent's account all, nobody else anything
    SITE/.venvs          as SITE: the application's Python is there

What directories of the application inherit is replaced, what was granted on them alone stays. The owner becomes the
group of administrators, for an owner may always change the list.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any, Final

from apply.site.layout import Site
from unrep.agent.service.accounts import LOCAL_SYSTEM
from unrep.errors import UsageRefused

_FILE_OBJECT, _SDDL_REVISION = 1, 1
_OWNER, _DACL, _PROTECTED_DACL = 0x1, 0x4, 0x80000000
_MAX_SID_BYTES, _MAX_NAME_CHARACTERS = 256, 256
_ALL: Final = "(A;OICI;FA;;;{})"
_READ_BY_USERS: Final = "(A;OICI;0x1200a9;;;BU)"


def descriptor(account_sid: str, *, read_by_users: bool) -> str:
    """The security descriptor in its own language (SDDL); `account_sid` is "" where the agent is SYSTEM itself."""
    full = "".join(_ALL.format(who) for who in ("SY", "BA", account_sid) if who)
    return f"O:BAD:PAI{full}{_READ_BY_USERS if read_by_users else ''}"


def close_off(site: Site, account: str) -> None:
    """Sets the lists; `account` as the service manager names it. Raises UsageRefused where Windows refuses."""
    sid = "" if account == LOCAL_SYSTEM else _sid(account)
    for place, read_by_users in ((site.root, True), (site.private, False), (site.venvs, True)):
        _set(place, descriptor(sid, read_by_users=read_by_users))


def _set(path: Path, text: str) -> None:
    api, made = _advapi32(), ctypes.c_void_p()
    if not api.ConvertStringSecurityDescriptorToSecurityDescriptorW(text, _SDDL_REVISION, ctypes.byref(made), None):
        raise _refused(path, _last_error())
    try:
        owner, dacl, is_there, is_default = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int()
        api.GetSecurityDescriptorOwner(made, ctypes.byref(owner), ctypes.byref(is_default))
        api.GetSecurityDescriptorDacl(made, ctypes.byref(is_there), ctypes.byref(dacl), ctypes.byref(is_default))
        what = _OWNER | _DACL | _PROTECTED_DACL
        code = api.SetNamedSecurityInfoW(str(path), _FILE_OBJECT, what, owner, None, dacl, None)
    finally:
        _kernel32().LocalFree(made)
    if code:
        raise _refused(path, code)


def _sid(account: str) -> str:
    """The account's number, as S-1-5-19. Raises UsageRefused for one that Windows does not know."""
    api, sid, domain = _advapi32(), ctypes.create_string_buffer(_MAX_SID_BYTES), ctypes.create_unicode_buffer(256)
    sizes = ctypes.c_uint32(_MAX_SID_BYTES), ctypes.c_uint32(_MAX_NAME_CHARACTERS)
    kind, text = ctypes.c_int(), ctypes.c_wchar_p()
    sizes_at = ctypes.byref(sizes[0]), domain, ctypes.byref(sizes[1])
    if not api.LookupAccountNameW(None, account, sid, *sizes_at, ctypes.byref(kind)):
        raise UsageRefused(f"--account {account}: Windows knows no such account (error {_last_error()})")
    api.ConvertSidToStringSidW(sid, ctypes.byref(text))
    try:
        return str(text.value)
    finally:
        _kernel32().LocalFree(text)


def _refused(path: Path, code: int) -> UsageRefused:
    return UsageRefused(f"{path}: its access list cannot be set: Windows error {code}; run this as an administrator")


def _advapi32() -> Any:
    if sys.platform != "win32":
        raise UsageRefused("access lists of this kind exist on Windows only")
    return ctypes.WinDLL("advapi32", use_last_error=True)


def _kernel32() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("kernel32", use_last_error=True)
    return None


def _last_error() -> int:
    if sys.platform == "win32":
        return ctypes.get_last_error()
    return 0

"""Which paths a release may hold, for both rule sets: spec/format.md, section 4. Nowhere else is a path judged.

`any` is the default: a tree that Windows and Linux can both hold. `posix` keeps only what protects the site.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache

from bundle.errors import Malformed
from bundle.names.assigned import first_unassigned, upper

MAX_PATH_UNITS = 1024
MAX_COMPONENT_UNITS = 255
RESERVED_TOP = ".unrep"
COMPONENTS_KEPT = 1 << 12  # in order of their paths, directories come again soon, and most names of files never

_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\\x7f]')
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\..*)?")  # of a name in upper case
_SHORT_NAME = re.compile(r"[^.]{1,6}~[0-9]+(\.[^.]{0,3})?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def check_path(path: str, platform: str) -> None:
    """Raises Malformed unless `path` is a safe relative path under the rules of `platform` [F-14], [F-15]."""
    if _units(path) > MAX_PATH_UNITS:
        raise Malformed(f"path {path[:60]!r}…: longer than {MAX_PATH_UNITS} UTF-16 units")
    for component in path.split("/"):
        reason = _component_fault(component)
        if not reason and platform != "posix":
            reason = _windows_fault(component)
        if reason:
            raise Malformed(f"path {path!r}: {reason}")
    if path.split("/", 1)[0].casefold() == RESERVED_TOP:
        raise Malformed(f"path {path!r}: '{RESERVED_TOP}' is reserved for unrep itself")


def check_tree(paths: Collection[str], platform: str) -> None:
    """Raises Malformed where two paths cannot stand in one tree [F-16], [F-17]; each was checked alone."""
    fold = str if platform == "posix" else fold_case
    if _may_clash(paths, fold):
        _check_each(paths, fold)


def _may_clash(paths: Collection[str], fold: Callable[[str], str]) -> bool:
    """Whether two paths, or a path and a parent, may be one. Hashes tell, and take less memory than the names."""
    import numpy as np  # only here: what judges a single path need not wait for it

    hashes = np.fromiter((hash(fold(path)) for path in paths), np.int64, len(paths))
    hashes.sort()
    if (hashes[1:] == hashes[:-1]).any():
        return True
    parents: dict[str, str] = {}
    for path in paths:
        _claim_parents(path, fold, parents)
    above = np.fromiter(map(hash, parents), np.int64, len(parents))
    return bool(np.isin(above, hashes, assume_unique=True).any())


def _check_each(paths: Iterable[str], fold: Callable[[str], str]) -> None:
    seen: dict[str, str] = {}
    parents: dict[str, str] = {}
    for path in paths:
        key = fold(path)
        if key in seen:
            raise Malformed(f"path {path!r}: the same as {seen[key]!r} where letter case does not count")
        seen[key] = path
        _claim_parents(path, fold, parents)
    for key, parent in parents.items():
        if key in seen:
            raise Malformed(f"path {seen[key]!r}: a file or empty directory, yet {parent!r} is the parent of others")


def check_link(path: str, target: str) -> None:
    """Raises Malformed unless a symbolic link at `path` to `target` is relative and stays inside the tree [F-18].

    Two dots count only in front: behind a name that is a link itself they would lead out of where that one leads.
    """
    if target.startswith("/"):
        raise Malformed(f"symbolic link {path!r}: its target {target!r} is absolute; let it lead to within the release")
    components = target.split("/")
    up = next((at for at, component in enumerate(components) if component != ".."), len(components))
    if up > path.count("/"):
        raise Malformed(f"symbolic link {path!r}: its target {target!r} leaves the release")
    for component in components[up:]:
        if fault := _component_fault(component):
            raise Malformed(f"symbolic link {path!r}: target {target!r}: {fault}")


def check_version(version: str) -> None:
    """Raises Malformed unless `version` can name a directory under `versions/` [F-7]."""
    if not _VERSION.fullmatch(version) or _windows_fault(version):
        raise Malformed(
            f"version {version!r}: use 1 to 64 letters, digits and '._+-', starting with a letter or digit, "
            "not ending with '.', and no Windows device name"
        )


def fold_case(text: str) -> str:
    """The key under which two paths are one to any file system that ignores case or normal form [F-16]."""
    return unicodedata.normalize("NFC", upper(unicodedata.normalize("NFC", text)).casefold())


def _claim_parents(path: str, fold: Callable[[str], str], parents: dict[str, str]) -> None:
    while "/" in path:
        path = path.rsplit("/", 1)[0]
        known = parents.setdefault(fold(path), path)
        if known is path:
            continue
        if known != path:
            raise Malformed(f"directory {path!r}: spelled {known!r} elsewhere in the release")
        return


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@lru_cache(COMPONENTS_KEPT)
def _component_fault(component: str) -> str:
    """What is wrong with a component under both rule sets; empty if nothing is."""
    if component in ("", ".", ".."):
        return f"component {component!r} is not allowed"
    if _units(component) > MAX_COMPONENT_UNITS:
        return f"a component is longer than {MAX_COMPONENT_UNITS} UTF-16 units"
    if "\0" in component:
        return "it holds a NUL"
    if character := first_unassigned(component):
        return f"it holds U+{ord(character):04X}, which is no character of Unicode 14.0; rename it"
    if unicodedata.normalize("NFC", component) != component:
        return "it is not in Unicode normal form C"
    return ""


@lru_cache(COMPONENTS_KEPT)
def _windows_fault(component: str) -> str:
    """Why Windows would not keep a component as it is; empty if it would."""
    if found := _FORBIDDEN.search(component):
        return f"character {found.group()!r} is not allowed on Windows"
    if component[-1] in " .":
        return "a component ends with a space or dot, which Windows drops"
    if _DEVICE.fullmatch(upper(component)):
        return "a component is a device name on Windows"
    if _SHORT_NAME.fullmatch(component):
        return "a component looks like a short 8.3 alias"
    return ""

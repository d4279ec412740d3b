"""Tree manifests and paths for the second reader: sections 3 and 4 of format.md, and the base that the receiver has."""

import hashlib
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from wire import Pairs, Refused, decode, encode, malformed, need

EMPTY = hashlib.sha256(b"").digest()
FILE, EXECUTABLE, DIRECTORY, LINK = range(4)
NAMES = ("file", "executable", "directory", "link")
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{d}{n}" for d in ("COM", "LPT") for n in "0123456789¹²³"
}
ALIAS = re.compile(r"[^.]{1,6}~[0-9]+(\.[^.]{0,3})?")

TABLE = Path(__file__).resolve().parent.parent / "unicode-14.0.txt"
# Code points at which a range of assigned ones begins, or has just ended, in turn.
EDGES = [
    int(edge, 16) + behind
    for line in TABLE.read_text("ascii").splitlines()
    for behind, edge in enumerate(line.split(".."))
]


@dataclass(frozen=True)
class Entry:
    path: str
    kind: int
    size: int
    hash: bytes


def keyed(value: Any, types: Mapping[str, type], optional: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A map with its keys in the order of `types`, those in `optional` absent where they have that default [F-3]."""
    need(isinstance(value, Pairs), f"{name} is no map")
    keys = [key for key, _ in value]
    need(
        keys == [key for key in types if key in keys or key not in optional], f"{name} lacks a key, or has one too many"
    )
    for key, item in value:
        need(type(item) is types[key], f"{name}: {key} has another type")
        need(key not in optional or item != optional[key], f"{name}: {key} has its default, which is left out")
    return {**optional, **dict(value)}


def is_device(name: str) -> bool:
    return _upper(name.split(".")[0].rstrip(" ")) in DEVICES


def label(place: int) -> bytes:
    """What stands for the hash of what is made for a place, until that is known [F-101]."""
    return bytes(28) + place.to_bytes(4, "big")


def completed(entries: list[Entry], made: Mapping[int, bytes]) -> bytes:
    """The manifest, with the hashes of what was made in the place of their labels [F-101]."""
    known = {label(place): digest for place, digest in made.items()}
    columns = {"tree": 1, "paths": [e.path for e in entries], "kinds": bytes(e.kind for e in entries)}
    columns["sizes"] = [e.size for e in entries]
    return encode({**columns, "hashes": b"".join(known.get(e.hash, e.hash) for e in entries)})


def parse_draft(data: bytes, made: set[int], platform: str) -> list[Entry]:
    """[F-101], and [F-11] to [F-19] with labels for what is made."""
    types = {"tree": int, "paths": list, "kinds": bytes, "sizes": list, "hashes": bytes}
    columns = keyed(decode(data, "the tree manifest"), types, {}, "the tree manifest")
    paths, kinds, sizes, hashes = (columns[key] for key in ("paths", "kinds", "sizes", "hashes"))
    need(columns["tree"] == 1, "the tree manifest has another version than 1")
    need(
        len(paths) == len(kinds) == len(sizes) and len(hashes) == 32 * len(paths),
        "the tree manifest has columns of different lengths",
    )
    need(max(made, default=0) <= len(paths), "the recipes make a place that the release has not")
    rows = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    hashes = b"".join(label(place) if place in made else row for place, row in enumerate(rows, 1))
    need(
        all(type(p) is str for p in paths) and all(type(s) is int and s >= 0 for s in sizes),
        "the tree manifest has a path or a size that is none",
    )
    found = [
        Entry(p, k, s, hashes[32 * i : 32 * i + 32])
        for i, (p, k, s) in enumerate(zip(paths, kinds, sizes, strict=True))
    ]
    for entry in found:
        _judge(entry, platform)
    need(all(a < b for a, b in pairwise(paths)), "paths do not ascend")
    _judge_together(found, platform)
    sizes: dict[bytes, int] = {}
    agree = all(sizes.setdefault(entry.hash, entry.size) == entry.size for entry in found)
    need(agree, "two entries have the same hash and different sizes")
    return found


def _judge(entry: Entry, platform: str) -> None:
    need(entry.kind <= LINK, f"{entry.path!r} has kind {entry.kind}")
    need((entry.size == 0) == (entry.hash == EMPTY), f"{entry.path!r}: size 0 and the hash of nothing go together")
    need(entry.kind != DIRECTORY or entry.size == 0, f"{entry.path!r} is a directory with content")
    need(
        entry.kind != LINK or (platform == "posix" and 0 < entry.size <= 4095),
        f"{entry.path!r} links to nothing or too far, or not on posix alone",
    )
    need(_units(entry.path) <= 1024, f"{entry.path!r} is too long")
    components = entry.path.split("/")
    need(components[0].casefold() != ".unrep", f"{entry.path!r} is reserved")
    for name in components:
        _judge_component(name, entry.path)
        need(platform == "posix" or _windows_keeps(name), f"{entry.path!r} has a component that Windows does not keep")


def _judge_component(name: str, path: str) -> None:
    none = name in ("", ".", "..") or _units(name) > 255 or "\0" in name
    need(not none, f"{path!r} has a component that is none")
    need(_assigned(name), f"{path!r} has a character that Unicode 14.0 has not")
    need(unicodedata.normalize("NFC", name) == name, f"{path!r} is not in normal form C")


def _assigned(text: str) -> bool:
    """[F-67]"""
    return all(bisect_right(EDGES, ord(c)) % 2 == 1 for c in text)


def _upper(text: str) -> str:
    """Capitals that Unicode 14.0 has [F-16]."""
    return "".join(c.upper() if _assigned(c.upper()) else c for c in text)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _windows_keeps(name: str) -> bool:
    plain = not any(c in '<>:"|?*\\\x7f' or c < " " for c in name)
    return plain and name[-1] not in " ." and not is_device(name) and not ALIAS.fullmatch(name)


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", _upper(unicodedata.normalize("NFC", path)).casefold())


def _judge_together(entries: list[Entry], platform: str) -> None:
    """[F-16] [F-17]"""
    paths = {entry.path for entry in entries}
    parents = {path[: m.start()] for path in paths for m in re.finditer("/", path)}
    need(not paths & parents, "a path is the parent directory of another")
    if platform == "any":
        folded = {_fold(path) for path in paths}
        folded_parents = {_fold(path) for path in parents}
        need(
            len(folded) == len(paths) and len(folded_parents) == len(parents),
            "two paths or directories are alike on Windows",
        )
        need(not folded & folded_parents, "a path is like the directory of another")


def judge_link(path: str, target: bytes) -> None:
    """[F-18]"""
    try:
        text = target.decode()
    except UnicodeDecodeError as fault:
        raise malformed(f"{path!r}: its target is not UTF-8") from fault
    need(bool(text) and not text.startswith("/") and "\0" not in text, f"{path!r}: its target is not relative")
    names = text.split("/")
    up = next((at for at, name in enumerate(names) if name != ".."), len(names))
    need(up <= path.count("/"), f"{path!r}: its target leaves the tree")
    for name in names[up:]:
        _judge_component(name, path)


class Base:
    """A release that the receiver has: its entries in order, and what each one holds."""

    def __init__(self, found: Mapping[str, tuple[int, Callable[[], bytes]]]) -> None:
        self._read = [read for _, (_, read) in sorted(found.items())]
        contents = [read() for read in self._read]
        self.hashes = [hashlib.sha256(data).digest() for data in contents]
        columns = {"tree": 1, "paths": sorted(found), "kinds": bytes(found[path][0] for path in sorted(found))}
        self.manifest = encode({**columns, "sizes": [len(data) for data in contents], "hashes": b"".join(self.hashes)})
        self.tree = hashlib.sha256(self.manifest).digest()
        self.sizes = dict(zip(self.hashes, map(len, contents), strict=True))

    def object(self, number: int) -> bytes:
        """Object 0 is the manifest, 1 on the entries [F-32]."""
        return self.manifest if number == 0 else self._read[number - 1]()

    @classmethod
    def of_directory(cls, top: Path) -> "Base":
        if not top.is_dir():
            raise Refused("malformed", f"the base {top} is no directory")
        found: dict[str, tuple[int, Callable[[], bytes]]] = {}
        for path in sorted(top.rglob("*")):
            entry = _on_disk(path)
            if entry is not None:
                found[path.relative_to(top).as_posix()] = entry
        return cls(found)


def _on_disk(path: Path) -> tuple[int, Callable[[], bytes]] | None:
    if path.is_symlink():
        return LINK, lambda: path.readlink().as_posix().encode()
    if path.is_dir():
        return None if any(path.iterdir()) else (DIRECTORY, lambda: b"")
    return (EXECUTABLE if path.stat().st_mode & 0o100 else FILE), path.read_bytes

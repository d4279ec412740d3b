"""Vectors of repair requests, section 11 of spec/format.md, as raw bytes. The receiver has the release TARGET."""

from typing import Any

from raw import TARGET, Raw, Tree, digest, manifest, pack

M = "malformed"
MANIFEST = manifest(TARGET)
Pair = tuple[str, Any]
Repair = tuple[str, str, str, str, bytes]  # name, class, requirements, about, bytes


def without(*places: int) -> bytes:
    """The tree hash of what is left."""
    left: Tree = [entry for place, entry in enumerate(TARGET, 1) if place not in places]
    return digest(manifest(left))


FIELDS: list[Pair] = [
    ("need", 1),
    ("product", "vectors"),
    ("tree", digest(MANIFEST)),
    ("damaged", [2, 3]),
    ("left", without(2, 5)),
]


def request(*changes: Pair, damaged: tuple[int, ...] = (2, 5), more: list[Pair] | None = None) -> bytes:
    steps = [after - before for before, after in zip((0, *damaged), damaged, strict=False)]
    fields = dict(FIELDS) | {"damaged": steps, "left": without(*damaged)} | dict(changes)
    return pack((*fields.items(), *(more or [])))


SOUND: list[tuple[str, str, str, bytes]] = [
    ("two", "F-61", "two files are lost", request()),
    ("first", "F-61", "the first entry", request(damaged=(1,))),
    ("last", "F-61", "the last entry", request(damaged=(len(TARGET),))),
    ("directory", "F-61", "an empty directory", request(damaged=(3,))),
    ("all", "F-61", "every entry", request(damaged=tuple(range(1, len(TARGET) + 1)))),
]
BROKEN: list[tuple[str, str, str, bytes]] = [
    ("version-0", "F-60", "version 0", request(("need", 0))),
    ("version-2", "F-60", "version 2", request(("need", 2))),
    ("version-true", "F-3* F-60", "true for the version", request(("need", True))),
    ("wide", "F-3* F-60", "the version in two bytes", request(("need", Raw(b"\xcc\x01")))),
    ("key", "F-60", "an unknown key", request(more=[("more", 1)])),
    ("key-missing", "F-60", "no key `left`", pack(tuple(FIELDS[:4]))),
    ("array", "F-60", "an array in place of a map", pack([value for _, value in FIELDS])),
    ("trailing", "F-3* F-60", "a byte behind it", request() + b"\0"),
    ("empty", "F-3* F-60", "no byte", b""),
    ("product", "F-60", "a number for the product", request(("product", 1))),
    ("tree-text", "F-60", "a text for the tree hash", request(("tree", "x" * 32))),
    ("tree-short", "F-60", "a tree hash of 31 bytes", request(("tree", digest(MANIFEST)[:31]))),
    ("left-long", "F-60", "33 bytes for what is left", request(("left", without(2, 5) + b"\0"))),
    ("place-none", "F-60", "no place", request(damaged=())),
    ("place-0", "F-60* F-61", "place 0", request(("damaged", [0]), ("left", without()))),
    ("place-twice", "F-60* F-61", "a place twice", request(("damaged", [2, 0, 3]))),
    ("place-back", "F-60* F-61", "places that descend", request(("damaged", [5, -3]))),
    ("place-text", "F-60", "a text for a place", request(("damaged", ["2", 3]))),
    ("place-beyond", "F-61", "a place behind the last", request(("damaged", [2, 3, 3]))),
    ("other-release", "F-61", "the tree hash of another release", request(("tree", without(1)))),
    ("other-left", "F-61", "what is left without another file", request(("left", without(2, 4)))),
]
REPAIRS: list[Repair] = [(f"repair-{name}", "accept", *rest) for name, *rest in SOUND]  # type: ignore[misc]
REPAIRS += [(f"repair-{name}", M, *rest) for name, *rest in BROKEN]  # type: ignore[misc]

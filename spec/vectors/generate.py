"""Writes the vectors of format 1; see README.md.

    python spec/vectors/generate.py [DIRECTORY]

What a vector changes of a sound bundle is the one defect that it has. Needs the standard library and `cryptography`,
for Ed25519. The same call always writes the same bytes.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bounds import CASES as BOUND_CASES
from bunzipped import CASES as BZIP2_CASES
from cases import CASES as EDGE_CASES
from chains import CASES as CHAIN_CASES
from channels import CHANNELS
from derived import CASES as DERIVED_CASES
from derived_codes import CASES as DERIVED_CODE_CASES
from files import CASES as FILE_CASES
from frames import CASES as FRAME_CASES
from heartbeats import HEARTBEATS
from keys import KEYS
from levels import LEVELS, OF, level_of, spread
from lone_checks import CASES as LONE_CASES
from names import CASES as NAME_CASES
from pictures import CASES as PICTURE_CASES
from raw import BASE, TRUSTED, WRITTEN, Tree, digest
from rebased import CASES as REBASED_CASES
from receipts import RECEIPTS
from repairs import MANIFEST, REPAIRS
from rooms import CASES as ROOM_CASES
from roots import CASES as ROOT_CASES
from sealed import SEALED, SHIP, SHIP_KEYS, Ticket
from shapes import CASES as SHAPE_CASES
from sound import CASES as SOUND_CASES
from stages import STAGES
from steps import CASES as STEP_CASES
from streams import CASES as STREAM_CASES
from xz_files import CASES as XZ_CASES


@dataclass(frozen=True)
class Vector:
    """What stands in vectors.json about one file. `ticket` lies beside it.

    `requirements`: such as "F-5 F-9"; the one with a star is isolated, and one that stands alone is, too.
    `level`: where it is not that of its requirements.
    `base`: the receiver's base, where it is not that of all others.
    adopted: what becomes of it where a person has adopted its trust roots, "" if it carries none.
    """

    name: str
    expect: str
    requirements: str
    about: str
    make: Callable[[], bytes]
    ticket: Ticket | None = None
    base: Tree | None = None
    adopted: str = ""
    level: str = ""


VECTORS = [
    Vector(*case)
    for case in (
        *SOUND_CASES,
        *FILE_CASES,
        *ROOT_CASES,
        *FRAME_CASES,
        *REBASED_CASES,
        *PICTURE_CASES,
        *BZIP2_CASES,
        *XZ_CASES,
        *CHAIN_CASES,
        *EDGE_CASES,
        *STREAM_CASES,
        *SHAPE_CASES,
        *DERIVED_CASES,
        *DERIVED_CODE_CASES,
        *BOUND_CASES,
        *ROOM_CASES,
        *NAME_CASES,
        *LONE_CASES,
        *STEP_CASES,
        *SEALED,
    )
]


def proven(requirements: str, level: str = "") -> dict[str, Any]:
    """What a vector proves, alone or with others, and at which level it does."""
    numbers = [number.rstrip("*") for number in requirements.split()]
    marked = [number.rstrip("*") for number in requirements.split() if number.endswith("*")]
    isolated = marked or (numbers if len(numbers) == 1 else [None])
    return {"requirements": numbers, "isolates": isolated[0], "level": level or level_of(numbers)}


def hexed(tree: Tree) -> dict[str, str]:
    return {path: content.hex() for path, _, content in tree}


def listed(kind: str, statements: Sequence[tuple[str, str, str, str, bytes]], level: str) -> list[dict[str, Any]]:
    """What stands in vectors.json about signed files of a kind."""
    return [
        {"name": name, "expect": expect, **proven(requirements, level), "about": about, kind: data.hex()}
        for name, expect, requirements, about, data in statements
    ]


def listed_keys(
    keys: Sequence[tuple[str, str, bytes | str, str]], requirement: str, level: str
) -> list[dict[str, Any]]:
    """The same about public keys."""
    return [
        {"name": name, "expect": expect, **proven(requirement, level), "about": about, "key": key}
        for name, expect, key, about in keys
    ]


def content(tree: Tree) -> str:
    """The SHA-256 of the hashes of all that a release holds, in the order of its entries."""
    return digest(b"".join(digest(data) for _, _, data in tree)).hex()


def described(item: Vector, data: bytes) -> dict[str, Any]:
    """What stands in vectors.json about a vector, of which these are the bytes."""
    said: dict[str, Any] = {"name": item.name, "expect": item.expect}
    said |= proven(item.requirements, item.level) | {"about": item.about}
    if "accept" in (item.expect, item.adopted):
        said["content"] = content(WRITTEN[-1])
    if item.adopted:
        said["adopted"] = item.adopted
    if item.ticket:
        said["ticket"] = item.ticket.write(data).hex()
    if item.base:
        said["base"] = hexed(item.base)
    return said


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    listing = []
    for item in VECTORS:
        data = item.make()
        (directory / f"{item.name}.unrep").write_bytes(data)
        listing.append(described(item, data))
    document = {
        "format": 1,
        "unicode": "14.0",
        "trusted": TRUSTED.public_key().public_bytes_raw().hex(),
        "ship": SHIP.private_bytes_raw().hex(),
        "base": hexed(BASE),
        "levels": {
            name: {"needs": list(needs), "requirements": spread(numbers)} for name, (needs, numbers) in LEVELS.items()
        },
        "vectors": listing,
        "keys": listed_keys(KEYS, "F-29", OF["F-29"]),
        "heartbeats": listed("heartbeat", HEARTBEATS, "trust"),
        "channels": listed("channel", CHANNELS, "messages"),
        "receipts": listed("receipt", RECEIPTS, "messages"),
        "repairs": [item | {"manifest": MANIFEST.hex()} for item in listed("repair", REPAIRS, "messages")],
        "ship_keys": listed_keys(SHIP_KEYS, "S-7", "sealed"),
        "stages": [
            {"name": name, "stage": stage, "expect": expect, **proven(requirements, "stages"), "about": about}
            | {"data": data}
            | ({"result": result} if expect == "accept" else {})
            for name, stage, expect, requirements, about, data, result in STAGES
        ],
    }
    text = json.dumps(document, indent=1, ensure_ascii=True) + "\n"
    (directory / "vectors.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

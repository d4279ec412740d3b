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
from names import CASES as NAME_CASES
from pictures import CASES as PICTURE_CASES
from raw import BASE, TRUSTED, Tree
from rebased import CASES as REBASED_CASES
from receipts import RECEIPTS
from rooms import CASES as ROOM_CASES
from roots import CASES as ROOT_CASES
from sealed import SEALED, SHIP, SHIP_KEYS, Ticket
from shapes import CASES as SHAPE_CASES
from sound import CASES as SOUND_CASES
from streams import CASES as STREAM_CASES
from xz_files import CASES as XZ_CASES


@dataclass(frozen=True)
class Vector:
    """What stands in vectors.json about one file. `requirements`: such as "F-5 F-9"; `ticket` lies beside it.

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
        *DERIVED_CODE_CASES,
        *DERIVED_CASES,
        *BOUND_CASES,
        *ROOM_CASES,
        *NAME_CASES,
        *SEALED,
    )
]


def cited(requirements: str) -> str:
    return " ".join(f"[{number}]" for number in requirements.split())


def hexed(tree: Tree) -> dict[str, str]:
    return {path: content.hex() for path, _, content in tree}


def listed(kind: str, statements: Sequence[tuple[str, str, str, str, bytes]]) -> list[dict[str, str]]:
    """What stands in vectors.json about signed files of a kind."""
    return [
        {"name": name, "expect": expect, "requirements": cited(requirements), "about": about, kind: data.hex()}
        for name, expect, requirements, about, data in statements
    ]


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    listing = []
    for item in VECTORS:
        data = item.make()
        (directory / f"{item.name}.unrep").write_bytes(data)
        listing.append(
            {
                "name": item.name,
                "expect": item.expect,
                "requirements": cited(item.requirements),
                "about": item.about,
            }
            | ({"adopted": item.adopted} if item.adopted else {})
            | ({"ticket": item.ticket.write(data).hex()} if item.ticket else {})
            | ({"base": hexed(item.base)} if item.base else {})
        )
    document = {
        "trusted": TRUSTED.public_key().public_bytes_raw().hex(),
        "ship": SHIP.private_bytes_raw().hex(),
        "base": hexed(BASE),
        "vectors": listing,
        "keys": [dict(zip(("name", "expect", "key", "about"), key, strict=True)) for key in KEYS],
        "heartbeats": listed("heartbeat", HEARTBEATS),
        "channels": listed("channel", CHANNELS),
        "receipts": listed("receipt", RECEIPTS),
        "ship_keys": [dict(zip(("name", "expect", "key", "about"), key, strict=True)) for key in SHIP_KEYS],
    }
    text = json.dumps(document, indent=1, ensure_ascii=True) + "\n"
    (directory / "vectors.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Runs the second reader over spec/vectors and compares verdicts; copy it to run a reader of your own.

    python spec/reader/run_vectors.py [DIRECTORY]

One line for each vector that it judges otherwise or cannot evaluate, then the counts. Exit code 0 if all agree, else 1.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from channel import read_channel
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from images import JUMP, NAMES, find_references, parse_image
from receipts import read_receipt
from sealing import Ship, check_ship_key
from tree import FILE, Base
from trust import Trust, check_key, read_heartbeat
from unrep_reader import Bundle, verify
from wire import Refused

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def judge(file: Path, trusted: list[bytes], base: Base, ship: Ship, adopted: bool = False) -> tuple[str, bool]:
    """The verdict, and whether every rule up to it was evaluated: accepted without a section rebuilt is not.

    `adopted`: a person has named the trust roots that the file carries.
    """
    try:
        with file.open("rb") as opened:
            trust = Trust.of_keys(trusted, 1)
            trust = trust.adopting(block_of(file)) if adopted else trust
            section, _ = verify(Bundle(opened, trust), base, ship)
    except Refused as fault:
        return fault.kind, "this reader lacks" not in str(fault)
    return "accept", section is not None


def block_of(file: Path) -> bytes:
    """The signature block of a bundle [F-2]."""
    data = file.read_bytes()
    root, block = (int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    return data[14 + root : 14 + root + block]


def judge_key(raw: bytes, check: Callable[[bytes], None] = check_key) -> str:
    try:
        check(raw)
    except Refused as fault:
        return fault.kind
    return "accept"


def judge_signed(read: Callable[[bytes, Trust], object], data: bytes, trusted: bytes) -> str:
    """What becomes of a heartbeat, a channel file or a receipt."""
    try:
        read(data, Trust.of_keys([trusted], 1))
    except Refused as fault:
        return fault.kind
    return "accept"


def named(image: bytes) -> dict[str, list[list[int]]] | None:
    """The references of an image as images.json has them; None if it is no image."""
    found = parse_image(image)
    if found is None:
        return None
    listed: dict[str, list[list[int]]] = {}
    for r in find_references(found):
        row = [r.offset, r.target, r.anchor] if r.kind == JUMP else [r.offset, r.target]
        listed.setdefault(NAMES[r.kind], []).append(row)
    return listed


def wanted(vector: dict[str, str]) -> str:
    """What is to be said of a vector."""
    return vector["expect"] + (f", {vector['adopted']} once adopted" if "adopted" in vector else "")


def compare(directory: Path) -> tuple[int, list[str], list[str]]:
    """How many vectors there are, which are judged otherwise, and which are not evaluated to the end."""
    told = json.loads((directory / "vectors.json").read_text("utf-8"))
    images = json.loads((directory / "images.json").read_text("utf-8"))["images"]
    own = X25519PrivateKey.from_private_bytes(bytes.fromhex(told["ship"]))
    verdicts = {}
    for vector in told["vectors"]:
        ship = Ship(own, bytes.fromhex(vector["ticket"]) if "ticket" in vector else None)
        file = directory / f"{vector['name']}.unrep"
        listed = vector.get("base", told["base"])
        base = Base({name: (FILE, partial(bytes.fromhex, content)) for name, content in listed.items()})
        trusted = [bytes.fromhex(told["trusted"])]
        said, whole = judge(file, trusted, base, ship)
        if "adopted" in vector:
            later, whole_later = judge(file, trusted, base, ship, adopted=True)
            said, whole = f"{said}, {later} once adopted", whole and whole_later
        verdicts[vector["name"]] = said, whole
    expected = [(v["name"], wanted(v), verdicts[v["name"]][0]) for v in told["vectors"]]
    expected += [(f"key {k['name']}", k["expect"], judge_key(bytes.fromhex(k["key"]))) for k in told["keys"]]
    expected += [
        (f"key {k['name']}", k["expect"], judge_key(bytes.fromhex(k["key"]), check_ship_key)) for k in told["ship_keys"]
    ]
    key = bytes.fromhex(told["trusted"])
    expected += [
        (h["name"], h["expect"], judge_signed(read_heartbeat, bytes.fromhex(h["heartbeat"]), key))
        for h in told["heartbeats"]
    ]
    expected += [
        (c["name"], c["expect"], judge_signed(read_channel, bytes.fromhex(c["channel"]), key)) for c in told["channels"]
    ]
    expected += [
        (r["name"], r["expect"], judge_signed(read_receipt, bytes.fromhex(r["receipt"]), key)) for r in told["receipts"]
    ]
    expected += [(f"image {i['name']}", i["references"], named(bytes.fromhex(i["image"]))) for i in images]
    other = [f"{name}: {right} is expected, the reader says {said}" for name, right, said in expected if right != said]
    partly = [f"{name}: NOT FULLY EVALUATED" for name, (_, whole) in verdicts.items() if not whole]
    return len(expected), other, partly


def main(arguments: list[str]) -> int:
    count, other, partly = compare(Path(arguments[0]) if arguments else VECTORS)
    for line in other + partly:
        print(line)
    print(f"{count} vectors: {count - len(other)} judged alike, {count - len(partly)} fully evaluated")
    return bool(other)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

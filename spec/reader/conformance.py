"""The second reader for `unrep-conformance`: a line of JSON in, a line of JSON out (spec/conformance.md).

    unrep-conformance python spec/reader/conformance.py

Copy it to try a reader of your own.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from archives import complete, open_archive, split_skeleton
from channel import read_channel
from codings import coding_of
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from images import JUMP, NAMES, find_references, parse_image
from receipts import read_receipt
from repair import read_repair
from sealing import Ship, check_ship_key
from tree import FILE, Base
from trust import Trust, check_key, read_heartbeat
from unrep_reader import Bundle, verify
from wire import Cursor, Pairs, Refused, decode, need, packed

LEVELS = ["verify", "plain", "archives", "references", "derived", "sealed", "trust", "messages", "stages"]
KEYS: dict[str, Callable[[bytes], None]] = {"key": check_key, "ship_key": check_ship_key}
SIGNED: dict[str, Callable[[bytes, Trust], object]] = {
    "heartbeat": read_heartbeat,
    "channel": read_channel,
    "receipt": read_receipt,
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What this reader says to a request, without its number."""
    task = request["task"]
    if task == "hello":
        return {"reader": "the second reader (spec/reader)", "levels": LEVELS}
    try:
        if task == "bundle":
            return {"verdict": "accept", "content": judge_bundle(request)}
        data = bytes.fromhex(request["data"])
        if task == "image":
            return {"verdict": "accept", "references": named(data)}
        if task == "stage":
            return {"verdict": "accept", "result": STAGES[request["stage"]](data)}
        if task in KEYS:
            KEYS[task](data)
        elif task == "repair":
            read_repair(data, bytes.fromhex(request["manifest"]))
        else:
            SIGNED[task](data, Trust.of_keys([bytes.fromhex(request["trusted"])], 1))
    except Refused as fault:
        if "this reader lacks" in str(fault):
            return {"verdict": "lack", "why": str(fault)}
        return {"verdict": "refuse", "class": fault.kind, "why": str(fault)}
    return {"verdict": "accept"}


def judge_bundle(request: dict[str, Any]) -> str | None:
    """The hash of all hashes of the release that was made; None if no section suits."""
    file = Path(request["file"])
    trust = Trust.of_keys([bytes.fromhex(request["trusted"])], 1)
    ticket = None if request["ticket"] is None else bytes.fromhex(request["ticket"])
    ship = Ship(X25519PrivateKey.from_private_bytes(bytes.fromhex(request["ship"])), ticket)
    base = Base({name: (FILE, partial(bytes.fromhex, data)) for name, data in request["base"].items()})
    with file.open("rb") as opened:
        trust = trust.adopting(block_of(file.read_bytes())) if request["adopted"] else trust
        section, entries = verify(Bundle(opened, trust), base, ship)
    return hashlib.sha256(b"".join(entry.hash for entry in entries)).hexdigest() if section else None


def block_of(data: bytes) -> bytes:
    """The signature block of a bundle [F-2]."""
    root, block = (int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    return data[14 + root : 14 + root + block]


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


def value(data: bytes) -> Any:
    """A MessagePack value [F-3]; bytes and maps, which JSON has not, in an object of one key."""
    return _shown(decode(data, "the value"))


def _shown(item: Any) -> Any:
    if isinstance(item, bytes):
        return {"bin": item.hex()}
    if isinstance(item, Pairs):
        return {"map": [[_shown(key), _shown(one)] for key, one in item]}
    return [_shown(one) for one in item] if isinstance(item, list) else item


def number(data: bytes, *, signed: bool) -> int:
    """A varint or a seek, and nothing more [F-40]."""
    cursor = Cursor(data, "the number")
    found = cursor.seek() if signed else cursor.varint()
    cursor.end()
    return found


def archive(data: bytes) -> dict[str, Any]:
    """What opening it gives, of which it can be made again [F-46] [F-48]."""
    skeleton, *rest = open_archive(data)
    members, streams = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    codings = [coding_of(stream) for stream in streams]
    again = complete(*split_skeleton(Cursor(skeleton, "a skeleton")), members, streams, codings)
    need(again == data, "the archive is not what it was")
    parts = {"members": members, "streams": streams}
    return {"skeleton": skeleton.hex()} | {name: [part.hex() for part in some] for name, some in parts.items()}


STAGES: dict[str, Callable[[bytes], Any]] = {
    "value": value,
    "varint": partial(number, signed=False),
    "seek": partial(number, signed=True),
    "packed": lambda data: list(packed(decode(data, "the array"), "packed bytes")),
    "archive": archive,
}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **answer(request)}), flush=True)


if __name__ == "__main__":
    main()

"""Repair requests, from the text of spec/format.md, section 11, alone."""

import hashlib
from itertools import accumulate
from typing import Any

from tree import keyed
from wire import decode, encode, need

MAX_REQUEST = 4_194_304
REQUEST = {"need": int, "product": str, "tree": bytes, "damaged": list, "left": bytes}


def read_repair(data: bytes, manifest: bytes) -> dict[str, Any]:
    """Its fields, for whoever has the release with that manifest [F-60] [F-61]."""
    name = "the repair request"
    need(len(data) <= MAX_REQUEST, f"{name} has {len(data)} bytes")
    fields = keyed(decode(data, name), REQUEST, {}, name)
    need(fields["need"] == 1, f"{name} has another version")
    need(len(fields["tree"]) == 32 and len(fields["left"]) == 32, f"{name}: a tree hash has not 32 bytes")
    need(bool(fields["damaged"]), f"{name} names nothing that is damaged")
    need(all(type(step) is int and step >= 1 for step in fields["damaged"]), f"{name}: damaged does not ascend")
    need(fields["tree"] == hashlib.sha256(manifest).digest(), f"{name} is about another release")
    need(fields["left"] == _left(manifest, set(accumulate(fields["damaged"]))), f"{name}: left does not come out")
    return fields


def _left(manifest: bytes, damaged: set[int]) -> bytes:
    """The tree hash of the release without these places [F-61]."""
    columns = dict(decode(manifest, "the tree manifest"))
    count = len(columns["paths"])
    need(all(place <= count for place in damaged), "the repair request names a place that the release has not")
    kept = [at for at in range(count) if at + 1 not in damaged]
    for name in ("paths", "sizes"):
        columns[name] = [columns[name][at] for at in kept]
    columns["kinds"] = bytes(columns["kinds"][at] for at in kept)
    columns["hashes"] = b"".join(columns["hashes"][32 * at : 32 * at + 32] for at in kept)
    return hashlib.sha256(encode(columns)).digest()

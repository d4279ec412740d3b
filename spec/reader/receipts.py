"""Receipts, from the text of spec/receipts.md alone."""

from typing import Any

from trust import Signed, Trust
from wire import MAX_INT, Refused, decode, need

MAX_RECEIPT, FORMAT = 300, 2
WIDE = 2**32 - 1
# name, type, the most: bytes of a text or a hash, else the largest number
FIELDS: list[tuple[str, type, int]] = [
    ("receipt", int, FORMAT),
    ("number", int, WIDE),
    ("before", bytes, 8),
    ("record", int, WIDE),
    ("head", bytes, 16),
    ("outcome", int, 127),
    ("code", int, 127),
    ("reason", str, 40),
    ("product", str, 23),
    ("from", str, 23),
    ("to", str, 23),
    ("tree", bytes, 8),
    ("serving", bytes, 8),
    ("held", bytes, 28),
    ("deploy", int, WIDE),
    ("outage", int, WIDE),
    ("paid", int, MAX_INT),
    ("hold", int, 1),
    ("free", int, WIDE),
    ("program", str, 15),
    ("time", int, MAX_INT),
]


def read_receipt(data: bytes, trust: Trust) -> dict[str, Any]:
    """Its values by their names [C-1] to [C-5]; the site's key is the one that is trusted."""
    name = "the receipt"
    need(len(data) <= MAX_RECEIPT, f"{name} has {len(data)} bytes")
    signed = Signed.of(name, "receipt/2", decode(data, name))
    need(len(signed.signatures) == 1, f"{name} has {len(signed.signatures)} signatures")
    signed.need_signatures(trust.may, 1, "the sites that are known")
    values = decode(signed.payload, name)
    need(type(values) is list and bool(values), f"{name} is no array")
    if values[0] != FORMAT:
        raise Refused("unsupported", f"{name} has format {values[0]}")
    need(len(values) == len(FIELDS), f"{name} has {len(values)} values")
    for value, (field, kind, most) in zip(values, FIELDS, strict=True):
        need(type(value) is kind and 0 <= _measure(value) <= most, f"{name}: {field} is none")
    said = {field: value for value, (field, _, _) in zip(values, FIELDS, strict=True)}
    whole = all(len(said[hashed]) in (0, size) for hashed, size in (("tree", 8), ("serving", 8)))
    need(whole and len(said["held"]) % 4 == 0, f"{name}: a tree in it is none")
    need(said["number"] >= 1 and said["outcome"] >= 1, f"{name} has no number or no outcome")
    need(len(said["before"]) == (0 if said["number"] == 1 else 8), f"{name}: what is before it is none")
    need(len(said["head"]) == (16 if said["record"] else 0), f"{name}: the head in it is none")
    return said


def _measure(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else int(value)

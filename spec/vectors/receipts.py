"""Vectors of receipts, spec/receipts.md, as raw bytes. The reader knows one site, whose key is TRUSTED."""

from collections.abc import Callable
from typing import Any

from chains import as_it_is, statement
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from raw import CREATED, STRANGER, TRUSTED, Raw, digest, key_id, pack

RECEIPT_TYPE = b"unrep/receipt/2"
FIELDS = [
    "receipt",
    "number",
    "before",
    "record",
    "head",
    "outcome",
    "code",
    "reason",
    "product",
    "from",
    "to",
    "tree",
    "serving",
    "held",
    "deploy",
    "outage",
    "paid",
    "hold",
    "free",
    "program",
    "time",
]
OLD, NEW = digest(b"tree of 1.0.0"), digest(b"tree of 1.0.1")
VALUES: list[Any] = [
    2,
    7,
    digest(b"receipt 6")[:8],
    9,
    digest(b"record 9")[:16],
    3,
    2,
    "health: http://127.0.0.1/ answered 500",
    "vectors",
    "1.0.0",
    "1.0.1",
    NEW[:8],
    OLD[:8],
    OLD[:4] + NEW[:4],
    0,
    64_250,
    5809,
    1,
    20_480,
    "0.1.0",
    CREATED,
]
FIRST = {"number": 1, "before": b"", "record": 0, "head": b""}
LARGEST = {
    "number": 2**32 - 1,
    "record": 2**32 - 1,
    "outcome": 127,
    "code": 127,
    "reason": "",
    "product": "p" * 23,
    "from": "f" * 23,
    "to": "t" * 23,
    "held": bytes(28),
    "deploy": 2**32 - 1,
    "outage": 2**32 - 1,
    "paid": 2**53 - 1,
    "free": 2**32 - 1,
    "program": "u" * 15,
    "time": 2**53 - 1,
}


def receipt(
    *,
    keys: tuple[Ed25519PrivateKey, ...] = (TRUSTED,),
    payload_type: bytes = RECEIPT_TYPE,
    values: Callable[[list[Any]], Any] = as_it_is,
    payload: Callable[[bytes], bytes] = lambda data: data,
    signed: Callable[[list[Any]], Any] = lambda value: value,
    file: Callable[[bytes], bytes] = lambda data: data,
) -> bytes:
    """C-1."""
    data = payload(pack(values(list(VALUES))))
    return file(pack(signed(statement(data, list(keys), payload_type))))


def with_values(**changes: Any) -> bytes:
    """The keyword `from` comes by way of a dictionary."""
    return receipt(values=lambda values: [changes.get(name, old) for name, old in zip(FIELDS, values, strict=True)])


def of_size(total: int) -> bytes:
    """The largest values, and as long a reason as makes a file of that size."""
    shortest = len(with_values(**LARGEST))
    return with_values(**LARGEST | {"reason": "r" * (total - shortest)})


def borrowed(value: list[Any]) -> list[Any]:
    return [value[0], [[key_id(TRUSTED), value[1][0][1]]]]


M, U, N = "malformed", "untrusted", "unsupported"

# name, what must become of it, requirements, what it is, the file
RECEIPTS = [
    ("receipt", "accept", "C-1 C-3", "a release that was rolled back", receipt()),
    ("receipt-first", "accept", "C-4", "the first of a site, before any run", with_values(**FIRST)),
    ("receipt-300", "accept", "C-1 C-4", "300 bytes, the largest values", of_size(300)),
    ("receipt-301", M, "C-1", "301 bytes", of_size(301)),
    ("receipt-new-outcome", "accept", "C-6", "an outcome that no table has", with_values(outcome=99)),
    ("receipt-new-code", "accept", "C-7", "a reason code that no table has", with_values(code=99)),
    ("receipt-empty", M, "C-1", "no byte", b""),
    ("receipt-trailing", M, "C-1", "a byte more", receipt(file=lambda data: data + b"\0")),
    ("receipt-cut", M, "C-1", "a byte less", receipt(file=lambda data: data[:-1])),
    ("receipt-two", M, "C-1", "two signatures", receipt(keys=(TRUSTED, STRANGER))),
    ("receipt-none", M, "C-1", "no signature", receipt(keys=())),
    ("receipt-stranger", U, "C-2", "another site", receipt(keys=(STRANGER,))),
    ("receipt-borrowed", U, "C-2", "the id of a key that did not sign", receipt(keys=(STRANGER,), signed=borrowed)),
    ("receipt-type", U, "C-1", "signed as a heartbeat", receipt(payload_type=b"unrep/heartbeat/1")),
    ("receipt-flipped", U, "C-2", "a bit of the payload", receipt(file=lambda d: d[:40] + bytes([d[40] ^ 1]) + d[41:])),
    ("receipt-format-1", N, "C-5", "format 1", with_values(receipt=1)),
    ("receipt-format-3", N, "C-5", "format 3, with a value more", receipt(values=lambda v: [3, *v[1:], 0])),
    ("receipt-more", M, "C-3", "a value more", receipt(values=lambda v: [*v, 0])),
    ("receipt-less", M, "C-3", "a value less", receipt(values=lambda v: v[:-1])),
    ("receipt-map", M, "C-3", "a map", receipt(payload=lambda _: pack((("receipt", 2),)))),
    ("receipt-wide", M, "C-3", "a number wider than it needs", with_values(code=Raw(b"\xcc\x02"))),
    ("receipt-payload-trailing", M, "C-3", "a byte behind the payload", receipt(payload=lambda data: data + b"\0")),
    ("receipt-number-0", M, "C-4", "number 0", with_values(**FIRST | {"number": 0})),
    ("receipt-number-wide", M, "C-4", "a number of 2^32", with_values(number=2**32)),
    ("receipt-outcome-0", M, "C-4", "outcome 0", with_values(outcome=0)),
    ("receipt-outcome-128", M, "C-4", "outcome 128", with_values(outcome=128)),
    ("receipt-before-first", M, "C-4", "a first one that has one before it", with_values(number=1)),
    ("receipt-before-none", M, "C-4", "a later one that has none before it", with_values(before=b"")),
    ("receipt-before-short", M, "C-4", "a mark of 7 bytes", with_values(before=bytes(7))),
    ("receipt-head-none", M, "C-4", "a record without its head", with_values(head=b"")),
    ("receipt-head-alone", M, "C-4", "a head without a record", with_values(record=0)),
    ("receipt-head-long", M, "C-4", "a whole head", with_values(head=bytes(32))),
    ("receipt-tree-short", M, "C-4", "a tree of 4 bytes", with_values(tree=NEW[:4])),
    ("receipt-serving-long", M, "C-4", "a tree of 9 bytes", with_values(serving=OLD[:9])),
    ("receipt-held-odd", M, "C-4", "held trees of 6 bytes", with_values(held=bytes(6))),
    ("receipt-held-many", M, "C-4", "8 held trees", with_values(held=bytes(32))),
    ("receipt-reason-long", M, "C-4", "a reason of 41 bytes", with_values(reason="\xe4" * 20 + "r")),
    ("receipt-version-long", M, "C-4", "a version of 24 bytes", with_values(to="1" * 24)),
    ("receipt-program-long", M, "C-4", "a program of 16 bytes", with_values(program="1" * 16)),
    ("receipt-hold-2", M, "C-4", "hold 2", with_values(hold=2)),
    ("receipt-hold-bool", M, "C-3", "hold true", with_values(hold=True)),
    ("receipt-time-negative", M, "C-4", "a time before 1970", with_values(time=-1)),
    ("receipt-time-float", M, "C-3", "a time with a fraction", with_values(time=Raw(b"\xcb" + bytes(8)))),
    ("receipt-text-bytes", M, "C-3", "a reason of bytes", with_values(reason=b"sick")),
    ("receipt-surrogate", M, "C-3", "half a character", with_values(reason="\udcff")),
]

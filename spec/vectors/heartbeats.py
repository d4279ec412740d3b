"""Vectors of heartbeats, spec/trust.md section 6, as raw bytes. The receiver trusts TRUSTED, and heard none before."""

from collections.abc import Callable
from typing import Any

from chains import A, B, C, Change, as_it_is, statement
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from raw import CREATED, STRANGER, TRUSTED, Pairs, Raw, key_id, pack, replaced

HEARTBEAT_TYPE = b"unrep/heartbeat/1"
PAIRS: Pairs = [
    ("heartbeat", 1),
    ("product", "vectors"),
    ("epoch", 0),
    ("seq", 2),
    ("trust", 0),
    ("revocations", 0),
    ("time", CREATED),
    ("nonce", bytes(range(8))),
]


def heartbeat(
    *,
    change: Change = as_it_is,
    keys: tuple[Ed25519PrivateKey, ...] = (TRUSTED,),
    payload_type: bytes = HEARTBEAT_TYPE,
    payload: Callable[[bytes], bytes] = lambda data: data,
    signed: Callable[[list[Any]], Any] = lambda value: value,
    file: Callable[[bytes], bytes] = lambda data: data,
) -> bytes:
    """R-15."""
    data = payload(pack(tuple(change(PAIRS))))
    return file(pack(signed(statement(data, list(keys), payload_type))))


def with_value(key: str, value: Any) -> bytes:
    return heartbeat(change=replaced(key, value))


def borrowed(value: list[Any]) -> list[Any]:
    return [value[0], [[key_id(TRUSTED), value[1][0][1]]]]


M, U = "malformed", "untrusted"

# name, what must become of it, requirements, what it is, the file
HEARTBEATS = [
    ("beat", "accept", "R-15", "one signature", heartbeat()),
    ("beat-two", "accept", "R-15", "two signatures, of which one counts", heartbeat(keys=(TRUSTED, STRANGER))),
    ("beat-later", "accept", "R-15", "a later epoch, trust root and list", heartbeat(
        change=lambda p: [(k, v if k in ("heartbeat", "product", "time", "nonce") else 2**32) for k, v in p])),
    ("beat-empty", M, "R-15", "no byte", b""),
    ("beat-long", M, "R-15", "over 300 bytes, by four signatures", heartbeat(keys=(TRUSTED, A, B, C))),
    ("beat-trailing", M, "F-3", "a byte behind it", heartbeat(file=lambda f: f + b"\0")),
    ("beat-cut", M, "F-3", "a byte too few", heartbeat(file=lambda f: f[:-1])),
    ("beat-map", M, "R-15", "a map of payload and signatures", heartbeat(
        signed=lambda v: (("payload", v[0]), ("signatures", v[1])))),
    ("beat-no-signature", M, "F-28", "no signature", heartbeat(keys=())),
    ("beat-signature-twice", M, "F-28", "one signature twice", heartbeat(signed=lambda v: [v[0], v[1] * 2])),
    ("beat-stranger", U, "R-15", "signed by a key that is not trusted", heartbeat(keys=(STRANGER,))),
    ("beat-borrowed", U, "R-15", "a stranger's signature under the trusted key's id", heartbeat(
        keys=(STRANGER,), signed=borrowed)),
    ("beat-type", U, "R-2", "signed as the root of a bundle", heartbeat(payload_type=b"unrep/root/1")),
    ("beat-changed", U, "R-2", "another seq than was signed", heartbeat(
        file=lambda f: f.replace(b"\xa3seq\2", b"\xa3seq\3"))),
    ("beat-format-2", "unsupported", "R-15", "format 2", with_value("heartbeat", 2)),
    ("beat-product", M, "F-5", "a product with a slash", with_value("product", "a/b")),
    ("beat-seq-negative", M, "R-15", "a negative seq", with_value("seq", -1)),
    ("beat-seq-2-53", M, "F-3", "2^53 for seq", with_value("seq", 1 << 53)),
    ("beat-seq-wide", M, "F-3", "2 in two bytes", with_value("seq", Raw(b"\xcc\2"))),
    ("beat-time-negative", M, "R-15", "a time before 1970", with_value("time", -1)),
    ("beat-time-bool", M, "R-15", "true for a time", with_value("time", True)),
    ("beat-nonce-short", M, "R-15", "a nonce of 7 bytes", with_value("nonce", bytes(7))),
    ("beat-nonce-long", M, "R-15", "a nonce of 9 bytes", with_value("nonce", bytes(9))),
    ("beat-nonce-text", M, "R-15", "a string for a nonce", with_value("nonce", "12345678")),
    ("beat-missing", M, "R-15", "no nonce", heartbeat(change=lambda p: p[:-1])),
    ("beat-unknown", M, "R-15", "an unknown field", heartbeat(change=lambda p: [*p, ("x", 1)])),
    ("beat-order", M, "F-3", "fields in another order", heartbeat(change=lambda p: [p[0], p[2], p[1], *p[3:]])),
    ("beat-payload", M, "F-3", "a byte behind the payload", heartbeat(payload=lambda data: data + b"\0")),
]  # fmt: skip

"""Vectors of spec/trust.md: chains of trust roots and revocation lists in a bundle's signature block, as raw bytes.

What a vector changes is the one defect that it has, for a receiver to whom a person has named TRUSTED and the trust
roots that follow it. One who trusts TRUSTED alone, a plain key, passes over trust roots and list.
"""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from raw import CREATED, TRUSTED, Bundle, Pairs, Raw, digest, full, key_id, manifest, pack, replaced, write

A, B, C, D, RELEASE, NEXT = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(65, 71))
ROOT_TYPE, TRUST_TYPE, REVOCATIONS_TYPE = b"unrep/root/1", b"unrep/trust/1", b"unrep/revocations/1"
SMALL_ORDER = b"\1" + bytes(31)

Keys = list[Ed25519PrivateKey]
Change = Callable[[Pairs], Pairs]


def raw_key(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def statement(payload: bytes, keys: Keys, payload_type: bytes) -> list[Any]:
    """R-2: [payload, signatures]."""
    message = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(payload), payload)
    return [payload, [[key_id(key), key.sign(message)] for key in sorted(keys, key=key_id)]]


def as_it_is(pairs: Pairs) -> Pairs:
    return pairs


def root(
    version: int,
    signed_by: Keys,
    keys: Keys | None = None,
    releases: Keys | None = None,
    change: Change = as_it_is,
    payload_type: bytes = TRUST_TYPE,
    data: Callable[[bytes], bytes] = lambda payload: payload,
) -> list[Any]:
    """R-3: a signed trust root, two of three keys."""
    pairs: Pairs = [
        ("trust", 1),
        ("version", version),
        ("created", CREATED + version),
        ("keys", sorted(map(raw_key, keys or [A, B, C]))),
        ("threshold", 2),
        ("releases", [[key, 0] for key in sorted(map(raw_key, releases or [RELEASE]))]),
    ]
    return statement(data(pack(tuple(change(pairs)))), signed_by, payload_type)


def revocations(
    signed_by: Keys, *more: tuple[str, Any], change: Change = as_it_is, payload_type: bytes = REVOCATIONS_TYPE
) -> list[Any]:
    """R-5: a signed revocation list."""
    pairs: Pairs = [("revocations", 1), ("version", 1), ("created", CREATED), *more]
    return statement(pack(tuple(change(pairs))), signed_by, payload_type)


def carrying(
    *roots: list[Any], first: int = 1, listed: list[Any] | None = None, key: Ed25519PrivateKey = RELEASE, **more: Any
) -> bytes:
    """A full bundle with these trust roots and that list in its signature block."""
    tail: Pairs = [("t", [first, list(roots)])]
    tail += [("r", listed)] if listed else []
    return write(Bundle([full()], keys=[key], signatures=lambda entries: (("s", entries), *tail), **more))


FIRST = root(1, [TRUSTED, A, B])
SECOND = root(2, [B, C], [B, C, D], [RELEASE, NEXT])
THIRD = root(3, [C, D], [A, C, D], [NEXT])


def changed(change: Change, **more: Any) -> Callable[[], bytes]:
    """A bundle whose one trust root has other pairs."""
    return lambda: carrying(root(1, [TRUSTED, A, B], change=change), **more)


def with_list(*more: tuple[str, Any], signed_by: Keys | None = None, **other: Any) -> Callable[[], bytes]:
    """A bundle with a revocation list beside its trust root."""
    return lambda: carrying(FIRST, listed=revocations(signed_by or [A, C], *more, **other))


def borrowed() -> list[Any]:
    """A trust root with a signature of A under the id of B, for a threshold of two."""
    payload, signatures = root(1, [TRUSTED, A])
    by_a = next(value for name, value in signatures if name == key_id(A))
    return [payload, sorted([*signatures, [key_id(B), by_a]])]


def doubled() -> list[Any]:
    payload, signatures = root(1, [TRUSTED, A])
    return [payload, sorted([*signatures, [key_id(A), dict(map(tuple, signatures))[key_id(A)]]])]


def fifty() -> bytes:
    """Fifty rotations, each to other keys than the one before, two of them signing both."""
    ring = [A, B, C, D]
    links = [FIRST]
    for version in range(2, 51):
        keys = [key for key in ring if key is not ring[version % 4]]
        before = [key for key in ring if key is not ring[(version - 1) % 4]] if version > 2 else [A, B, C]
        links.append(root(version, [key for key in keys if key in before], keys))
    return carrying(*links)


def epoch(number: int) -> Change:
    return lambda pairs: [*pairs, ("epoch", number)]


CHAINS: list[tuple[str, str, str, str, Callable[[], bytes]]] = [
    ("chain", "accept", "R-1 R-3 R-8 R-9", "one trust root, two of three keys", lambda: carrying(FIRST)),
    ("chain-three", "accept", "R-9", "two rotations", lambda: carrying(FIRST, SECOND, THIRD, key=NEXT)),
    ("chain-fifty", "accept", "R-9", "fifty trust roots", fifty),
    ("chain-expired", "accept", "R-13", "a trust root that expired in 1970", changed(lambda p: [*p, ("expires", 1)])),
    (
        "chain-epoch",
        "accept",
        "R-7",
        "an epoch that was begun",
        changed(epoch(7), root=replaced("epoch", 7)),
    ),
    ("revocations", "accept", "R-5 R-10", "another key is revoked", with_list(("keys", [raw_key(NEXT)]))),
    ("revocations-late", "accept", "R-10", "a list under the second trust root", lambda: carrying(
        FIRST, SECOND, listed=revocations([B, D], ("keys", [raw_key(RELEASE)])), key=NEXT)),
    ("chain-gap", "untrusted", "R-9", "begins with trust root 2", lambda: carrying(SECOND, first=2, key=NEXT)),
    ("chain-gap-inside", "untrusted", "R-9", "trust root 3 in the place of 2", lambda: carrying(
        FIRST, root(3, [B, C], [B, C, D], [NEXT]), key=NEXT)),
    ("chain-predecessor", "untrusted", "R-9", "not signed by the plain key", lambda: carrying(root(1, [A, B]))),
    ("chain-predecessor-one", "untrusted", "R-9", "signed by one of two of trust root 1", lambda: carrying(
        FIRST, root(2, [B, D], [B, C, D], [NEXT]), key=NEXT)),
    ("chain-itself", "untrusted", "R-9", "signed by one of its own keys", lambda: carrying(root(1, [TRUSTED, A]))),
    ("chain-signature-twice", "malformed", "F-28", "one signature twice", lambda: carrying(doubled())),
    ("chain-borrowed-id", "untrusted", "R-9", "one signature under two ids", lambda: carrying(borrowed())),
    ("chain-payload-type", "untrusted", "R-2", "signed as the root of a bundle", lambda: carrying(
        root(1, [TRUSTED, A, B], payload_type=ROOT_TYPE))),
    ("chain-release-type", "untrusted", "R-2", "a bundle's root signed as a trust root", lambda: carrying(
        FIRST, signed=lambda data: b"DSSEv1 13 unrep/trust/1 %d %s" % (len(data), data))),
    ("chain-plain-key", "untrusted", "R-1* R-9", "signed by the plain key, which no longer may", lambda: carrying(
        FIRST, key=TRUSTED)),
    ("chain-plain-list", "untrusted", "R-1 R-10", "signed by the plain key, beside a list by it", lambda: carrying(
        FIRST, listed=revocations([TRUSTED], ("keys", [raw_key(TRUSTED)])), key=TRUSTED)),
    ("chain-root-key", "untrusted", "R-3", "signed by a root key", lambda: carrying(FIRST, key=A)),
    ("chain-dropped-key", "untrusted", "R-9", "signed by a key that a rotation dropped", lambda: carrying(
        FIRST, SECOND, THIRD)),
    ("chain-epoch-above", "untrusted", "R-7", "an epoch that was not begun", changed(
        epoch(2), root=replaced("epoch", 3))),
    ("chain-epoch-falls", "untrusted", "R-9", "an epoch below the predecessor's", lambda: carrying(
        root(1, [TRUSTED, A, B], change=epoch(2)), root(2, [A, B], change=epoch(1)))),
    ("chain-no-links", "malformed", "R-8", "no trust root in the list", carrying),
    ("chain-first-0", "malformed", "R-8", "begins with version 0", lambda: carrying(FIRST, first=0)),
    ("chain-no-signature", "malformed", "F-28", "a trust root without signatures", lambda: carrying([FIRST[0], []])),
    ("chain-key-twice", "malformed", "R-4", "one root key twice", changed(
        replaced("keys", sorted(map(raw_key, [A, B, B]))))),
    ("chain-keys-order", "malformed", "R-4", "root keys descend", changed(
        replaced("keys", sorted(map(raw_key, [A, B, C]), reverse=True)))),
    ("chain-key-small", "malformed", "F-29", "a root key of small order", changed(
        replaced("keys", sorted([raw_key(A), raw_key(B), SMALL_ORDER])))),
    ("chain-release-small", "malformed", "F-29", "a release key of small order", changed(
        replaced("releases", [[SMALL_ORDER, 0], [raw_key(RELEASE), 0]]))),
    ("chain-no-release", "malformed", "R-4", "no release key", changed(replaced("releases", []))),
    ("chain-threshold-0", "malformed", "R-4", "a threshold of none", changed(replaced("threshold", 0))),
    ("chain-threshold-4", "malformed", "R-4", "a threshold above the keys", changed(replaced("threshold", 4))),
    ("chain-threshold-bool", "malformed", "R-3", "a threshold of true", changed(replaced("threshold", True))),
    ("chain-created-negative", "malformed", "R-3", "made before 1970", changed(replaced("created", -1))),
    ("chain-version-2-53", "malformed", "F-3", "expires at 2^53", changed(lambda p: [*p, ("expires", 2**53)])),
    ("chain-format-2", "unsupported", "R-3", "a trust root of format 2", changed(replaced("trust", 2))),
    ("chain-field", "malformed", "R-3", "an unknown field", changed(lambda p: [*p, ("x", 1)])),
    ("chain-field-twice", "malformed", "F-3", "one field twice", changed(lambda p: [*p, ("threshold", 2)])),
    ("chain-field-order", "malformed", "F-3", "fields in another order", changed(lambda p: [p[0], p[2], p[1], *p[3:]])),
    ("chain-default", "malformed", "F-3", "epoch 0 written down", changed(epoch(0))),
    ("chain-wide", "malformed", "F-3", "a version in two bytes", changed(replaced("version", Raw(b"\xcc\1")))),
    ("chain-trailing", "malformed", "F-3", "a byte after the trust root", lambda: carrying(
        root(1, [TRUSTED, A, B], data=lambda payload: payload + b"\0"))),
    ("revocations-key", "untrusted", "R-6", "signed by a revoked key", with_list(("keys", [raw_key(RELEASE)]))),
    ("revocations-tree", "revoked", "R-6", "the release is revoked", with_list(("trees", [digest(manifest(
        Bundle([]).tree))]))),
    ("revocations-one", "untrusted", "R-10", "signed by one of two keys", with_list(signed_by=[A])),
    ("revocations-dropped", "untrusted", "R-10", "signed by keys that a rotation dropped", lambda: carrying(
        FIRST, SECOND, listed=revocations([A, B]), key=NEXT)),
    ("revocations-release", "untrusted", "R-10", "signed by the release key", with_list(signed_by=[RELEASE])),
    ("revocations-type", "untrusted", "R-2", "signed as a trust root", with_list(payload_type=TRUST_TYPE)),
    ("revocations-format-2", "unsupported", "R-5", "of format 2", with_list(change=replaced("revocations", 2))),
    ("revocations-0", "malformed", "R-5", "version 0", with_list(change=replaced("version", 0))),
    ("revocations-order", "malformed", "R-5", "keys descend", with_list(
        ("keys", sorted(map(raw_key, [NEXT, D]), reverse=True)))),
    ("revocations-short", "malformed", "R-5", "a tree hash of 31 bytes", with_list(("trees", [bytes(31)]))),
    ("revocations-field", "malformed", "R-5", "an unknown field", with_list(("x", 1))),
    ("revocations-first", "malformed", "F-3", "the list before the trust roots", lambda: write(Bundle(
        [full()], keys=[RELEASE], signatures=lambda e: (
            ("s", e), ("r", revocations([A, C])), ("t", [1, [FIRST]]))))),
]  # fmt: skip

# What a plain key alone has signed; the others above are untrusted to one who has adopted nothing.
WITHOUT_ADOPTION = {
    "chain-plain-key": "accept",
    "chain-plain-list": "accept",
    "chain-no-links": "malformed",
    "chain-first-0": "malformed",
    "revocations-first": "malformed",
}

CASES = [
    (name, WITHOUT_ADOPTION.get(name, "untrusted"), requirements, about, make, None, None, adopted)
    for name, adopted, requirements, about, make in CHAINS
]

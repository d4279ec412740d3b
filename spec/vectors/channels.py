"""Vectors of channel files, spec/transfer.md section 8, as raw bytes. The reader trusts TRUSTED."""

from collections.abc import Callable
from typing import Any

from chains import Change, Keys, as_it_is, statement
from raw import STRANGER, TRUSTED, Pairs, Raw, digest, key_id, pack, replaced

CHANNEL_TYPE = b"unrep/channel/2"
RELEASE = ["1.0.1", 0, 2, digest(b"tree of 1.0.1")]
OLDER = ["1.0.0", 0, 1, digest(b"tree of 1.0.0")]
BASE = [digest(b"tree of 1.0.0")[:8], 900]
NEWER_BUNDLE = ["vectors-1.0.1-a.unrep", 5000, digest(b"root 2"), RELEASE, 12_000, 4100, [BASE]]
OLDER_BUNDLE = ["vectors-1.0.0-b.unrep", 4000, digest(b"root 1"), OLDER, 11_000, 4000, []]
PAIRS: Pairs = [
    ("product", "vectors"),
    ("channel", "stable"),
    ("counter", 7),
    ("release", RELEASE),
    ("bundles", [NEWER_BUNDLE, OLDER_BUNDLE]),
]


def channel(
    *,
    change: Change = as_it_is,
    keys: Keys | None = None,
    payload_type: bytes = CHANNEL_TYPE,
    payload: Callable[[bytes], bytes] = lambda data: data,
    block: Callable[[list[Any]], Any] = lambda signatures: (("s", signatures),),
    file: Callable[[bytes], bytes] = lambda data: data,
) -> bytes:
    """T-138."""
    data = payload(pack(tuple(change(PAIRS))))
    signatures = statement(data, [TRUSTED] if keys is None else keys, payload_type)[1]
    return file(pack([data, block(signatures)]))


def with_value(key: str, value: Any) -> bytes:
    return channel(change=replaced(key, value))


def with_release(at: int, value: Any) -> bytes:
    return with_value("release", [*RELEASE[:at], value, *RELEASE[at + 1 :]])


def with_bundle(at: int, value: Any) -> bytes:
    return with_value("bundles", [[*NEWER_BUNDLE[:at], value, *NEWER_BUNDLE[at + 1 :]]])


def many(count: int) -> bytes:
    return with_value("bundles", [[f"{number:03}.unrep", *OLDER_BUNDLE[1:]] for number in range(count)])


def borrowed(signatures: list[Any]) -> Any:
    return (("s", [[key_id(TRUSTED), signatures[0][1]]]),)


M, U = "malformed", "untrusted"

# name, what must become of it, requirements, what it is, the file
CHANNELS = [
    ("channel", "accept", "T-138 T-139 T-140", "a release from one base, and the one before it in full", channel()),
    ("channel-two", "accept", "T-138", "two signatures, of which one counts", channel(keys=[TRUSTED, STRANGER])),
    ("channel-no-bundles", "accept", "T-139", "no bundle", with_value("bundles", [])),
    ("channel-circle", "accept", "T-140", "bundles that lead in a circle", with_value("bundles", [
        NEWER_BUNDLE, [*OLDER_BUNDLE[:6], [[RELEASE[3][:8], 10]]]])),
    ("channel-large", "accept", "T-138", "almost 16,384 bytes", many(160)),
    ("channel-over", M, "T-138", "over 16,384 bytes", many(175)),
    ("channel-empty", M, "T-138", "no byte", b""),
    ("channel-trailing", M, "F-3", "a byte behind it", channel(file=lambda f: f + b"\0")),
    ("channel-cut", M, "F-3", "a byte too few", channel(file=lambda f: f[:-1])),
    ("channel-statement", M, "T-138", "signatures where the block should stand", channel(block=lambda s: s)),
    ("channel-no-signature", M, "F-28", "no signature", channel(keys=[])),
    ("channel-signature-twice", M, "F-28", "one signature twice", channel(block=lambda s: (("s", s * 2),))),
    ("channel-block-key", M, "F-28", "an unknown key in the block", channel(
        block=lambda s: (("s", s), ("x", 1)))),
    ("channel-stranger", U, "T-138", "signed by a key that is not trusted", channel(keys=[STRANGER])),
    ("channel-borrowed", U, "T-138", "a stranger's signature under the trusted key's id", channel(
        keys=[STRANGER], block=borrowed)),
    ("channel-type", U, "T-138", "signed as the root of a bundle", channel(payload_type=b"unrep/root/1")),
    ("channel-type-1", U, "T-138", "signed as a channel file of another format", channel(
        payload_type=b"unrep/channel/1")),
    ("channel-changed", U, "T-138", "another counter than was signed", channel(
        file=lambda f: f.replace(b"\xa7counter\7", b"\xa7counter\x08"))),
    ("channel-payload", M, "F-3", "a byte behind the payload", channel(payload=lambda data: data + b"\0")),
    ("channel-order", M, "F-3", "keys in another order", channel(change=lambda p: [p[1], p[0], *p[2:]])),
    ("channel-missing", M, "T-139", "no counter", channel(change=lambda p: [*p[:2], *p[3:]])),
    ("channel-unknown", M, "T-139", "an unknown key", channel(change=lambda p: [*p, ("x", 1)])),
    ("channel-product", M, "F-5", "a product with a slash", with_value("product", "a/b")),
    ("channel-name-empty", M, "T-138", "no name", with_value("channel", "")),
    ("channel-name-case", M, "T-138", "a name with a capital", with_value("channel", "Stable")),
    ("channel-name-dot", M, "T-138", "a name with a dot", with_value("channel", "stable.1")),
    ("channel-name-long", M, "T-138", "a name of 33 letters", with_value("channel", "s" * 33)),
    ("channel-name-device", M, "T-138", "the name of a device of Windows", with_value("channel", "com1")),
    ("channel-counter-0", M, "T-139", "counter 0", with_value("counter", 0)),
    ("channel-counter-2-53", M, "F-3", "2^53 for the counter", with_value("counter", 1 << 53)),
    ("channel-counter-wide", M, "F-3", "7 in two bytes", with_value("counter", Raw(b"\xcc\7"))),
    ("channel-release-short", M, "T-139", "a release without a tree", with_value("release", RELEASE[:3])),
    ("channel-release-map", M, "T-139", "a release as a map", with_value("release", (("version", "1.0.1"),))),
    ("channel-version", M, "F-7", "a version with a slash", with_release(0, "1/0")),
    ("channel-version-device", M, "F-7", "a version that is a device of Windows", with_release(0, "nul")),
    ("channel-epoch-negative", M, "T-139", "epoch -1", with_release(1, -1)),
    ("channel-seq-0", M, "T-139", "seq 0", with_release(2, 0)),
    ("channel-tree-short", M, "T-139", "a tree of 31 bytes", with_release(3, bytes(31))),
    ("channel-file-empty", M, "T-140", "a bundle without a name", with_bundle(0, "")),
    ("channel-file-up", M, "T-140", "a bundle in the directory above", with_bundle(0, "../vms.unrep")),
    ("channel-file-hidden", M, "T-140", "a bundle whose name begins with a dot", with_bundle(0, ".vms.unrep")),
    ("channel-file-long", M, "T-140", "a name of 201 letters", with_bundle(0, "f" * 201)),
    ("channel-file-twice", M, "T-140", "two bundles of one name", with_value("bundles", [NEWER_BUNDLE] * 2)),
    ("channel-length-0", M, "T-140", "a bundle of 0 bytes", with_bundle(1, 0)),
    ("channel-root-long", M, "T-140", "a root of 33 bytes", with_bundle(2, bytes(33))),
    ("channel-bundle-tree", M, "T-140", "a bundle's tree of 8 bytes", with_bundle(3, [*RELEASE[:3], bytes(8)])),
    ("channel-room-negative", M, "T-140", "room below 0", with_bundle(4, -1)),
    ("channel-full-more", M, "T-140", "a full release that costs more than its bundle has", with_bundle(5, 5001)),
    ("channel-base-more", M, "T-140", "a base that costs more than its bundle has", with_bundle(6, [[bytes(8), 5001]])),
    ("channel-base-whole", M, "T-140", "a base of 32 bytes", with_bundle(6, [[bytes(32), 900]])),
    ("channel-base-twice", M, "T-140", "one base twice", with_bundle(6, [BASE, BASE])),
    ("channel-base-bare", M, "T-140", "a base without its cost", with_bundle(6, [BASE[:1]])),
]  # fmt: skip

"""Trust roots and revocation lists: who may sign releases, as the holders of the root keys say. spec/trust.md.

Only their bytes and bounds stand here. How one follows another, and whom a reader believes, is in `bundle.trust.trust`.
"""

from typing import TypeVar

import msgspec

from bundle.errors import Malformed, Unsupported
from bundle.format import canonical
from bundle.format.pieces import HASH_BYTES
from bundle.trust.signing import VerifyingKey

TRUST_TYPE = b"unrep/trust/1"
REVOCATIONS_TYPE = b"unrep/revocations/1"
TRUST_FORMAT = 1
MAX_KEYS = 64
MAX_REVOKED = 1024

T = TypeVar("T")


class ReleaseKey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A key that may sign releases. `expires` in seconds since 1970, 0 for never."""

    key: bytes
    expires: int


class TrustRoot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Version `version` of the root of trust [R-3]: `threshold` of `keys` sign its successor and revocation lists.

    `releases` sign bundles and heartbeats, each alone. Times in seconds since 1970. `expires` 0 for never.
    """

    trust: int
    version: int
    created: int
    keys: list[bytes]
    threshold: int
    releases: list[ReleaseKey]
    expires: int = 0
    epoch: int = 0

    @property
    def verifying_keys(self) -> frozenset[VerifyingKey]:
        """The root keys."""
        return frozenset(map(VerifyingKey, self.keys))


class Revocations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What no longer counts [R-5]: release keys, and the tree hashes of releases. A later version replaces it."""

    revocations: int
    version: int
    created: int
    keys: list[bytes] = []
    trees: list[bytes] = []


class _Format(msgspec.Struct, frozen=True):
    """The part of a statement that says whether this reader may go on: read leniently, before the rest."""

    trust: int = 0
    revocations: int = 0


def decode_trust_root(payload: bytes, where: str) -> TrustRoot:
    """Reads a trust root whose signatures were verified. Raises Malformed or Unsupported [R-3], [R-4]."""
    root = _decode(payload, TrustRoot, "trust", where)
    check_trust_root(root, where)
    return root


def decode_revocations(payload: bytes, where: str) -> Revocations:
    """Reads a revocation list whose signatures were verified. Raises Malformed or Unsupported [R-5]."""
    found = _decode(payload, Revocations, "revocations", where)
    check_revocations(found, where)
    return found


def check_trust_root(root: TrustRoot, where: str) -> None:
    """Raises Malformed for a value out of its bounds [R-4]."""
    _check_within(root.version, 1, "version", where)
    for name, value in (("created", root.created), ("expires", root.expires), ("epoch", root.epoch)):
        _check_within(value, 0, name, where)
    _check_keys(root.keys, "keys", where)
    _check_keys([release.key for release in root.releases], "releases", where)
    for release in root.releases:
        _check_within(release.expires, 0, "expires of a release key", where)
    if not 0 < root.threshold <= len(root.keys):
        raise Malformed(f"{where}: threshold {root.threshold} is not within 1 to its {len(root.keys)} keys")


def check_revocations(found: Revocations, where: str) -> None:
    """Raises Malformed for a value out of its bounds [R-5]."""
    _check_within(found.version, 1, "version", where)
    _check_within(found.created, 0, "created", where)
    for name, values in (("keys", found.keys), ("trees", found.trees)):
        if len(values) > MAX_REVOKED or values != sorted(set(values)) or any(len(v) != HASH_BYTES for v in values):
            raise Malformed(f"{where}: {name} are not at most {MAX_REVOKED}, of 32 bytes each, sorted, each once")


def _decode(payload: bytes, kind: type[T], field: str, where: str) -> T:
    try:
        version = getattr(msgspec.msgpack.decode(payload, type=_Format), field)
    except canonical.FAULTS as error:
        raise Malformed(f"{where}: {canonical.decoder_message(error)}") from error
    if version != TRUST_FORMAT:
        raise Unsupported(f"{where}: format {version} is not {TRUST_FORMAT}; update unrep on this machine first")
    return canonical.decode(payload, kind, where)


def _check_within(value: int, least: int, name: str, where: str) -> None:
    if not least <= value <= canonical.MAX_INTEGER:
        raise Malformed(f"{where}: {name} {value} is not within {least} to 2^53 - 1")


def _check_keys(keys: list[bytes], name: str, where: str) -> None:
    if not 0 < len(keys) <= MAX_KEYS or keys != sorted(set(keys)):
        raise Malformed(f"{where}: {name} are not 1 to {MAX_KEYS}, sorted, each once")
    for key in keys:
        try:
            VerifyingKey(key)
        except Malformed as error:
            raise Malformed(f"{where}: {name}: {error}") from error

"""What a bundle carries beside its root: who signed it, and what its receivers are to learn of whom to trust.

For `unrep inspect`: nothing of it is verified here.
"""

from dataclasses import dataclass

from bundle.read.reader import VerifiedBundle
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust_root import Revocations, TrustRoot, decode_revocations, decode_trust_root


@dataclass(frozen=True)
class CarriedRoot:
    """One trust root of the chain; keys by their ids, times in seconds since 1970, None for never."""

    version: int
    created: int
    expires: int | None
    epoch: int
    threshold: int
    keys: tuple[str, ...]
    releases: tuple[str, ...]


@dataclass(frozen=True)
class CarriedRevocations:
    """The revocation list: ids of keys, tree hashes in hex."""

    version: int
    keys: tuple[str, ...]
    trees: tuple[str, ...]


@dataclass(frozen=True)
class Carried:
    """`signed_by`: the ids of the keys that are said to have signed the bundle."""

    signed_by: tuple[str, ...]
    trust_roots: tuple[CarriedRoot, ...]
    revocations: CarriedRevocations | None


def read_carried(bundle: VerifiedBundle) -> Carried:
    """Raises Malformed or Unsupported for a signature block, a trust root or a list that cannot be read."""
    block = bundle.signature_block()
    roots = block.trust.roots if block.trust else []
    first = block.trust.first if block.trust else 0
    decoded = [decode_trust_root(link.payload, f"trust root {first + at}") for at, link in enumerate(roots)]
    listed = decode_revocations(block.revocations.payload, "revocation list") if block.revocations else None
    return Carried(
        tuple(signature.key_id.hex() for signature in block.signatures),
        tuple(map(_root, decoded)),
        _revocations(listed) if listed else None,
    )


def _root(root: TrustRoot) -> CarriedRoot:
    return CarriedRoot(
        root.version,
        root.created,
        root.expires or None,
        root.epoch,
        root.threshold,
        tuple(map(_id, root.keys)),
        tuple(_id(release.key) for release in root.releases),
    )


def _revocations(listed: Revocations) -> CarriedRevocations:
    return CarriedRevocations(listed.version, tuple(map(_id, listed.keys)), tuple(tree.hex() for tree in listed.trees))


def _id(raw: bytes) -> str:
    return VerifyingKey(raw).key_id.hex()

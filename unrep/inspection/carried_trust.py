"""What a bundle carries beside its root: signatures, trust roots and revocations. Nothing of it is verified here."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from bundle.read.reader import VerifiedBundle
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust_root import Revocations, TrustRoot, decode_revocations, decode_trust_root


@dataclass(frozen=True)
class CarriedRoot:
    """One trust root of the chain."""

    version: Annotated[int, Meta(description="Version of the trust root.")]
    created: Annotated[int, Meta(description="When it was made, in seconds since 1970.")]
    expires: Annotated[int | None, Meta(description="When it expires, in seconds since 1970; null for never.")]
    epoch: Annotated[int, Meta(description="Highest epoch of releases.")]
    threshold: Annotated[int, Meta(description="How many root keys must sign.")]
    keys: Annotated[tuple[str, ...], Meta(description="Ids of the root keys, in hex.")]
    releases: Annotated[tuple[str, ...], Meta(description="Ids of the keys that may sign releases, in hex.")]


@dataclass(frozen=True)
class CarriedRevocations:
    """The revocation list."""

    version: Annotated[int, Meta(description="Version of the revocation list.")]
    keys: Annotated[tuple[str, ...], Meta(description="Ids of revoked keys, in hex.")]
    trees: Annotated[tuple[str, ...], Meta(description="Tree hashes of revoked releases, in hex.")]


@dataclass(frozen=True)
class Carried:
    """Who signed a bundle, and what its receivers are to learn of whom to trust."""

    signed_by: Annotated[
        tuple[str, ...], Meta(description="Ids of the keys that are said to have signed the bundle, in hex.")
    ]
    trust_roots: Annotated[tuple[CarriedRoot, ...], Meta(description="The chain of trust roots.")]
    revocations: Annotated[CarriedRevocations | None, Meta(description="The revocation list; null for none.")]


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

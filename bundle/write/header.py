"""A bundle's header: preamble, root, signatures, and the trust roots and revocations that ships learn from it."""

from collections.abc import Sequence

from bundle.errors import InputError, Refused
from bundle.format.layout import MAX_SIGNATURES_BYTES, Preamble
from bundle.trust.signing import Signer, sign, verifying_key
from bundle.trust.trust import Trust


def trust_to_prove_under(trust: Trust | None, signers: Sequence[Signer]) -> Trust:
    """The trust under which a bundle of these signers is proven: the given one, else their own keys.

    Raises InputError for a signer whose signature would not count for ships.
    """
    keys = tuple(verifying_key(signer) for signer in signers)
    if trust is None:
        return Trust.of_maker(keys)
    for key in keys:
        if key not in trust.release_keys:
            raise InputError(
                f"key {key.key_id.hex()}: no release key of trust root {trust.root.version}, or revoked; "
                "ships that follow it would refuse the bundle"
            )
    return trust


def signed_header(root: bytes, signers: Sequence[Signer], trust: Trust | None, trust_from: int = 0) -> bytes:
    """The header of a bundle with that root [F-2]. Raises InputError if the trust cannot be carried in it."""
    try:
        links, revocations = trust.carried(trust_from) if trust else (None, None)
    except Refused as error:
        raise InputError(str(error)) from error
    block = sign(root, signers, links, revocations)
    if len(block) > MAX_SIGNATURES_BYTES:
        raise InputError(
            f"the trust roots to carry make {len(block):,} bytes, a bundle holds {MAX_SIGNATURES_BYTES:,}; "
            "leave out with --trust-from what every ship has"
        )
    return Preamble(len(root), len(block)).pack() + root + block

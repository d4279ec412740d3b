"""The bytes of a channel file: signed like a bundle's root, and verified before what it says is parsed [T-138].

Its signature block is that of a bundle. So it brings trust roots and a revocation list along, and a ship that missed a
change of keys can still read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bundle.errors import InputError, Malformed, Refused
from bundle.format import canonical
from bundle.trust.signing import (
    KEY_ID_BYTES,
    SIGNATURE_BYTES,
    Links,
    Signature,
    SignatureBlock,
    Signed,
    Signer,
    check_signatures,
    sign_payload,
)
from bundle.trust.trust import Signers, Trust
from transfer.channels.channel import Channel, ChannelBundle, check_channel, sorted_bundles

PAYLOAD_TYPE = b"unrep/channel/2"
MAX_CHANNEL_BYTES = 16 * 1024
MAX_TRUST_BYTES = 8 * 1024  # of trust roots and revocation list, so that half of the file is for bundles


class _Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    payload: bytes
    block: SignatureBlock


@dataclass(frozen=True)
class VerifiedChannel:
    """A channel file whose signatures were verified. Only `verify_channel` makes one. `data`: its bytes.

    `trust`: what it was verified by, with what was learned from it. `signers`: the release keys that signed.
    """

    channel: Channel
    trust: Trust
    signers: Signers
    data: bytes


@dataclass(frozen=True)
class Composed:
    """A channel file that was made.

    dropped       bundles for which there was no room, the oldest
    left_out      why it brings no trust roots, though there are some; "" if it does
    """

    data: bytes
    channel: Channel
    dropped: tuple[ChannelBundle, ...]
    left_out: str = ""


def compose(channel: Channel, signers: Sequence[Signer], trust: Trust | None = None, trust_from: int = 0) -> Composed:
    """Signs a channel file, with as many of the bundles as it holds, the newest first.

    `trust`: whose trust roots it brings along, from version `trust_from` on. Each signer signs once. Raises InputError
    if a value is out of its bounds, or if there is no room for a bundle of the release.
    """
    bundles = sorted_bundles(channel.bundles)
    links, revocations, left_out = _carried(trust, trust_from)
    unsigned = [Signature(number.to_bytes(KEY_ID_BYTES), bytes(SIGNATURE_BYTES)) for number in range(len(signers))]
    block_bytes = len(canonical.encode(SignatureBlock(unsigned, links, revocations)))
    kept = len(bundles)
    while kept and _file_bytes(_holding(channel, bundles[:kept]), block_bytes) > MAX_CHANNEL_BYTES:
        kept -= 1
    if all(bundle.release != channel.release for bundle in bundles[:kept]):
        raise InputError(
            f"channel {channel.channel}: no bundle in it leads to {channel.describe()}; build and publish one"
        )
    said = _holding(channel, bundles[:kept])
    try:
        check_channel(said)
    except Malformed as error:
        raise InputError(str(error)) from error
    payload = canonical.encode(said)
    block = SignatureBlock(sign_payload(payload, PAYLOAD_TYPE, signers), links, revocations)
    return Composed(canonical.encode(_Signed(payload, block)), said, tuple(bundles[kept:]), left_out)


def _holding(channel: Channel, bundles: list[ChannelBundle]) -> Channel:
    return msgspec.structs.replace(channel, bundles=bundles)


def _file_bytes(channel: Channel, block_bytes: int) -> int:
    """The length of its file, to which the array and the head of the payload add a few bytes."""
    return len(canonical.encode([canonical.encode(channel)])) + block_bytes


def verify_channel(data: bytes, trust: Trust) -> VerifiedChannel:
    """Verifies and reads the bytes of a channel file [T-138]. Raises Malformed, Untrusted or Unsupported.

    What it says of trust is learned even if the rest is refused: it proves itself [R-11].
    """
    signed = _opened(data)
    followed = trust.learned_from(signed.block)
    try:
        signers = followed.signers(signed.payload, PAYLOAD_TYPE, signed.block.signatures)
        channel = _decoded(signed.payload)
    except Refused:
        trust.report(followed, refused=True)
        raise
    trust.report(followed)
    return VerifiedChannel(channel, followed, signers, data)


def read_unverified(data: bytes) -> Channel:
    """What a channel file says, whoever signed it: good for what comes next ashore, for nothing else.

    Raises Malformed.
    """
    return _decoded(_opened(data).payload)


def _opened(data: bytes) -> _Signed:
    if len(data) > MAX_CHANNEL_BYTES:
        raise Malformed(f"over {MAX_CHANNEL_BYTES:,} bytes, no channel file")
    signed = canonical.decode(data, _Signed, "not a channel file")
    check_signatures(signed.block.signatures, "channel file")
    return signed


def _decoded(payload: bytes) -> Channel:
    channel = canonical.decode(payload, Channel, "channel file")
    check_channel(channel)
    return channel


def _carried(trust: Trust | None, trust_from: int) -> tuple[Links | None, Signed | None, str]:
    """The trust roots and the revocation list to bring along, and why they are not."""
    if trust is None:
        return None, None, ""
    try:
        links, revocations = trust.carried(trust_from)
    except Refused as error:
        raise InputError(str(error)) from error
    size = len(canonical.encode([links, revocations]))
    if size > MAX_TRUST_BYTES:
        return None, None, f"its trust roots have {size:,} bytes and are left to the bundles"
    return links, revocations, ""

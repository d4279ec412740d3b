"""Whom a reader trusts, and how that changes: spec/trust.md.

Trust begins with what a person vouches for: a public key, or a file with a trust root. From there a chain is followed,
each trust root signed by the thresholds of its predecessor and its own [R-9]. Revocation lists are taken in under the
newest of them. A `Trust` never changes: to learn gives another one. Every check raises.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bundle.errors import InputError, Malformed, Refused, Revoked, Untrusted, named, naming
from bundle.format import canonical
from bundle.format.layout import PAYLOAD_TYPE
from bundle.format.root import Root
from bundle.trust.signing import (
    Links,
    Signature,
    SignatureBlock,
    Signed,
    VerifyingKey,
    check_signatures,
    decode_block,
    parse_public_key,
    read_file,
    signers_of,
)
from bundle.trust.trust_file import TrustFile, decode_trust_file, is_trust_file
from bundle.trust.trust_root import (
    REVOCATIONS_TYPE,
    TRUST_FORMAT,
    TRUST_TYPE,
    ReleaseKey,
    Revocations,
    TrustRoot,
    decode_revocations,
    decode_trust_root,
)

MAX_LINKS = 1024
CENTURY_S = 36_525 * 86_400
BEGINNING = 1_764_547_200  # 2025-12-01: no bundle and no heartbeat is older, so no right clock is behind it

HOW_TO_ADOPT = (
    "which a person must adopt: get the trust file from shore, look at it with 'unrep trust show', and name it with "
    "--trust once"
)

Signers = frozenset[VerifyingKey]


@dataclass(frozen=True)
class Link:
    """A trust root that was verified, and its signed bytes. Only `Trust` makes one."""

    root: TrustRoot
    signed: Signed


@dataclass(frozen=True)
class KnownRevocations:
    """A revocation list that was verified, and its signed bytes. Only `Trust` makes one."""

    listed: Revocations
    signed: Signed


@dataclass(frozen=True)
class Trust:
    """What a reader trusts: `threshold` of `keys` that a person vouches for, or the last trust root of `chain`.

    Plain keys count as a trust root of version 0, with epoch 0, no expiry, and the same keys for releases [R-1].
    `begun_epoch`: of plain keys, the highest epoch; above 0 only for a builder's own keys. `learn` is called with the
    trust that a header has led to beyond this one, and with whether its bundle was refused [R-11].
    """

    keys: tuple[VerifyingKey, ...] = ()
    threshold: int = 1
    chain: tuple[Link, ...] = ()
    revocations: KnownRevocations | None = None
    begun_epoch: int = 0
    learn: Callable[["Trust", bool], None] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_maker(cls, keys: tuple[VerifyingKey, ...]) -> "Trust":
        """For whoever proves what these keys of its own have signed: it is for ships to judge the epoch."""
        return cls(keys, begun_epoch=canonical.MAX_INTEGER)

    @cached_property
    def root(self) -> TrustRoot:
        """The trust root that counts now."""
        if self.chain:
            return self.chain[-1].root
        raw = sorted({key.raw for key in self.keys})
        releases = [ReleaseKey(key, 0) for key in raw]
        return TrustRoot(TRUST_FORMAT, 0, 0, raw, self.threshold, releases, epoch=self.begun_epoch)

    @property
    def release_keys(self) -> Signers:
        """The keys whose signature under a release counts: listed by the trust root and not revoked [R-6]."""
        return frozenset(VerifyingKey(r.key) for r in self.root.releases if r.key not in self._revoked_keys)

    @property
    def spoken_at(self) -> int:
        """The latest time that the newest trust root or the revocation list bears, in seconds since 1970 [R-14].

        Not that of an older one: a mistake in it must end with its successor.
        """
        return max(self.root.created, self.revocations.listed.created if self.revocations else 0)

    @property
    def speaks_until(self) -> int:
        """The latest time that a release key may speak of [R-19]. What is later counts as this."""
        return max(self.spoken_at, BEGINNING) + CENTURY_S

    def signers(self, payload: bytes, payload_type: bytes, signatures: list[Signature]) -> Signers:
        """The release keys that signed. Raises Untrusted if they are too few, saying whose signatures are there."""
        good = signers_of(payload, payload_type, signatures, self.release_keys)
        needed = 1 if self.chain else self.threshold
        if len(good) >= needed:
            return good
        ids = ", ".join(s.key_id.hex() for s in signatures)
        if signers_of(payload, payload_type, signatures, map(VerifyingKey, self._revoked_keys)):
            raise Untrusted(
                f"signed by key {ids}, which is revoked: ask shore for a bundle that a valid key has signed"
            )
        raise Untrusted(
            f"signed by key {ids}, {len(good)} of them trusted and valid, {needed} needed: "
            "check that the bundle is from the right sender and that --trust names whom to trust"
        )

    def verify(self, root: bytes, block: bytes) -> tuple["Trust", Signers]:
        """Verifies a bundle's root by its signature block: the trust after that block, and who signed.

        Raises Untrusted unless enough distinct trusted keys signed; Malformed or Unsupported for a bad block.
        """
        parsed = decode_block(block)
        trust = self.learned_from(parsed)
        return trust, trust.release_signers(root, parsed)

    def learned_from(self, block: SignatureBlock) -> "Trust":
        """The trust after the trust roots and the revocation list of a block; this one if they say nothing new.

        They prove themselves, whoever signed the bundle. A plain key ignores them: whoever stole it could sign them.
        A person has to adopt them [R-1]. Raises Untrusted, Malformed or Unsupported.
        """
        if not self.chain:
            _listed(block.trust)
            return self
        followed = self.following(block.trust)
        try:
            return followed.informed_of(block.revocations)
        except Refused:
            self.report(followed, refused=True)  # the trust roots are good, whatever the list is
            raise

    def release_signers(self, root: bytes, block: SignatureBlock) -> Signers:
        """The release keys that signed a bundle's root, by the signatures of its block. Raises Untrusted."""
        try:
            return self.signers(root, PAYLOAD_TYPE, block.signatures)
        except Untrusted as error:
            if offered := self.offered_by(block):
                raise Untrusted(f"{error}; it offers trust root {offered}, {HOW_TO_ADOPT}") from error
            raise

    def report(self, learned: "Trust", refused: bool = False) -> None:
        """Calls `learn` with the trust that a header has led to. `refused`: its bundle is not used."""
        if self.learn and learned is not self:
            self.learn(learned, refused)

    def offered_by(self, block: SignatureBlock) -> int:
        """The newest trust root that leads on from a plain key, for a person to adopt. 0 if there is none [R-1]."""
        if self.chain or not block.trust:
            return 0
        try:
            return self.following(block.trust).root.version
        except Refused:
            return 0

    def check_release(self, root: Root) -> None:
        """Raises Untrusted for an epoch that the trust root has not begun, Revoked for a revoked tree [R-7], [R-6]."""
        name = f"{root.product} {root.version} (seq {root.seq})"
        if root.epoch > self.root.epoch:
            whose = f"was not begun by trust root {self.root.version}"
            plain = "needs a trust root that begins it, named with --trust: a plain key alone signs none above 0"
            raise Untrusted(f"{name}: epoch {root.epoch} {whose if self.chain else plain}")
        if self.revocations and root.tree in self.revocations.listed.trees:
            raise Revoked(f"{name}: revoked by shore, revocation list {self.revocations.listed.version}")

    def expiry(self, signers: Signers, now: float) -> str:
        """What has expired at that time of what a release rests on, "" if nothing has [R-13]."""
        if self.root.expires and now >= self.root.expires:
            return f"trust root {self.root.version} expired on {_day(self.root.expires)}"
        ends = {VerifyingKey(r.key): r.expires for r in self.root.releases}
        if all(ends.get(key) and now >= ends[key] for key in signers):
            key = max(signers, key=lambda k: ends[k])
            return f"release key {key.key_id.hex()} expired on {_day(ends[key])}"
        return ""

    def find(self, version: int) -> Link | None:
        """The trust root of that version, if it was followed here."""
        return next((link for link in self.chain if link.root.version == version), None)

    def following(self, links: Links | None) -> "Trust":
        """The trust after the links that are new [R-9]. Raises Untrusted for a gap, another link of a known version, or
        one that its predecessor or itself has not signed; Malformed or Unsupported."""
        trust = self
        for version, signed in enumerate(*_listed(links)):
            known = trust.find(version)
            if known and known.signed.payload != signed.payload:
                raise Untrusted(f"trust root {version}: not the one that is trusted here under this version")
            if version > trust.root.version + 1:
                raise Untrusted(
                    f"trust root {version}: those after {trust.root.version} are missing, "
                    "send a bundle or trust file that has them too"
                )
            if version == trust.root.version + 1:
                trust = trust._succeeded_by(signed)
        return trust

    def informed_of(self, signed: Signed | None) -> "Trust":
        """The trust with that revocation list. Raises Untrusted if it is older than the one known [R-10]."""
        if signed is None or (self.revocations and self.revocations.signed.payload == signed.payload):
            return self
        _check_threshold(signed, REVOCATIONS_TYPE, self.root, "revocation list")
        listed = decode_revocations(signed.payload, "revocation list")
        if self.revocations and listed.version <= self.revocations.listed.version:
            known = self.revocations.listed.version
            how = "another one" if listed.version == known else "older"
            raise Untrusted(
                f"revocation list: version {listed.version} is {how} than the known version {known}; "
                "have the bundle signed again ashore with the newest, 'unrep resign'"
            )
        return replace(self, revocations=KnownRevocations(listed, signed))

    def descends_from(self, other: "Trust") -> bool:
        """Whether this trust began with what the other one is now."""
        if not other.chain:
            return self.keys == other.keys
        known = self.find(other.root.version)
        return known is not None and known.signed.payload == other.chain[-1].signed.payload

    def carried(self, since: int = 0) -> tuple[Links | None, Signed | None]:
        """What a bundle carries of it: the trust roots from version `since` on that a ship can follow, and the list.

        Raises Untrusted for a list that the newest trust root's keys have not signed.
        """
        followable = self.chain if self.keys else self.chain[1:]
        roots = [link.signed for link in followable if link.root.version >= since]
        links = Links(self.root.version + 1 - len(roots), roots) if roots else None
        if self.revocations is None:
            return links, None
        _check_threshold(self.revocations.signed, REVOCATIONS_TYPE, self.root, "revocation list")
        return links, self.revocations.signed

    def file(self) -> TrustFile:
        """What is written down of it: the newest links, so many as may stand in a file [R-12]."""
        newest = self.chain[-MAX_LINKS:]
        links = Links(newest[0].root.version if newest else 1, [link.signed for link in newest])
        key = self.keys[0].raw if self.keys and newest == self.chain else b""
        return TrustFile(TRUST_FORMAT, links, self.revocations.signed if self.revocations else None, key)

    @property
    def _revoked_keys(self) -> list[bytes]:
        return self.revocations.listed.keys if self.revocations else []

    def _succeeded_by(self, signed: Signed) -> "Trust":
        version = self.root.version + 1
        where = f"trust root {version}"
        _check_threshold(signed, TRUST_TYPE, self.root, where)
        link = _own(signed, version, where)
        if link.root.epoch < self.root.epoch:
            raise Untrusted(f"{where}: epoch {link.root.epoch} is below {self.root.epoch}, that of its predecessor")
        return replace(self, chain=(*self.chain, link))


def trust_of(file: TrustFile) -> Trust:
    """The trust that a trust file holds, as a site keeps it: the list was taken in under one of the links.

    Raises Untrusted, Malformed or Unsupported.
    """
    if file.key:
        trust = Trust((VerifyingKey(file.key),)).following(file.links)
    else:
        first, roots = file.links.first, file.links.roots
        trust = Trust(chain=(_own(roots[0], first, f"trust root {first}"),)).following(Links(first, roots))
    if not file.revocations:
        return trust
    for link in reversed(trust.chain):
        try:
            informed = replace(trust, chain=(link,)).informed_of(file.revocations)
        except Untrusted:
            continue
        return replace(trust, revocations=informed.revocations)
    raise Untrusted("revocation list: not signed by the threshold of any trust root beside it")


def given_trust(file: TrustFile) -> Trust:
    """The same of a file that a person names, who vouches for its first link alone. Raises as `trust_of`.

    The list must be signed by the threshold of the newest trust root: keys that a rotation dropped may be stolen
    ones [R-12].
    """
    trust = trust_of(file)
    if trust.revocations:
        _check_threshold(trust.revocations.signed, REVOCATIONS_TYPE, trust.root, "revocation list")
    return trust


def load_trust(path: Path) -> Trust:
    """The trust of one public key file, or of a trust file. Raises InputError if it is neither, Refused if it is a
    trust file that is damaged or unsound."""
    data = read_file(path)
    if data.lstrip().startswith(b"-----BEGIN"):
        return Trust((parse_public_key(data, path),))
    try:
        file = decode_trust_file(data)
    except Refused as error:
        if is_trust_file(data):
            named(error, path, "; take another copy of it")
            raise
        raise InputError(
            f"{path}: not a public key in PEM, nor a trust file; --trust takes the .pub file of 'unrep keygen', "
            "or the file of 'unrep trust'"
        ) from error
    with naming(path):
        return given_trust(file)


def _listed(links: Links | None) -> tuple[Iterable[Signed], int]:
    if links is None:
        return (), 1
    if not 0 < links.first <= canonical.MAX_INTEGER - MAX_LINKS or not 0 < len(links.roots) <= MAX_LINKS:
        raise Malformed(f"trust roots: {len(links.roots)} from version {links.first} on, not 1 to {MAX_LINKS} of them")
    return links.roots, links.first


def _own(signed: Signed, version: int, where: str) -> Link:
    """A trust root that is what its place says, and signed by its own threshold."""
    check_signatures(signed.signatures, where)
    root = decode_trust_root(signed.payload, where)
    if root.version != version:
        raise Untrusted(f"{where}: says that it is version {root.version}")
    _check_threshold(signed, TRUST_TYPE, root, where)
    return Link(root, signed)


def _check_threshold(signed: Signed, payload_type: bytes, root: TrustRoot, where: str) -> None:
    """Raises Untrusted unless the threshold of that trust root's keys signed."""
    check_signatures(signed.signatures, where)
    good = len(signers_of(signed.payload, payload_type, signed.signatures, root.verifying_keys))
    if good < root.threshold:
        who = f"trust root {root.version}" if root.version else "the key that is trusted here"
        raise Untrusted(f"{where}: signed by {good} keys of {who}, {root.threshold} needed")


def _day(time: int) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):  # beyond the calendar of this machine
        return f"second {time} since 1970"

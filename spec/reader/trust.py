"""Whom the second reader believes, from the text of spec/trust.md alone: keys, trust roots, lists, trust files.

It keeps nothing between bundles and asks no clock: sites [R-11] and expiry [R-13] are no part of it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tree import keyed
from wire import Pairs, Refused, decode, need

PRIME = 2**255 - 19
PRODUCT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
MAX_LINKS = 1024
MAX_LISTED = 1024
MAX_FILE = 4_194_304
MAX_HEARTBEAT = 300
TRUST_ROOT = {"trust": int, "version": int, "created": int, "keys": list, "threshold": int, "releases": list}
TRUST_ROOT |= {"expires": int, "epoch": int}
REVOCATIONS = {"revocations": int, "version": int, "created": int, "keys": list, "trees": list}
HEARTBEAT = {"heartbeat": int, "product": str, "epoch": int, "seq": int, "trust": int, "revocations": int}
HEARTBEAT |= {"time": int, "nonce": bytes}
BLOCK = {"s": list, "t": list, "r": list}  # signatures, trust, revocations
FILE = {"trust": int, "links": list, "revocations": list, "key": bytes}


def untrusted(sentence: str) -> Refused:
    return Refused("untrusted", sentence)


def check_key(raw: bytes) -> None:
    """[F-29]: y must be canonical and on the curve, and the point's order must not divide 8."""
    need(len(raw) == 32, "a public key has 32 bytes")
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    need(y < PRIME, "the public key is no canonical encoding")
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    need(pow(square, (PRIME - 1) // 2, PRIME) in (0, 1), "the public key is no point")
    of_order_8 = (CURVE * y**4 + 2 * y * y - 1) % PRIME == 0
    need(y not in (0, 1, PRIME - 1) and not of_order_8, "the public key is a point of small order")


@dataclass(frozen=True)
class Signed:
    """Bytes that nobody has parsed, and who claims to have signed them [R-2]; `name` is for refusals."""

    name: str
    kind: str
    payload: bytes
    signatures: Mapping[bytes, bytes]

    @classmethod
    def of(cls, name: str, kind: str, value: Any) -> "Signed":
        """Of the array [payload, signatures]."""
        need(type(value) is list and [type(item) for item in value] == [bytes, list], f"{name} is no signed statement")
        return cls(name, kind, value[0], parse_signatures(value[1], name))

    def need_signatures(self, keys: Iterable[bytes], threshold: int, whose: str) -> None:
        """[F-10] [F-28]: refuses unless so many of these keys signed."""
        kind = b"unrep/%s" % self.kind.encode() + (b"" if "/" in self.kind else b"/1")
        message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)
        named = {raw: self.signatures.get(hashlib.sha256(raw).digest()[:8]) for raw in keys}
        valid = sum(signature is not None and _valid(raw, signature, message) for raw, signature in named.items())
        if valid < threshold:
            raise untrusted(f"{self.name} is signed by {valid} keys of {whose}, and {threshold} must")


def _valid(raw: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def parse_signatures(pairs: list[Any], name: str) -> dict[bytes, bytes]:
    """[F-28]"""
    need(1 <= len(pairs) <= 64, f"{name} has not 1 to 64 signatures")
    for pair in pairs:
        need(
            type(pair) is list and [type(item) for item in pair] == [bytes, bytes],
            f"{name}: a signature is no pair of bytes",
        )
        need(len(pair[0]) == 8 and len(pair[1]) == 64, f"{name}: a signature or its key id has another length")
    need(len({pair[0] for pair in pairs}) == len(pairs), f"{name}: two signatures have the same key id")
    return {pair[0]: pair[1] for pair in pairs}


@dataclass(frozen=True)
class TrustRoot:
    """[R-3]; version 0 is a plain key [R-1]."""

    version: int
    keys: Sequence[bytes]
    threshold: int
    releases: Sequence[bytes]
    releases_threshold: int = 1
    epoch: int = 0


def parse_trust_root(link: Signed) -> TrustRoot:
    """[R-3] [R-4], and the root's own signatures, which can be counted only now [R-2]."""
    fields = _statement(link, TRUST_ROOT, {"expires": 0, "epoch": 0})
    keys, threshold, releases = (fields[key] for key in ("keys", "threshold", "releases"))
    for item in releases:
        need(
            type(item) is list and [type(part) for part in item] == [bytes, int] and item[1] >= 0,
            f"{link.name}: a release key is no pair of key and expiry",
        )
    may = [item[0] for item in releases]
    for listed in (keys, may):
        need(1 <= len(listed) <= 64, f"{link.name} has not 1 to 64 keys")
        _check_ascending(listed, link.name)
        for raw in listed:
            check_key(raw)
    need(1 <= threshold <= len(keys), f"{link.name}: threshold is out of bounds")
    need(fields["expires"] >= 0 and fields["epoch"] >= 0, f"{link.name}: expires or epoch is out of bounds")
    link.need_signatures(keys, threshold, "its own")
    return TrustRoot(fields["version"], keys, threshold, may, epoch=fields["epoch"])


@dataclass(frozen=True)
class Revocations:
    """[R-5], and the bytes that said so."""

    payload: bytes
    version: int
    keys: Sequence[bytes]
    trees: Sequence[bytes]


def parse_revocations(signed: Signed) -> Revocations:
    """[R-5]"""
    fields = _statement(signed, REVOCATIONS, {"keys": [], "trees": []})
    for listed in (fields["keys"], fields["trees"]):
        need(len(listed) <= MAX_LISTED, f"{signed.name} has over {MAX_LISTED} keys or trees")
        _check_ascending(listed, signed.name)
    return Revocations(signed.payload, fields["version"], fields["keys"], fields["trees"])


def _statement(signed: Signed, types: Mapping[str, type], optional: Mapping[str, Any]) -> dict[str, Any]:
    """The payload's fields; the number that its first key has is judged before all else."""
    value = decode(signed.payload, signed.name)
    _check_number(value, next(iter(types)), signed.name)
    fields = keyed(value, types, optional, signed.name)
    need(fields["version"] >= 1 and fields["created"] >= 0, f"{signed.name}: version or created is out of bounds")
    return fields


def _check_number(value: Any, key: str, name: str) -> None:
    need(isinstance(value, Pairs), f"{name} is no map")
    number = next((item for k, item in value if k == key), None)
    if type(number) is int and number != 1:
        raise Refused("unsupported", f"{name} has {key} {number}, and this reader knows 1")


def _check_ascending(items: Sequence[Any], name: str) -> None:
    need(all(type(item) is bytes and len(item) == 32 for item in items), f"{name}: a key or tree has not 32 bytes")
    need(all(a < b for a, b in pairwise(items)), f"{name}: keys or trees do not ascend")


def _links(value: list[Any]) -> tuple[int, list[Any]]:
    """The version of the first, and the trust roots from there, which nobody has looked into [R-8]."""
    need([type(item) for item in value] == [int, list], "the chain is no pair of version and trust roots")
    first, links = value
    need(first >= 1 and 1 <= len(links) <= MAX_LINKS, "the chain begins with no version, or has not 1 to 1,024 links")
    return first, links


def _named(first: int, links: list[Any]) -> list[Signed]:
    return [Signed.of(f"trust root {first + at}", "trust", link) for at, link in enumerate(links)]


def _signed_list(value: Any) -> Signed:
    return Signed.of("the revocation list", "revocations", value)


@dataclass(frozen=True)
class Trust:
    """What a reader knows: the newest trust root, the payloads of links by version, and the list in force."""

    newest: TrustRoot
    links: Mapping[int, bytes] = field(default_factory=dict)
    revoked: Revocations | None = None

    @classmethod
    def of_keys(cls, keys: Sequence[bytes], threshold: int) -> "Trust":
        """Plain keys as trust root 0 [R-1]; of one key the threshold is one."""
        for raw in keys:
            check_key(raw)
        return cls(TrustRoot(0, keys, threshold, keys, threshold))

    @classmethod
    def of_file(cls, data: bytes) -> "Trust":
        """Of a trust file [R-12]."""
        need(len(data) <= MAX_FILE, "the trust file is too long")
        value = decode(data, "the trust file")
        _check_number(value, "trust", "the trust file")
        fields = keyed(value, FILE, {"revocations": [], "key": b""}, "the trust file")
        first, roots = _links(fields["links"])
        links = _named(first, roots)
        if fields["key"]:
            need(first == 1, "the trust file has a key and begins beyond trust root 1")
            newest = cls.of_keys([fields["key"]], 1)
        else:
            root = parse_trust_root(links[0])
            need(root.version == first, f"{links[0].name} has version {root.version}")
            newest = cls(root, {first: links.pop(0).payload})
        for link in links:
            newest = newest.followed(link)
        return newest.listed(_signed_list(fields["revocations"])) if fields["revocations"] else newest

    def followed(self, link: Signed) -> "Trust":
        """One version on [R-9]."""
        old = self.newest
        link.need_signatures(old.keys, old.threshold, f"trust root {old.version}")
        root = parse_trust_root(link)
        if root.version != old.version + 1:
            raise untrusted(f"{link.name} has version {root.version}")
        if root.epoch < old.epoch:
            raise untrusted(f"{link.name} has an epoch below that of its predecessor")
        return replace(self, newest=root, links={**self.links, root.version: link.payload})

    def chained(self, first: int, roots: list[Any]) -> "Trust":
        """To the end of a bundle's chain [R-9]; for a plain key, where a person adopts that."""
        if first > self.newest.version + 1:
            raise untrusted(f"the chain begins with {first}, beyond trust root {self.newest.version} and its successor")
        trust = self
        for version, link in enumerate(_named(first, roots), first):
            if version > self.newest.version:
                trust = trust.followed(link)
            elif self.links.get(version, link.payload) != link.payload:
                raise untrusted(f"{link.name} differs from the one that is known")
        return trust

    def listed(self, signed: Signed) -> "Trust":
        """With this revocation list in force [R-10]."""
        if self.revoked and self.revoked.payload == signed.payload:
            return self
        signed.need_signatures(self.newest.keys, self.newest.threshold, f"trust root {self.newest.version}")
        found = parse_revocations(signed)
        if self.revoked and found.version <= self.revoked.version:
            raise untrusted(f"the revocation list has version {found.version}, and {self.revoked.version} is known")
        return replace(self, revoked=found)

    def adopting(self, block: bytes) -> "Trust":
        """Of one to whom a person has named the trust roots of a block [R-1]."""
        fields = keyed(decode(block, "the signature block"), BLOCK, {"t": [], "r": []}, "the block")
        return self.chained(*_links(fields["t"]))

    def after(self, header: bytes, block: bytes) -> "Trust":
        """What is known once the signature block is read; refuses a root that no release key in force signed."""
        return self.after_block("the bundle", "root", header, decode(block, "the signature block"))

    def after_block(self, what: str, kind: str, payload: bytes, block: Any) -> "Trust":
        """The same of anything that has such a block."""
        name = "the signature block"
        fields = keyed(block, BLOCK, {"t": [], "r": []}, name)
        release = Signed(what, kind, payload, parse_signatures(fields["s"], name))
        chain = _links(fields["t"]) if fields["t"] else None
        trust = self
        if self.newest.version:  # a plain key follows nothing
            trust = trust.chained(*chain) if chain else trust
            trust = trust.listed(_signed_list(fields["r"])) if fields["r"] else trust
        release.need_signatures(trust.may, trust.newest.releases_threshold, "those that may")
        return trust

    @property
    def may(self) -> list[bytes]:
        """The release keys whose signature counts [R-6]."""
        return [raw for raw in self.newest.releases if not self.revoked or raw not in self.revoked.keys]

    def judge(self, epoch: int, tree: bytes) -> None:
        """[R-6] [R-7]"""
        if epoch > self.newest.epoch:
            raise untrusted(f"the bundle has epoch {epoch}, and the trust root has begun {self.newest.epoch}")
        if self.revoked and tree in self.revoked.trees:
            raise Refused("revoked", "the release is revoked")


def read_heartbeat(data: bytes, trust: Trust) -> dict[str, Any]:
    """Its fields [R-15]; what was heard before is no part of this reader."""
    name = "the heartbeat"
    need(len(data) <= MAX_HEARTBEAT, f"{name} has {len(data)} bytes")
    signed = Signed.of(name, "heartbeat", decode(data, name))
    signed.need_signatures(trust.may, trust.newest.releases_threshold, "those that may")
    value = decode(signed.payload, name)
    _check_number(value, "heartbeat", name)
    fields = keyed(value, HEARTBEAT, {}, name)
    need(bool(PRODUCT.fullmatch(fields["product"])), f"{name}: product is none")
    need(all(item >= 0 for item in fields.values() if type(item) is int), f"{name} has a number below 0")
    need(len(fields["nonce"]) == 8, f"{name} has a nonce of {len(fields['nonce'])} bytes")
    return fields

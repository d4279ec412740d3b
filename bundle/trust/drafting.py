"""Making trust roots and revocation lists, ashore: spec/trust.md, section 5.

A new trust root begins as a draft at the end of a trust file. The holders of the keys sign the file one after the
other. When enough have signed, ships follow it. A file holds 1,024 trust roots at most: the oldest are dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from bundle.errors import InputError, Malformed, Refused
from bundle.format import canonical
from bundle.trust.signing import Links, Signed, Signer, VerifyingKey, merged, sign_payload, signers_of, verifying_key
from bundle.trust.trust import MAX_LINKS, trust_of
from bundle.trust.trust_file import TrustFile
from bundle.trust.trust_root import (
    REVOCATIONS_TYPE,
    TRUST_FORMAT,
    TRUST_TYPE,
    ReleaseKey,
    Revocations,
    TrustRoot,
    check_revocations,
    check_trust_root,
    decode_revocations,
    decode_trust_root,
)


@dataclass(frozen=True)
class Statement:
    """One signed statement of a trust file: what it is called, and by how many keys of whom it must be signed."""

    name: str
    payload_type: bytes
    signed: Signed
    needed: tuple[tuple[str, frozenset[VerifyingKey], int], ...]

    def missing(self) -> list[str]:
        """Which signatures are missing, a clause for each group of keys."""
        found = []
        for who, keys, threshold in self.needed:
            good = len(signers_of(self.signed.payload, self.payload_type, self.signed.signatures, keys))
            if good < threshold:
                found.append(f"{self.name} is signed by {good} of the {threshold} keys of {who} that it needs")
        return found

    def signed_by(self, signers: Iterable[Signer]) -> Signed:
        """With the signatures of those signers whose keys count, if any are missing."""
        counting = frozenset[VerifyingKey]().union(*(keys for _, keys, _ in self.needed))
        able = [signer for signer in signers if verifying_key(signer) in counting]
        if not self.missing() or not able:
            return self.signed
        made = sign_payload(self.signed.payload, self.payload_type, able)
        return Signed(self.signed.payload, merged(self.signed.signatures, made))


def first_root(root: TrustRoot, after: VerifyingKey | None) -> TrustFile:
    """A trust file with trust root 1, unsigned. `after`: the plain key that ships trust so far. Raises InputError."""
    links = Links(1, [_unsigned_root(root)])
    return TrustFile(TRUST_FORMAT, links, None, after.raw if after else b"")


def newest_root(file: TrustFile) -> TrustRoot:
    """The last trust root of a file, draft or not. Raises Malformed or Unsupported."""
    return decode_trust_root(file.links.roots[-1].payload, f"trust root {_last_version(file)}")


def listed(file: TrustFile) -> Revocations | None:
    """The revocation list of a file, draft or not. Raises Malformed or Unsupported."""
    return decode_revocations(file.revocations.payload, "revocation list") if file.revocations else None


def succeeded(file: TrustFile, root: TrustRoot) -> TrustFile:
    """The file with one more trust root, unsigned. The list keeps the signatures that count under it too.

    Raises InputError if the file is a draft still, or for a root out of bounds.
    """
    _check_complete(file)
    roots = [*file.links.roots, _unsigned_root(root)]
    newest = roots[-MAX_LINKS:]
    links = Links(root.version + 1 - len(newest), newest)
    key = file.key if newest == roots else b""
    return msgspec.structs.replace(file, links=links, revocations=_counting(file.revocations, root), key=key)


def revoked(file: TrustFile, keys: Iterable[VerifyingKey], trees: Iterable[bytes], created: int) -> TrustFile:
    """The file with the next revocation list, unsigned: what was listed before, and these. Raises InputError."""
    _check_complete(file)
    before = listed(file) or Revocations(TRUST_FORMAT, 0, 0)
    found = Revocations(
        TRUST_FORMAT,
        before.version + 1,
        created,
        sorted({*before.keys, *(key.raw for key in keys)}),
        sorted({*before.trees, *trees}),
    )
    try:
        check_revocations(found, "revocation list")
    except Malformed as error:
        raise InputError(str(error)) from error
    return msgspec.structs.replace(file, revocations=Signed(canonical.encode(found), []))


def signed(file: TrustFile, signers: Sequence[Signer]) -> TrustFile:
    """The file with what these signers can add to it. Raises InputError for one who can add nothing."""
    keys = frozenset[VerifyingKey]().union(*(k for s in statements(file) for _, k, _ in s.needed))
    for signer in signers:
        if verifying_key(signer) not in keys:
            raise InputError(f"key {verifying_key(signer).key_id.hex()}: none of the root keys that may sign this file")
    root, *rest = statements(file)
    links = Links(file.links.first, [*file.links.roots[:-1], root.signed_by(signers)])
    return msgspec.structs.replace(file, links=links, revocations=rest[0].signed_by(signers) if rest else None)


def missing(file: TrustFile) -> list[str]:
    """Which signatures a draft needs before ships follow it, a clause each; none for a file that is complete."""
    return [clause for statement in statements(file) for clause in statement.missing()]


def statements(file: TrustFile) -> list[Statement]:
    """The last trust root and the revocation list of a file: those that may still be drafts."""
    version, newest = _last_version(file), newest_root(file)
    own = (f"trust root {version}", newest.verifying_keys, newest.threshold)
    needed = [own]
    if len(file.links.roots) > 1:
        before = decode_trust_root(file.links.roots[-2].payload, f"trust root {version - 1}")
        needed.insert(0, (f"trust root {version - 1}", before.verifying_keys, before.threshold))
    elif file.key:
        key = VerifyingKey(file.key)
        needed.insert(0, (f"the plain key {key.key_id.hex()}", frozenset((key,)), 1))
    found = [Statement(f"trust root {version}", TRUST_TYPE, file.links.roots[-1], tuple(needed))]
    if file.revocations:
        found.append(Statement("the revocation list", REVOCATIONS_TYPE, file.revocations, (own,)))
    return found


def with_releases(root: TrustRoot, added: Iterable[ReleaseKey], dropped: Iterable[VerifyingKey]) -> list[ReleaseKey]:
    """The release keys of a root after a change, in their order. One that is there already gets its new expiry."""
    by_key = {release.key: release for release in (*root.releases, *added)}
    for key in dropped:
        if by_key.pop(key.raw, None) is None:
            raise InputError(f"key {key.key_id.hex()}: no release key of trust root {root.version}")
    return [by_key[key] for key in sorted(by_key)]


def with_keys(root: TrustRoot, added: Iterable[VerifyingKey], dropped: Iterable[VerifyingKey]) -> list[bytes]:
    """The root keys of a root after a change, in their order."""
    keys = {*root.keys, *(key.raw for key in added)}
    for key in dropped:
        if key.raw not in keys:
            raise InputError(f"key {key.key_id.hex()}: no root key of trust root {root.version}")
        keys.remove(key.raw)
    return sorted(keys)


def _unsigned_root(root: TrustRoot) -> Signed:
    try:
        check_trust_root(root, f"trust root {root.version}")
    except Malformed as error:
        raise InputError(str(error)) from error
    return Signed(canonical.encode(root), [])


def _counting(revocations: Signed | None, root: TrustRoot) -> Signed | None:
    if revocations is None:
        return None
    ids = {key.key_id for key in root.verifying_keys}
    return Signed(revocations.payload, [s for s in revocations.signatures if s.key_id in ids])


def _check_complete(file: TrustFile) -> None:
    clauses = missing(file)
    if clauses:
        raise InputError(f"{clauses[0]}; sign it with 'unrep trust sign' first")
    try:
        trust_of(file)
    except Refused as error:
        raise InputError(str(error)) from error


def _last_version(file: TrustFile) -> int:
    return file.links.first + len(file.links.roots) - 1

"""Holders of root and release keys for tests, and trust files of any history, made as ashore but in no time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bundle.format import canonical
from bundle.format.layout import PREAMBLE_BYTES, Preamble, read_preamble
from bundle.trust.drafting import first_root, newest_root, revoked, signed, succeeded
from bundle.trust.signing import sign, verifying_key
from bundle.trust.trust import Trust, trust_of
from bundle.trust.trust_file import TrustFile
from bundle.trust.trust_root import TRUST_FORMAT, ReleaseKey, TrustRoot
from bundle.write.resign import resign

MADE = 1_700_000_000


def private(number: int) -> Ed25519PrivateKey:
    """A key; the same for the same number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


A, B, C, D, RELEASE, NEXT = map(private, range(101, 107))


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def write_keys(directory: Path, name: str, key: Ed25519PrivateKey) -> tuple[Path, Path]:
    """NAME.key and NAME.pub."""
    secret, public = directory / f"{name}.key", directory / f"{name}.pub"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


@dataclass(frozen=True)
class History:
    """A trust file that is complete, and how it goes on."""

    file: TrustFile

    @property
    def trust(self) -> Trust:
        return trust_of(self.file)

    def rotated(self, signers: Sequence[Ed25519PrivateKey] = (A, B), **changes: object) -> "History":
        """With one more trust root; changed are fields of the one before."""
        old = newest_root(self.file)
        root = msgspec.structs.replace(old, version=old.version + 1, created=old.created + 1, **changes)
        return History(signed(succeeded(self.file, root), signers))

    def revoking(
        self,
        *keys: Ed25519PrivateKey,
        trees: Sequence[bytes] = (),
        signers: Sequence[Ed25519PrivateKey] = (A, B),
        created: int = MADE,
    ) -> "History":
        """With the next revocation list."""
        return History(signed(revoked(self.file, map(verifying_key, keys), trees, created), signers))

    def write(self, path: Path) -> Path:
        path.write_bytes(canonical.encode(self.file))
        return path


def begun(after: Ed25519PrivateKey | None = None, **changes: object) -> History:
    """Trust root 1: two of A, B, C; releases by RELEASE."""
    root = TrustRoot(TRUST_FORMAT, 1, MADE, sorted(map(raw, (A, B, C))), 2, releases(RELEASE))
    root = msgspec.structs.replace(root, **changes)
    draft = first_root(root, verifying_key(after) if after else None)
    return History(signed(draft, [A, B, *([after] if after else [])]))


def releases(*keys: Ed25519PrivateKey, expires: int = 0) -> list[ReleaseKey]:
    """Release keys in their order."""
    return [ReleaseKey(key, expires) for key in sorted(map(raw, keys))]


def signed_anew(bundle: Path, out: Path, key: Ed25519PrivateKey, history: History | None, trust_from: int = 0) -> Path:
    """A copy of the bundle, signed by that key alone, with that chain."""
    resign(bundle, out, [key], history.trust if history else None, trust_from)
    return out


def signed_by_a_thief(bundle: Path, out: Path, key: Ed25519PrivateKey, history: History) -> Path:
    """The same, though ships that follow the chain would not count the key: shore's own commands refuse that."""
    data = bundle.read_bytes()
    preamble = read_preamble(data)
    root = data[PREAMBLE_BYTES : PREAMBLE_BYTES + preamble.root_bytes]
    block = sign(root, [key], *history.trust.carried())
    out.write_bytes(Preamble(len(root), len(block)).pack() + root + block + data[preamble.header_bytes :])
    return out

"""Public keys of sites, by which receipts are known: SITE/.unrep/site.pub, brought ashore once [C-2]."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bundle.errors import InputError, Malformed
from bundle.host import presence
from bundle.host.files import read_given
from bundle.trust.signing import VerifyingKey

_SUFFIX: Final = ".pub"


def load_site_keys(paths: Iterable[Path]) -> dict[bytes, VerifyingKey]:
    """Every key in those files, and in the files *.pub of those folders, by its id. Raises InputError."""
    keys = [load_site_public_key(file) for path in paths for file in _files(path)]
    return {key.key_id: key for key in keys}


def load_site_public_key(path: Path) -> VerifyingKey:
    """The public key of a site. Raises InputError."""
    advice = "not the public key of a site; it lies there as .unrep/site.pub"
    try:
        key = serialization.load_pem_public_key(read_given(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: {advice}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: {advice}")
    try:
        return VerifyingKey(key.public_bytes_raw())
    except Malformed as error:
        raise InputError(f"{path}: {error}") from error


def _files(path: Path) -> Iterator[Path]:
    try:
        if not presence.is_directory(path):
            yield path
            return
        found = sorted(file for file in path.iterdir() if file.suffix == _SUFFIX)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not found:
        raise InputError(f"{path}: no file *{_SUFFIX} in that folder; copy each ship's .unrep/site.pub there")
    yield from found

"""The site's own key, by which shore knows that a receipt comes from this ship: made when it is first needed [A-83].

SITE/.unrep/site.key (PKCS#8 PEM, mode 0600) never leaves the ship; SITE/.unrep/site.pub is brought ashore once.
"""

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apply.errors import SiteInvalid
from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence

_PEM: Final = serialization.Encoding.PEM


def site_key(site: Site) -> Ed25519PrivateKey:
    """The key, durable, its public half beside it.

    Raises StorageFailed, DiskFull, or SiteInvalid for a file that is no such key: it is never replaced.
    """
    with durable.storage_errors(site.key_file):
        data = site.key_file.read_bytes() if presence.exists(site.key_file) else None
    key = _made(site.key_file) if data is None else _parsed(site.key_file, data)
    public = key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    # Written anew whenever it is not there or differs: a cut may have come between the two files.
    with durable.storage_errors(site.public_key_file):
        if not presence.exists(site.public_key_file) or site.public_key_file.read_bytes() != public:
            durable.write_file(site.public_key_file, public)
    return key


def _made(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    durable.write_file(path, data, mode=0o600)
    return key


def _parsed(path: Path, data: bytes) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Never replaced: shore knows the ship by it, and a new one would look like a forger's.
        advice = "put back a backup of it, or remove it and bring the new site.pub ashore"
        raise SiteInvalid(f"{path}: not the key that unrep made; {advice}")
    return key

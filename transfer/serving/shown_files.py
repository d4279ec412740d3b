"""Which files a server of bundles shows: those that are made for ships, by what stands in them [T-60].

Whatever else lies beside them, keys, settings, locks, drafts, is not there for who asks, whatever it is called.
"""

from collections.abc import Callable
from typing import BinaryIO

from bundle.errors import Malformed, Refused
from bundle.format import canonical
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.recipients.ticket import MAX_TICKET_BYTES, decode_ticket
from bundle.trust.signing import Signed, check_signatures
from bundle.trust.trust_file import is_trust_file
from transfer.channels.signing import MAX_CHANNEL_BYTES, read_unverified
from transfer.disk.volume import MAGIC as VOLUME_MAGIC

_PUBLIC_KEY, _PUBLIC_KEY_END = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
_PREFIX_BYTES = 64


def is_shown(file: BinaryIO) -> bool:
    """Whether an open file is a bundle, volume, trust file, channel file, heartbeat, ticket or public key.

    The first three are known by their first bytes. The others are short, and read whole. Raises OSError.
    """
    prefix = file.read(_PREFIX_BYTES)
    if prefix.startswith(VOLUME_MAGIC) or (len(prefix) == _PREFIX_BYTES and is_trust_file(prefix)):
        return True
    readers: list[Callable[[bytes], object]] = [_read_bundle] if len(prefix) >= PREAMBLE_BYTES else []
    data = prefix + file.read(MAX_CHANNEL_BYTES)
    if len(data) <= MAX_CHANNEL_BYTES:
        readers += [read_unverified, _read_signed, _read_ticket, _read_public_key]
    for read in readers:
        try:
            read(data)
        except Refused:
            continue
        return True
    return False


def _read_bundle(data: bytes) -> None:
    read_preamble(data[:PREAMBLE_BYTES])


def _read_signed(data: bytes) -> None:
    check_signatures(canonical.decode(data, Signed, "signed").signatures, "signed")


def _read_ticket(data: bytes) -> None:
    if len(data) > MAX_TICKET_BYTES:
        raise Malformed("no ticket")
    decode_ticket(data)


def _read_public_key(data: bytes) -> None:
    """One block of PEM that says it is public, and nothing beside it: a private one may stand there."""
    text = data.strip()
    end = len(text) - len(_PUBLIC_KEY_END)
    if not text.startswith(_PUBLIC_KEY) or text.find(b"-----END") != end or not text.endswith(_PUBLIC_KEY_END):
        raise Malformed("no public key")

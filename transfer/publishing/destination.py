"""What stands at a destination, and what goes there: a bundle under its own name, its tickets, a channel's file.

`publish` does it for one bundle, and a repository for all of its own.
"""

from collections.abc import Iterator
from hashlib import sha256

from bundle.errors import Malformed, naming
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedBundle
from bundle.recipients.sidecars import listed_tickets
from bundle.recipients.ticket import MAX_TICKET_BYTES, decode_ticket, verify_ticket
from transfer.channels.channel import Channel, file_name
from transfer.channels.signing import MAX_CHANNEL_BYTES, read_unverified
from transfer.disk.whole import read_header, whole_bundle
from transfer.errors import OutputRefused
from transfer.publishing.backend import Backend
from transfer.publishing.ticket import read_ticket

NAME_HASH_DIGITS = 16


def published_name(bundle: VerifiedBundle) -> str:
    """The name holds the hash of the header, under which all bytes of the file are: other bytes, other name [T-52]."""
    digest = sha256(read_header(bundle)).hexdigest()[:NAME_HASH_DIGITS]
    return f"{bundle.root.product}-{bundle.root.version}-{digest}.unrep"


def send_bundle(bundle: VerifiedBundle, backend: Backend, progress: Progress) -> bool:
    """Puts a bundle there under its published name, and says whether it was not there before.

    It is verified as it is read. Raises Refused, OutputRefused, DiskFull or Incomplete.
    """
    name, length = published_name(bundle), bundle.verified.total_bytes
    there = backend.length_of(name)
    if there == length:
        return False
    if there is not None:
        raise OutputRefused(
            f"{backend.name}: {name} is there with {there:,} bytes, not {length:,}; "
            "it was changed or cut short there: remove it and run the same command again"
        )
    progress.start(f"publishing to {backend.name}", length, "B")
    backend.add(name, _counted(whole_bundle(bundle), progress))
    progress.finish()
    return True


def send_tickets(bundle: VerifiedBundle, backend: Backend) -> int:
    """Puts the tickets that lie beside the bundle, beside it there, and says how many [T-59]. The others there stay.

    Raises Refused for a file among them that is no ticket of this bundle, or not signed by who signed that;
    OutputRefused, DiskFull or Incomplete.
    """
    put, verified = 0, bundle.verified
    for path in listed_tickets(bundle.path):
        data, name = read_ticket(path), f"{published_name(bundle)}.tickets/{path.name}"
        with naming(path):
            ticket = decode_ticket(data)
            if verified.signers:
                verify_ticket(ticket, verified.root_hash, verified.trust)
        if backend.read(name, MAX_TICKET_BYTES + 1) != data:
            backend.replace(name, data)
            put += 1
    return put


def read_channel(backend: Backend, channel: str) -> tuple[bytes, Channel] | None:
    """The file of a channel there, and what it says, whoever signed it; None for none.

    Raises OutputRefused for a file that is none of a channel.
    """
    name = file_name(channel)
    data = backend.read(name, MAX_CHANNEL_BYTES + 1)
    if data is None:
        return None
    try:
        return data, read_unverified(data)
    except Malformed as error:
        raise OutputRefused(
            f"{backend.name}: {name!r} is no channel file of unrep ({error}); move it away or choose another place"
        ) from error


def _counted(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        progress.advance(len(chunk))

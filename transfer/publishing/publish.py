"""Publishing: the bundle first, under a name of its own, then the pointer that names it [T-50].

Whatever interrupts it, `latest` names a bundle that is there whole: the one before, or the new one. The same call again
does what is left to do, and nothing if all is done.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.errors import Malformed, naming
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedBundle, open_bundle, open_for_display
from bundle.recipients.sidecars import listed_tickets
from bundle.recipients.ticket import MAX_TICKET_BYTES, decode_ticket, verify_ticket
from bundle.trust.signing import verifying_key
from bundle.trust.trust import Trust
from transfer.disk.lock import output_lock
from transfer.disk.whole import read_header, whole_bundle
from transfer.errors import OutputRefused
from transfer.publishing.backend import Backend
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.latest import MAX_POINTER_BYTES, POINTER_NAME, Pointer, read_unverified, sign_pointer
from transfer.publishing.ticket import read_ticket

NAME_HASH_DIGITS = 16


@dataclass(frozen=True)
class Published:
    """What came of it. `added`: the bundle was not there before. `moved`: the pointer names it only since now.

    `tickets`: how many of an encrypted bundle were put there, or others in their place.
    """

    pointer: Pointer
    added: bool
    moved: bool
    tickets: int


def publish(
    path: Path, backend: Backend, key: Ed25519PrivateKey | None, go_back: bool, progress: Progress
) -> Published:
    """Publishes a bundle file. Without a key, the pointer stays as it is.

    `go_back`: whether the pointer may name an older release than it does [T-53]. Raises InputError or Refused for the
    bundle, OutputRefused, OutputBusy, DiskFull or Incomplete for the backend.
    """
    opened = open_bundle(path, Trust.of_maker((verifying_key(key),))) if key else open_for_display(path)
    with opened as bundle, _turn(backend):
        pointer = _pointer_to(bundle)
        there = backend.read(POINTER_NAME, MAX_POINTER_BYTES + 1)
        if key and there is not None:
            _check_order(pointer, there, backend, go_back)
        added = _add(bundle, pointer, backend, progress)
        tickets = _add_tickets(bundle, pointer, backend) if bundle.root.is_encrypted else 0
        signed = sign_pointer(pointer, key) if key else there
        moved = signed != there
        if moved and signed is not None:
            backend.replace(POINTER_NAME, signed)
    return Published(pointer, added, moved, tickets)


def _turn(backend: Backend) -> AbstractContextManager[None]:
    """Two at once into one directory would write one draft. An object store keeps uploads apart by itself."""
    if isinstance(backend, DirectoryBackend):
        return output_lock(Path(backend.name) / POINTER_NAME, "publishing to")
    return nullcontext()


def _pointer_to(bundle: VerifiedBundle) -> Pointer:
    """The name holds the hash of the header, under which all bytes of the file are: other bytes, other name [T-52]."""
    root, digest = bundle.root, sha256(read_header(bundle)).hexdigest()[:NAME_HASH_DIGITS]
    return Pointer(
        product=root.product,
        version=root.version,
        seq=root.seq,
        epoch=root.epoch,
        file=f"{root.product}-{root.version}-{digest}.unrep",
        length=bundle.verified.total_bytes,
        root=bundle.verified.root_hash,
    )


def _check_order(new: Pointer, there: bytes, backend: Backend, go_back: bool) -> None:
    """Raises OutputRefused rather than name another product, or an older release unasked [T-53]."""
    where = f"{backend.name}: {POINTER_NAME!r}"
    try:
        old = read_unverified(there)
    except Malformed as error:
        raise OutputRefused(
            f"{where} is no pointer of unrep ({error}); move it away or choose another place"
        ) from error
    if old.product != new.product:
        raise OutputRefused(f"{where} names {old.describe()}; publish {new.product} to a place of its own")
    if not go_back and (new.order < old.order or (new.order == old.order and new.root != old.root)):
        raise OutputRefused(
            f"{where} names {old.describe()} already, and this is {new.describe()}; "
            "build it with a higher --seq, or name the older one all the same with --go-back"
        )


def _add(bundle: VerifiedBundle, pointer: Pointer, backend: Backend, progress: Progress) -> bool:
    length = backend.length_of(pointer.file)
    if length == pointer.length:
        return False
    if length is not None:
        raise OutputRefused(
            f"{backend.name}: {pointer.file} is there with {length:,} bytes, not {pointer.length:,}; "
            "it was changed or cut short there: remove it and run the same command again"
        )
    progress.start("publishing", pointer.length, "B")
    backend.add(pointer.file, _counted(whole_bundle(bundle), progress))
    progress.finish()
    return True


def _add_tickets(bundle: VerifiedBundle, pointer: Pointer, backend: Backend) -> int:
    """The tickets that lie beside the bundle, beside it there [T-59]. The others there stay.

    Raises Refused for a file among them that is no ticket of this bundle, or not signed by who signed that.
    """
    put, verified = 0, bundle.verified
    for path in listed_tickets(bundle.path):
        data, name = read_ticket(path), f"{pointer.file}.tickets/{path.name}"
        with naming(path):
            ticket = decode_ticket(data)
            if verified.signers:
                verify_ticket(ticket, verified.root_hash, verified.trust)
        if backend.read(name, MAX_TICKET_BYTES + 1) != data:
            backend.replace(name, data)
            put += 1
    return put


def _counted(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        progress.advance(len(chunk))

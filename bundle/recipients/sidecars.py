"""The sidecars of a bundle F: F.sha256, F.manifests, F.tickets/ and F.steps/. A built bundle gets its name after them.

spec/format.md, Sidecars; spec/sealing.md, section 5; for steps, spec/apply.md [A-130].
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from bundle.errors import Corrupt, InputError
from bundle.host import durable, presence
from bundle.host.files import check_replaceable, is_directory, read_plain, reopen, write_anew

MAX_CHECKSUM_BYTES = 4096
_HEX_DIGITS = 64


def check_output_path(out: Path) -> None:
    """Checks that `out` is a regular file or does not exist, in a directory that does. Raises InputError.

    Without this, root could replace /dev/null for every program.
    """
    if presence.exists(out) and not presence.is_file(out):
        what = "a directory" if presence.is_directory(out) else "no regular file"
        raise InputError(f"{out}: is {what}; --out names the bundle file to write")
    if not presence.is_directory(out.parent):
        raise InputError(f"{out.parent}: no such directory; make it first, --out is written there")


def publish(unproven: Path, out: Path, manifests: bytes | None) -> int:
    """Makes the file durable, writes F.manifests and F.sha256, and gives it its name. Returns its length in bytes.

    `manifests`: the content of F.manifests, None to leave what is there. Tickets are written before. Raises OSError.
    """
    check_replaceable(out)
    with reopen(unproven) as file:
        digest, total = _hashed(file)
        os.fsync(file.fileno())
    if manifests is not None:
        write_anew(manifests_beside(out), manifests)
    write_anew(checksum_beside(out), _checksum_line(digest, os.fsencode(out.name)))
    durable.replace(unproven, out)
    return total


def check_sum_beside(bundle: Path) -> None:
    """Raises Corrupt if there is a F.sha256 and it is that of another file. Raises OSError."""
    try:
        said = read_plain(checksum_beside(bundle), MAX_CHECKSUM_BYTES).split()[0].lstrip(b"\\").decode("ascii")
    except (FileNotFoundError, IndexError, UnicodeDecodeError):
        return
    with reopen(bundle) as file:
        if len(said) == _HEX_DIGITS and _hashed(file)[0] != said.lower():
            beside = checksum_beside(bundle).name
            raise Corrupt(f"{bundle}: is not what {beside} says: it was damaged or exchanged; take another copy")


def _hashed(file: BinaryIO) -> tuple[str, int]:
    """The SHA-256 of a file in hex, and its length."""
    digest, total = sha256(), 0
    while chunk := file.read(1 << 20):
        digest.update(chunk)
        total += len(chunk)
    return digest.hexdigest(), total


def _checksum_line(digest: str, name: bytes) -> bytes:
    """As sha256sum writes and reads it: a name with a line end or a backslash is written out."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def checksum_beside(bundle: Path) -> Path:
    """Where the checksum of a bundle stands ashore."""
    return bundle.with_name(bundle.name + ".sha256")


def manifests_beside(bundle: Path) -> Path:
    """Where the tree manifests of a bundle stand ashore."""
    return bundle.with_name(bundle.name + ".manifests")


def tickets_beside(bundle: Path) -> Path:
    """The directory of the tickets of an encrypted bundle."""
    return bundle.with_name(bundle.name + ".tickets")


def ticket_beside(bundle: Path, ship_id: bytes) -> Path:
    """Where the ticket of the ship with that key id lies."""
    return tickets_beside(bundle) / ticket_name(ship_id)


def ticket_name(ship_id: bytes) -> str:
    """What the ticket of the ship with that key id is called, beside a bundle or at a source [S-12]."""
    return f"{ship_id.hex()}.ticket"


def listed_tickets(bundle: Path) -> list[Path]:
    """The tickets beside a bundle, by name. A link in the place of their directory holds none. Raises OSError."""
    directory = tickets_beside(bundle)
    with suppress(FileNotFoundError):
        return sorted(directory.glob("*.ticket")) if is_directory(directory) else []
    return []


def steps_beside(bundle: Path) -> Path:
    """The directory of the bundles over which a ship comes to the base of this one."""
    return bundle.with_name(bundle.name + ".steps")


def listed_steps(bundle: Path) -> list[Path]:
    """The complete bundles in there, by name. A link in the place of the directory holds none. Raises OSError."""
    directory = steps_beside(bundle)
    with suppress(FileNotFoundError):
        return sorted(directory.glob("*.unrep")) if is_directory(directory) else []
    return []

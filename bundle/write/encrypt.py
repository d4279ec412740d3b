"""Encrypting what was built, and writing the tickets beside a bundle. spec/sealing.md, sections 2 and 5."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from bundle.errors import InputError, Refused
from bundle.format.contents import opened
from bundle.format.pieces import build_tables
from bundle.format.section_cipher import ContentKey, chunks_of_body, encrypted_bytes
from bundle.host.files import create_buffered, make_directory, write_anew
from bundle.recipients.ship_key import ShipPublicKey
from bundle.recipients.sidecars import listed_tickets, ticket_beside, tickets_beside
from bundle.recipients.ticket import issue_ticket, sign_ticket_anew
from bundle.trust.signing import Signer, read_file
from bundle.write.sections import BuiltSection


def encrypt_section(built: BuiltSection, number: int, key: ContentKey, piece_bytes: int, body: Path) -> BuiltSection:
    """The section, encrypted, its body in the file `body`. `number`: its place in the root, which the key binds."""
    with opened(built.body) as plain, create_buffered(body) as file:
        length = encrypted_bytes(plain.size)
        for chunk in key.section_cipher(number, chunks_of_body(length)).encrypt(plain):
            file.write(chunk)
    with opened(body) as stored:
        tables, top = build_tables(stored, piece_bytes)
    section = msgspec.structs.replace(built.section, stored=length, content=top)
    return replace(built, section=section, tables=tables, body=body)


def write_tickets(
    bundle: Path, key: ContentKey, ships: Iterable[ShipPublicKey], root_hash: bytes, signers: Sequence[Signer]
) -> list[Path]:
    """Writes a ticket for each ship beside the bundle, in place of one that it had. Others stay. Raises OSError."""
    paths = []
    make_directory(tickets_beside(bundle))
    for ship in ships:
        path = ticket_beside(bundle, ship.key_id)
        write_anew(path, issue_ticket(key, ship, root_hash, signers))
        paths.append(path)
    return paths


def clear_tickets(bundle: Path) -> None:
    """Removes the tickets beside a bundle that is written anew. Raises OSError."""
    for path in listed_tickets(bundle):
        path.unlink()


def resign_tickets(source: Path, out: Path, root_hash: bytes, signers: Sequence[Signer]) -> None:
    """Signs the tickets beside `source` anew, with these signatures alone, and puts them beside `out` [S-13].

    If that is another file, the tickets that were there are removed.
    Raises InputError for a file among them that is no ticket of this bundle; OSError.
    """
    signed = []
    for path in listed_tickets(source):
        try:
            signed.append((path.name, sign_ticket_anew(read_file(path), root_hash, signers)))
        except Refused as error:
            raise InputError(f"{path}: {error}; move it away") from error
    if out != source:
        clear_tickets(out)
    for name, data in signed:
        make_directory(tickets_beside(out))
        write_anew(tickets_beside(out) / name, data)

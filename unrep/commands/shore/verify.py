"""`unrep verify`: is a bundle sound, and signed by whom we trust?"""

import time
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

import click
from msgspec import Meta

from bundle.errors import NoSection
from bundle.host.memory_limit import limited_memory
from bundle.read.reader import VerifiedBundle, open_bundle, section_bytes
from bundle.trust.trust import load_trust
from unrep.terminal.answers import SectionAnswer, Seq, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.unlocking import unlock_options, unlock_with


class VerifiedSection(SectionAnswer):
    """A section, and whether the file holds it."""

    present: Annotated[bool, Meta(description="Whether it is in this file.")]


class VerifyAnswer(TypedDict):
    """A bundle that is sound."""

    sound: Annotated[bool, Meta(description="True: a bundle that is not sound ends in an error.")]
    version: Version
    seq: Seq
    sections: Annotated[list[VerifiedSection], Meta(description="The sections of the bundle.")]
    encrypted: NotRequired[Annotated[bool, Meta(description="True for an encrypted bundle, else left out.")]]


@click.command(
    "verify",
    cls=Command,
    examples=[("unrep verify vms-2.unrep --trust shore.pub", "Check a bundle with the sender's public key:")],
)
@click.argument("path", metavar="F", type=click.Path(path_type=Path))
@click.option(
    "--trust",
    metavar="T",
    required=True,
    type=click.Path(path_type=Path),
    help="Public key of the sender, or trust file.",
)
@unlock_options
@json_option(VerifyAnswer)
def verify_command(path: Path, trust: Path, ship_key: Path | None, ticket: Path | None, as_json: bool) -> None:
    """Verify every byte of bundle F: signature, length, and the hash of every piece.

    That needs no key of an encrypted bundle; with --ship-key its ticket is verified too, and what it opens.
    """
    with open_bundle(path, load_trust(trust), unlock_with(path, ship_key, ticket)) as bundle:
        root, verified = bundle.root, bundle.verified
        sections = _verify_sections(bundle)
    absent = [section for section in sections if not section["present"]]
    held = len(sections) - len(absent)
    lines = [f"{path}: sound, {root.product} {root.version} (seq {root.seq}), {held} sections"]
    if expired := verified.trust.expiry(verified.signers, time.time()):
        lines.append(f"  {expired}; a ship that is strict about that refuses it")
    if root.is_encrypted:
        seen = "opened with its ticket" if ship_key else "what it holds was not looked at"
        lines.append(f"  encrypted to ships; {seen}")
    if absent:
        lines.append(f"  {len(absent)} more sections are not in this file: it was fetched for one site")
    found: VerifyAnswer = {"sound": True, "version": root.version, "seq": root.seq, "sections": sections}
    if root.is_encrypted:
        found["encrypted"] = True
    tell(as_json, found, *lines)


@limited_memory()
def _verify_sections(bundle: VerifiedBundle) -> list[VerifiedSection]:
    found: list[VerifiedSection] = []
    for section in bundle.root.sections:
        present = not bundle.is_absent(section)
        if present:
            bundle.verify_section(section)
        size = section_bytes(bundle.root, section)
        found.append({"kind": section.kind, "base": section.base.hex(), "bytes": size, "present": present})
    if found and not any(section["present"] for section in found):
        raise NoSection(f"{bundle.path}: signed by a trusted key, but no section is in this file; fetch it again")
    return found

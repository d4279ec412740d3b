"""`unrep inspect`: what a bundle holds, and what every file in it costs."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from bundle.host.memory_limit import limited_memory
from bundle.read.reader import open_for_display
from bundle.read.tree import scan
from transfer.disk.storage import PUBLISHED
from unrep.inspection.bundle_summary import Inspection, ObjectSummary, SectionSummary, inspect_bundle, read_names
from unrep.inspection.carried_trust import Carried
from unrep.terminal.answers import json_option
from unrep.terminal.build_report import not_opened_lines
from unrep.terminal.command import Command
from unrep.terminal.console import answer, show
from unrep.terminal.options.fleet_extra import fleet_extra
from unrep.terminal.options.unlocking import unlock_options, unlock_with

SHOWN = 20


@click.command(
    "inspect",
    cls=Command,
    examples=[
        ("unrep inspect vms-2.unrep", "See which files cost most:"),
        (
            "unrep inspect vms-2.unrep --ship-key own.key --all",
            "List every file of an encrypted bundle, opened with a key that it is encrypted to:",
        ),
        ("unrep inspect vms-2.unrep --html vms-2.html", "Get a picture of its bytes by file, for a browser:"),
    ],
)
@click.argument("path", metavar="F", type=click.Path(path_type=Path))
@click.option(
    "--base",
    "directories",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A release directory to take file names from, where F.manifests is not beside F. Repeatable.",
)
@unlock_options
@click.option("--all", "show_all", is_flag=True, help=f"List every file, not only the {SHOWN} that cost most.")
@click.option(
    "--html",
    metavar="F",
    type=click.Path(path_type=Path),
    help="Write a page for a browser there. Needs unrep[fleet].",
)
@json_option(Inspection)
def inspect_command(
    path: Path,
    directories: tuple[Path, ...],
    ship_key: Path | None,
    ticket: Path | None,
    show_all: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show what bundle F holds and what each file costs, largest first, and why.

    The signature is not checked: that is what 'unrep verify' is for. An encrypted bundle asks for --ship-key, and takes
    the ticket from F.tickets/ beside it.
    """
    unlock = unlock_with(path, ship_key, ticket, is_trusted_only=False)
    with limited_memory(), open_for_display(path, unlock) as bundle:
        releases = [scan(directory, bundle.root.platform) for directory in directories]
        inspection = inspect_bundle(bundle, read_names(bundle, releases))
    if html is not None:
        _write_page(html, inspection)
    if as_json:
        answer(asdict(inspection))
    elif html is None:
        show(*_render(inspection, None if show_all else SHOWN))
    else:
        show(f"{html}: a page that shows what {inspection.product} {inspection.version} costs, file by file")


def _write_page(path: Path, found: Inspection) -> None:
    with fleet_extra():
        from unrep.inspection.bundle_page import page_of
    PUBLISHED.write_file(path, page_of(found).encode())


def _render(found: Inspection, shown: int | None) -> list[str]:
    lines = [
        f"{found.bundle}: {found.product} {found.version} (seq {found.seq}, epoch {found.epoch})",
        f"  file      {found.bytes:,} bytes",
        f"  release   {found.files:,} files, {found.release_bytes:,} bytes, platform {found.platform}, {found.created}",
        f"  tree      {found.tree}",
        f"  header    {found.header_bytes:,} bytes; pieces of {found.piece_bytes:,} bytes; signature not checked here",
    ]
    lines += _render_carried(found.carried)
    lines += not_opened_lines([(one.path, one.why) for one in found.not_opened], len(found.not_opened))
    for section in found.sections:
        lines += _render_section(section, shown)
    return lines


def _render_carried(carried: Carried) -> list[str]:
    lines = [f"  signed by {', '.join(carried.signed_by)}"]
    for root in carried.trust_roots:
        who = f"{root.threshold} of {', '.join(root.keys)}"
        lines.append(f"  carries   trust root {root.version}: {who}; releases by {', '.join(root.releases)}")
    if listed := carried.revocations:
        revoked = ", ".join((*listed.keys, *listed.trees)) or "nothing"
        lines.append(f"  carries   revocation list {listed.version}: {revoked}")
    return lines


def _render_section(section: SectionSummary, shown: int | None) -> list[str]:
    origin = f"from base {section.base}" if section.base else "the whole release"
    room = f"; rebuilding takes {section.room_bytes:,} more on disk for a time" if section.room_bytes else ""
    lines = ["", f"{section.kind} section, {origin}: {section.bytes:,} bytes{room}"]
    if not section.present:
        return [*lines, "  not in this file: it was fetched for another base"]
    packed: Counter[str] = Counter()
    unpacked: Counter[str] = Counter()
    for pack in section.packs:
        packed[pack.stream] += pack.bytes
        unpacked[pack.stream] += pack.unpacked_bytes
    lines.append(f"  hash tables {section.hash_table_bytes:,}, index {section.index_bytes:,} bytes")
    lines += [f"  pack {stream:<13}{size:>12,} of {unpacked[stream]:,} bytes" for stream, size in packed.items()]
    lines += [f"  {'bytes':>10}  {'of':>12}  why", *map(_render_object, section.objects[:shown])]
    if shown is not None and len(section.objects) > shown:
        rest = sum(item.bytes for item in section.objects[shown:])
        lines.append(f"  {rest:>10,}  {'':>12}  {len(section.objects) - shown:,} more files; --all lists them")
    return lines


def _render_object(item: ObjectSummary) -> str:
    size = f"{item.size:,}" if item.size is not None else ""
    source = f" from {item.source}" if item.source and item.source != item.path else ""
    return f"  {item.bytes:>10,}  {size:>12}  {item.recipe}{source}: {item.path or f'entry {item.place}'}"

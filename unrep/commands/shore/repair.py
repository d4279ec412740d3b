"""`unrep repair`: ashore, the bundle that answers a repair request."""

import time
from pathlib import Path

import click

from bundle.errors import InputError
from bundle.format.repair_request import MAX_REPAIR_REQUEST_BYTES, left_by, read_repair_request
from bundle.format.root import Root
from bundle.read.reader import open_for_display
from bundle.read.tree import DirectoryBase, scan
from bundle.recipients.ship_key import load_ship_public_key
from bundle.write.builder import BuildRequest, build
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.build_report import BuildAnswer, report_build
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar
from unrep.terminal.files import read_input
from unrep.terminal.options.building import TrustOptions, recipient_option, trust_options, workers_option
from unrep.terminal.options.signing import SignerOptions, signer_options
from unrep.terminal.workers import local_processes


@click.command(
    "repair",
    cls=Command,
    examples=[
        (
            "unrep repair aurora.request --bundle vms-2.unrep --new vms-2 --base vms-1 --key shore.key --out fix.unrep",
            "Send a ship what it needs to reach release vms-2 although some files of vms-1 are damaged there:",
        )
    ],
)
@click.argument("asked", metavar="REQUEST", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    metavar="B",
    required=True,
    type=click.Path(path_type=Path),
    help="The bundle that the ship could not apply; names product, version and seq.",
)
@click.option(
    "--new", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The release directory of bundle B."
)
@click.option(
    "--base", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The release that the ship has."
)
@signer_options
@trust_options
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="The bundle to send.")
@recipient_option
@workers_option
@json_option(BuildAnswer)
def repair_command(
    asked: Path,
    bundle: Path,
    new: Path,
    base: Path,
    signer: SignerOptions,
    carried: TrustOptions,
    out: Path,
    recipients: tuple[Path, ...],
    workers: int | None,
    as_json: bool,
) -> None:
    """Answer a ship's repair request REQUEST: a bundle from what is left of its release to that of bundle B.

    The ship applies it like any other. It holds what the ship has lost, as far as the new release needs it, and nothing
    that it still has.
    """
    began = time.monotonic()
    by, trust = signer.open(), carried.load()
    with open_for_display(bundle) as opened:
        root = opened.root
    if root.is_encrypted and not recipients:
        raise UsageRefused(
            f"{bundle}: is encrypted, and so must be the repair: name its ships with --recipient SHIP.pub"
        )
    with local_processes(workers) as pool, progress_bar() as bar:
        have = DirectoryBase(base, scan(base, root.platform, bar))
        damage = read_repair_request(read_input(asked, MAX_REPAIR_REQUEST_BYTES), str(asked))
        _check(damage.product, root, asked, bundle)
        left = DirectoryBase(base, left_by(damage, have.manifest, str(asked)))
        request = BuildRequest(
            new=new,
            product=root.product,
            version=root.version,
            seq=root.seq,
            out=out,
            bases=[left],
            epoch=root.epoch,
            platform=root.platform,
            trust=trust,
            trust_from=carried.trust_from,
            recipients=[load_ship_public_key(path) for path in recipients],
        )
        report = build(request, by, pool, bar, expected=root.tree)
    report_build(report, time.monotonic() - began, as_json)


def _check(product: str, root: Root, wanted: Path, bundle: Path) -> None:
    if product != root.product:
        raise InputError(f"{wanted}: comes from a site of {product}, and {bundle} is of {root.product}")

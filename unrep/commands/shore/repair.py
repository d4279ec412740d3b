"""`unrep repair`: ashore, the bundle that answers a repair request."""

import time
from pathlib import Path

import click

from bundle.errors import InputError
from bundle.format.repair_request import MAX_REPAIR_REQUEST_BYTES, left_by, read_repair_request
from bundle.format.root import Root
from bundle.host.files import read_given
from bundle.read.reader import open_for_display
from bundle.read.tree import DirectoryBase, scan
from bundle.recipients.ship_key import load_ship_public_key
from bundle.write.builder import BuildRequest, build
from unrep.commands.shore.build import carried_trust, recipient_option, report_document, summary, trust_options
from unrep.errors import UsageRefused
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.signer import signer, signer_options
from unrep.terminal.workers import local_processes


@click.command("repair")
@click.argument("wanted", metavar="REQUEST", type=click.Path(path_type=Path))
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
@click.option("--workers", metavar="N", type=click.IntRange(1), help="Processes to use. Default: one a core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def repair_command(
    wanted: Path,
    bundle: Path,
    new: Path,
    base: Path,
    key: Path | None,
    passphrase_file: Path | None,
    sign_with: str | None,
    public: Path | None,
    trust: Path | None,
    trust_from: int,
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
    by = signer(key, passphrase_file, sign_with, public)
    carried = carried_trust(trust)
    with open_for_display(bundle) as opened:
        root = opened.root
    if root.is_encrypted and not recipients:
        raise UsageRefused(
            f"{bundle}: is encrypted, and so must be the repair: name its ships with --recipient SHIP.pub"
        )
    with local_processes(workers) as pool, progress_bar() as bar:
        have = DirectoryBase(base, scan(base, root.platform, bar))
        asked = read_repair_request(_read(wanted), str(wanted))
        _check(asked.product, root, wanted, bundle)
        left = DirectoryBase(base, left_by(asked, have.manifest, root.platform, str(wanted)))
        request = BuildRequest(
            new=new,
            product=root.product,
            version=root.version,
            seq=root.seq,
            out=out,
            bases=[left],
            epoch=root.epoch,
            platform=root.platform,
            trust=carried,
            trust_from=trust_from,
            recipients=[load_ship_public_key(path) for path in recipients],
        )
        report = build(request, by, pool, bar, expected=root.tree)
    seconds = time.monotonic() - began
    say(*summary(report, seconds))
    if as_json:
        answer(report_document(report, seconds))


def _read(path: Path) -> bytes:
    try:
        return read_given(path, MAX_REPAIR_REQUEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _check(product: str, root: Root, wanted: Path, bundle: Path) -> None:
    if product != root.product:
        raise InputError(f"{wanted}: comes from a site of {product}, and {bundle} is of {root.product}")

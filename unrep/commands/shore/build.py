"""`unrep build`: two releases become one small signed file."""

import time
from pathlib import Path

import click

from bundle.archives.engines import present_features
from bundle.format.root import Platform
from bundle.recipients.ship_key import load_ship_public_key
from bundle.trust.trust import Trust, load_trust
from bundle.write.builder import BuildReport, BuildRequest, build
from unrep.bytecode import warnings
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.memory import peak_rss_bytes
from unrep.terminal.options import group
from unrep.terminal.signer import signer, signer_options
from unrep.terminal.workers import dask_cluster, local_processes

trust_options = group(
    click.option(
        "--trust",
        metavar="T",
        type=click.Path(path_type=Path),
        help="Trust file of 'unrep trust' whose chain and revocation list the bundle carries.",
    ),
    click.option(
        "--trust-from",
        metavar="N",
        default=0,
        type=click.IntRange(0),
        help="Carry only trust roots from version N on, where every ship has those before.",
    ),
)


recipient_option = click.option(
    "--recipient",
    "recipients",
    metavar="SHIP.pub",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Encrypt to this ship, from 'unrep ship-key new'; repeatable. Shore's own, too, to make more tickets later.",
)


def carried_trust(path: Path | None) -> Trust | None:
    """The trust that a bundle carries. Raises InputError or Refused for a file that no ship could follow."""
    return load_trust(path) if path else None


@click.command("build")
@click.argument("new", metavar="NEW", type=click.Path(path_type=Path))
@click.option("--product", metavar="P", required=True, help="What the release is of: letters, digits and '._-'.")
@click.option("--version", metavar="V", required=True, help="Its version; names the directory aboard.")
@click.option(
    "--seq", metavar="N", required=True, type=click.IntRange(1), help="Grows with every release; ships go up only."
)
@click.option(
    "--epoch", metavar="E", default=0, type=click.IntRange(0), help="A new epoch starts seq again. Default 0."
)
@click.option(
    "--base",
    "bases",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A release that ships have; repeatable, a delta section each. None: a full bundle.",
)
@click.option("--full", is_flag=True, help="Add the full release, for first installs and repairs.")
@click.option(
    "--platform",
    type=click.Choice(["any", "posix"]),
    default="any",
    help="'posix' allows symbolic links and names that Windows forbids. Default any.",
)
@signer_options
@trust_options
@click.option(
    "--out",
    metavar="F",
    required=True,
    type=click.Path(path_type=Path),
    help="The bundle; F.sha256 and F.manifests are written beside it.",
)
@recipient_option
@click.option("--workers", metavar="N", type=click.IntRange(1), help="Processes to use. Default: one a core.")
@click.option(
    "--dask", metavar="ADDRESS", help="A Dask scheduler whose workers do the work, such as tcp://10.0.0.5:8786."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def build_command(
    new: Path,
    product: str,
    version: str,
    seq: int,
    epoch: int,
    bases: tuple[Path, ...],
    full: bool,
    platform: Platform,
    key: Path | None,
    passphrase_file: Path | None,
    sign_with: str | None,
    public: Path | None,
    trust: Path | None,
    trust_from: int,
    out: Path,
    recipients: tuple[Path, ...],
    workers: int | None,
    dask: str | None,
    as_json: bool,
) -> None:
    """Build a signed bundle of the release in directory NEW.

    The same input gives the same bytes, on any machine and any number of workers. Before F is written, the bundle is
    applied in full and every file compared.

    With --recipient it is encrypted, and no two builds give the same bytes: relays and mirrors can verify it, and those
    ships alone can read it. Their tickets are written to F.tickets/; 'unrep ticket' makes more.
    """
    began = time.monotonic()
    by = signer(key, passphrase_file, sign_with, public)
    carried = carried_trust(trust)
    ships = [load_ship_public_key(path) for path in recipients]
    request = BuildRequest(
        new=new,
        product=product,
        version=version,
        seq=seq,
        out=out,
        bases=bases,
        full=full,
        epoch=epoch,
        platform=platform,
        trust=carried,
        trust_from=trust_from,
        recipients=ships,
    )
    if dask and workers:
        raise click.UsageError("--workers and --dask exclude each other")
    with dask_cluster(dask) if dask else local_processes(workers) as pool, progress_bar() as bar:
        report = build(request, by, pool, bar)
    for warning in warnings(new, bases):
        say(warning)
    document = report_document(report, time.monotonic() - began)
    say(*summary(report, time.monotonic() - began))
    if as_json:
        answer(document)


def report_document(report: BuildReport, seconds: float) -> dict[str, object]:
    """What was built, as one JSON object."""
    root = report.root
    return {
        "bundle": str(report.path),
        "bytes": report.total_bytes,
        "target": {"product": root.product, "version": root.version, "seq": root.seq, "tree": root.tree.hex()},
        "bases": [{"tree": tree.hex(), "bytes_needed": needed} for tree, needed in report.bases],
        "full": root.full_section(present_features()) is not None,
        "recipes": report.recipes,
        "encrypted": root.is_encrypted,
        "tickets": [str(path) for path in report.tickets],
        "seconds": round(seconds, 3),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def summary(report: BuildReport, seconds: float) -> list[str]:
    """What was built, for a person: its lines."""
    root = report.root
    lines = [
        f"{report.path}: {root.product} {root.version} (seq {root.seq}), {report.total_bytes:,} bytes "
        f"for a release of {root.size:,} bytes in {root.entries:,} files, built and proven in {seconds:.1f} s"
    ]
    if report.tickets:
        lines.append(f"  encrypted to {len(report.tickets)} ships, tickets in {report.tickets[0].parent}")
    return lines + [f"  from base {tree.hex()[:12]}: {needed:,} bytes" for tree, needed in report.bases]

"""`unrep build`: two releases become one small signed file."""

import time
from pathlib import Path

import click

from bundle.format.root import Platform
from bundle.recipients.ship_key import load_ship_public_key
from bundle.write.builder import BuildRequest, build
from unrep.rewritten import warnings
from unrep.terminal.answers import json_option
from unrep.terminal.build_report import BuildAnswer, report_build
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say
from unrep.terminal.options.building import TrustOptions, recipient_option, trust_options, workers_option
from unrep.terminal.options.signing import SignerOptions, signer_options
from unrep.terminal.workers import dask_cluster, local_processes


@click.command(
    "build",
    cls=Command,
    examples=[
        (
            "unrep build vms-1 --product vms --version 1.0.0 --seq 1 --key shore.key --out vms-1.unrep",
            "Build the full bundle of a first release:",
        ),
        (
            "unrep build vms-2 --product vms --version 1.0.1 --seq 2 --base vms-1 --key shore.key --out vms-2.unrep",
            "Build a delta from the release that ships have:",
        ),
    ],
)
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
@workers_option
@click.option(
    "--dask", metavar="ADDRESS", help="A Dask scheduler whose workers do the work, such as tcp://10.0.0.5:8786."
)
@json_option(BuildAnswer)
def build_command(
    new: Path,
    product: str,
    version: str,
    seq: int,
    epoch: int,
    bases: tuple[Path, ...],
    full: bool,
    platform: Platform,
    signer: SignerOptions,
    carried: TrustOptions,
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
    by, trust = signer.open(), carried.load()
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
        trust=trust,
        trust_from=carried.trust_from,
        recipients=ships,
    )
    if dask and workers:
        raise click.UsageError("--workers and --dask exclude each other")
    with dask_cluster(dask) if dask else local_processes(workers) as pool, progress_bar() as bar:
        report = build(request, by, pool, bar)
    for warning in warnings(new, bases):
        say(warning)
    report_build(report, time.monotonic() - began, as_json)

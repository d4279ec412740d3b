"""`unrep repair-request`: aboard, which files of the running release are damaged, for shore to send what is missing."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.rebuild.damage import examine
from apply.site.durable import storage_errors
from bundle.host.files import write_anew
from unrep.terminal.answers import TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.site import site_option


class RepairRequestAnswer(TypedDict):
    """What is damaged at a site."""

    version: Version
    tree: TreeHash
    damaged: Annotated[list[str], Meta(description="Paths of the damaged files.")]
    need_bytes: Annotated[int, Meta(description="Size of the repair request; 0 if none was written.")]


@click.command(
    "repair-request",
    cls=Command,
    examples=[("unrep repair-request --site /opt/vms --out aurora.request", "List the damaged files for shore:")],
)
@site_option
@click.option("--out", metavar="N", required=True, type=click.Path(path_type=Path), help="The repair request to write.")
@json_option(RepairRequestAnswer)
def repair_request_command(site: Path, out: Path, as_json: bool) -> None:
    """List the damaged files of site S's current release in N, some hundred bytes, for 'unrep repair' ashore.

    Nothing at the site is changed. Where nothing is damaged, no request is written.
    """
    with progress_bar() as bar:
        damage = examine(site, bar)
    version, count = damage.release.version, len(damage.places)
    request = damage.repair_request() if count else b""
    if request:
        with storage_errors(out):
            write_anew(out, request)
        total = len(damage.manifest.entries)
        said = f"{out}: {count:,} of {total:,} files of {version} are damaged, {len(request):,} bytes"
    else:
        said = f"every file of {version} is what was installed; nothing to send"
    document: RepairRequestAnswer = {
        "version": version,
        "tree": damage.release.tree,
        "damaged": damage.paths,
        "need_bytes": len(request),
    }
    tell(as_json, document, said)

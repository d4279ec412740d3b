"""`unrep repair-request`: aboard, which files of the running release are damaged, for shore to send what is missing."""

from pathlib import Path

import click

from apply.rebuild.damage import examine
from apply.site.durable import storage_errors
from bundle.host.files import write_anew
from unrep.terminal.aboard import json_option, site_option
from unrep.terminal.console import answer, progress_bar, say


@click.command("repair-request")
@site_option
@click.option("--out", metavar="N", required=True, type=click.Path(path_type=Path), help="The repair request to write.")
@json_option
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
        say(f"{out}: {count:,} of {total:,} files of {version} are damaged, {len(request):,} bytes")
    else:
        say(f"every file of {version} is what was installed; nothing to send")
    if as_json:
        document = {
            "version": version,
            "tree": damage.release.tree,
            "damaged": damage.paths,
            "need_bytes": len(request),
        }
        answer(document)

"""`unrep repo prune`: what nobody needs any more goes, here and where it was published."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.prune import Pruned, prune
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.holdings import held_by_ships
from unrep.terminal.options.repository import open_repository, repo_option


class PruneAnswer(TypedDict):
    """What was removed, or would be."""

    releases: Annotated[list[str], Meta(description="Versions of the releases.")]
    bundles: Annotated[list[str], Meta(description="Names of the bundles at the destinations.")]
    objects: Annotated[int, Meta(description="How many contents.")]
    freed: Annotated[int, Meta(description="Bytes that are free in the repository then.")]
    dry_run: Annotated[bool, Meta(description="Whether nothing was changed.")]


@click.command(
    "prune",
    cls=Command,
    examples=[
        ("unrep repo prune --repo /srv/vms --dry-run", "See what would go:"),
        ("unrep repo prune --repo /srv/vms", "Remove it, from the destinations, too:"),
    ],
)
@repo_option
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@json_option(PruneAnswer)
def prune_command(repo: Path, dry_run: bool, as_json: bool) -> None:
    """Remove releases and bundles that nobody needs, from the repository and from its destinations.

    What ships hold, what channels name and the newest releases stay: 'keep' in repo.toml says how many. So do files
    that did not come from this repository.
    """
    opened = open_repository(repo)
    with progress_bar() as bar:
        held = held_by_ships(opened).held
        found = prune(opened.repository, opened.settings, held, opened.signer(), opened.trust(), bar, dry_run=dry_run)
    document: PruneAnswer = {
        "releases": found.releases,
        "bundles": found.bundles,
        "objects": found.objects,
        "freed": found.freed,
        "dry_run": dry_run,
    }
    tell(as_json, document, _summary(found, dry_run=dry_run))


def _summary(found: Pruned, *, dry_run: bool) -> str:
    verb = "would go" if dry_run else "gone"
    named = f" ({', '.join(found.releases)})" if found.releases else ""
    return (
        f"{len(found.releases)} releases{named}, {len(found.bundles)} bundles and {found.objects:,} contents {verb}: "
        f"{found.freed:,} bytes"
    )

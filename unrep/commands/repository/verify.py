"""`unrep repo verify`: every byte of the repository held against what it should be."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.errors import Damaged
from repository.verify import Findings, verify
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, show, tell
from unrep.terminal.options.repository import open_repository, repo_option


class RepositoryFindings(TypedDict):
    """What was looked at, and what is wrong."""

    objects: Annotated[int, Meta(description="Contents that were read.")]
    manifests: Annotated[int, Meta(description="Tree manifests that were read.")]
    bundles: Annotated[int, Meta(description="Bundles that were read.")]
    unneeded: Annotated[int, Meta(description="Contents of no release, which 'unrep repo prune' removes.")]
    faults: Annotated[list[str], Meta(description="What is wrong, a sentence each.")]


@click.command(
    "verify", cls=Command, examples=[("unrep repo verify --repo /srv/vms", "Find every byte that has changed:")]
)
@repo_option
@json_option(RepositoryFindings)
def verify_command(repo: Path, as_json: bool) -> None:
    """Read every content, manifest and bundle of the repository, and name each that is not as it was stored.

    'unrep repo import' of a release that has a damaged content brings it back.
    """
    opened = open_repository(repo)
    with progress_bar() as bar:
        found = verify(opened.repository, opened.settings, bar)
    document = _document(found)
    if found.faults:
        if not as_json:
            show(*found.faults)
        error = Damaged(f"{repo}: {len(found.faults)} of {found.objects + found.manifests + found.bundles} are damaged")
        error.document = dict(document)
        raise error
    checked = f"{found.objects:,} contents, {found.manifests} manifests, {found.bundles} bundles"
    tell(as_json, document, f"{repo}: sound, {checked}")


def _document(found: Findings) -> RepositoryFindings:
    return {
        "objects": found.objects,
        "manifests": found.manifests,
        "bundles": found.bundles,
        "unneeded": found.unneeded,
        "faults": found.faults,
    }

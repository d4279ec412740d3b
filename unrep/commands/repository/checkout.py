"""`unrep repo checkout`: a release of the repository as a directory again."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.record.database import Record
from repository.store.checkout import check_out
from unrep.errors import UsageRefused
from unrep.terminal.answers import TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.repository import open_repository, repo_option


class CheckoutAnswer(TypedDict):
    """A release that was written to a directory."""

    directory: Annotated[str, Meta(description="Where it stands.")]
    version: Version
    tree: TreeHash
    files: Annotated[int, Meta(description="How many files it has.")]


@click.command(
    "checkout", cls=Command, examples=[("unrep repo checkout 1.0.3 vms-1.0.3 --repo /srv/vms", "Look into 1.0.3:")]
)
@click.argument("version", metavar="V")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@repo_option
@json_option(CheckoutAnswer)
def checkout_command(version: str, directory: Path, repo: Path, as_json: bool) -> None:
    """Write release V into the new directory DIR, every byte as it was released."""
    opened = open_repository(repo)
    with Record(opened.repository.database_file) as record:
        release = record.release(version)
    if release is None:
        raise UsageRefused(f"{repo}: has no release {version}; see 'unrep repo list'")
    with progress_bar() as bar:
        check_out(opened.store, opened.store.manifest(release.tree), directory, bar)
    made: CheckoutAnswer = {
        "directory": str(directory),
        "version": version,
        "tree": release.tree.hex(),
        "files": release.entries,
    }
    tell(as_json, made, f"{directory}: {opened.settings.product} {version}, {release.entries:,} files")

"""`unrep repo list`: the releases of a repository."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.record.database import Bundle, Record, Release
from unrep.terminal.answers import Epoch, Product, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.repository import open_repository, repo_option
from unrep.terminal.tables import table


class ListedRelease(TypedDict):
    """A release of the repository."""

    version: Version
    seq: Seq
    epoch: Epoch
    tree: TreeHash
    size: Annotated[int, Meta(description="Bytes of all its files.")]
    files: Annotated[int, Meta(description="How many files it has.")]
    state: Annotated[str, Meta(description="'published', 'imported', or 'unfinished' if its release did not end.")]
    channels: Annotated[list[str], Meta(description="The channels that name it.")]
    bundles: Annotated[list[str], Meta(description="Names of its bundles at the destinations.")]


class ListAnswer(TypedDict):
    """The releases of a repository, the newest last."""

    product: Product
    releases: Annotated[list[ListedRelease], Meta(description="The releases.")]


@click.command(
    "list", cls=Command, examples=[("unrep repo list --repo /srv/vms", "See the releases, the newest last:")]
)
@repo_option
@json_option(ListAnswer)
def list_command(repo: Path, as_json: bool) -> None:
    """Show the releases of the repository, the newest last."""
    opened = open_repository(repo)
    with Record(opened.repository.database_file) as record:
        channels = {channel.name: channel.release for channel in record.channels()}
        bundles = record.bundles("built", "published")
        listed = [_listed(release, channels, bundles) for release in record.releases()]
    document: ListAnswer = {"product": opened.settings.product, "releases": listed}
    head = ["version", "seq", "files", "bytes", "tree", "state", "channels"]
    rows = [
        [
            one["version"],
            str(one["seq"]),
            f"{one['files']:,}",
            f"{one['size']:,}",
            one["tree"][:12],
            one["state"],
            " ".join(one["channels"]),
        ]
        for one in listed
    ]
    tell(as_json, document, *table(head, rows, numbers=(1, 2, 3)))


def _listed(release: Release, channels: dict[str, str], bundles: list[Bundle]) -> ListedRelease:
    own = [bundle for bundle in bundles if bundle.release == release.version]
    is_published = any(bundle.state == "published" for bundle in own)
    return {
        "version": release.version,
        "seq": release.seq,
        "epoch": release.epoch,
        "tree": release.tree.hex(),
        "size": release.size,
        "files": release.entries,
        "state": "published" if is_published else "imported" if release.origin == "imported" else "unfinished",
        "channels": [name for name, version in channels.items() if version == release.version],
        "bundles": [bundle.file for bundle in own],
    }

"""`unrep repo show`: one release, with its bundles and what each base fetches of them."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.record.database import Bundle, Record
from unrep.errors import UsageRefused
from unrep.terminal.answers import Epoch, Product, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.repository import open_repository, repo_option


class ShownBase(TypedDict):
    """A base of a bundle."""

    tree: TreeHash
    version: Annotated[str, Meta(description="The version that it is of; empty if it is of no release here.")]
    bytes: Annotated[int, Meta(description="What a ship with it fetches.")]


class ShownBundle(TypedDict):
    """A bundle of the release."""

    file: Annotated[str, Meta(description="Its name at the destinations.")]
    path: Annotated[str, Meta(description="Where it stands in the repository.")]
    bytes: Annotated[int, Meta(description="Its size.")]
    full: Annotated[int, Meta(description="What a ship without a base fetches; 0 if it has no full section.")]
    bases: Annotated[list[ShownBase], Meta(description="The releases that it starts from.")]


class ShowAnswer(TypedDict):
    """A release with its bundles."""

    product: Product
    version: Version
    seq: Seq
    epoch: Epoch
    tree: TreeHash
    size: Annotated[int, Meta(description="Bytes of all its files.")]
    files: Annotated[int, Meta(description="How many files it has.")]
    channels: Annotated[list[str], Meta(description="The channels that name it.")]
    bundles: Annotated[list[ShownBundle], Meta(description="The bundles that lead to it.")]


@click.command("show", cls=Command, examples=[("unrep repo show 1.0.3 --repo /srv/vms", "See what 1.0.3 costs whom:")])
@click.argument("version", metavar="V")
@repo_option
@json_option(ShowAnswer)
def show_command(version: str, repo: Path, as_json: bool) -> None:
    """Show release V: its bundles, and what a ship fetches of them."""
    opened = open_repository(repo)
    with Record(opened.repository.database_file) as record:
        release = record.release(version)
        if release is None:
            raise UsageRefused(f"{repo}: has no release {version}; see 'unrep repo list'")
        versions = {one.tree: one.version for one in record.releases()}
        channels = [channel.name for channel in record.channels() if channel.release == version]
        bundles = [bundle for bundle in record.bundles("built", "published") if bundle.release == version]
    shown: ShowAnswer = {
        "product": opened.settings.product,
        "version": version,
        "seq": release.seq,
        "epoch": release.epoch,
        "tree": release.tree.hex(),
        "size": release.size,
        "files": release.entries,
        "channels": channels,
        "bundles": [_bundle(bundle, versions, opened.repository.bundles) for bundle in bundles],
    }
    tell(as_json, shown, *_lines(shown))


def _bundle(bundle: Bundle, versions: dict[bytes, str], directory: Path) -> ShownBundle:
    return {
        "file": bundle.file,
        "path": str(directory / bundle.path),
        "bytes": bundle.length,
        "full": bundle.full,
        "bases": [
            {"tree": tree.hex(), "version": versions.get(tree, ""), "bytes": count}
            for tree, count in bundle.bases.items()
        ],
    }


def _lines(shown: ShowAnswer) -> list[str]:
    lines = [
        f"{shown['product']} {shown['version']} (seq {shown['seq']}, epoch {shown['epoch']}), "
        f"{shown['size']:,} bytes in {shown['files']:,} files",
        f"  tree      {shown['tree']}",
        f"  channels  {' '.join(shown['channels']) or 'none'}",
    ]
    for bundle in shown["bundles"]:
        lines.append(f"{bundle['file']}: {bundle['bytes']:,} bytes")
        for base in bundle["bases"]:
            lines.append(f"  {base['bytes']:>13,}  from {base['version'] or 'tree ' + base['tree'][:12]}")
        if bundle["full"]:
            lines.append(f"  {bundle['full']:>13,}  in full")
    return lines

"""`unrep channel`: which release the ships of a channel are to run."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from repository.promotion import promote
from repository.record.database import Record
from unrep.terminal.answers import Product, Seq, Version, json_option
from unrep.terminal.command import Command, CommandGroup
from unrep.terminal.console import tell
from unrep.terminal.options.repository import open_repository, repo_option, say_if_unpublished
from unrep.terminal.tables import table


class ListedChannel(TypedDict):
    """A channel."""

    channel: Annotated[str, Meta(description="Its name.")]
    version: Annotated[str, Meta(description="The release that it names; empty if it names none yet.")]
    seq: Annotated[int, Meta(description="Sequence number of that; 0 for none.")]
    counter: Annotated[int, Meta(description="Counter of its file, which only grows; 0 for none.")]


class ChannelsAnswer(TypedDict):
    """The channels of a repository."""

    product: Product
    channels: Annotated[list[ListedChannel], Meta(description="The channels.")]


class PromoteAnswer(TypedDict):
    """A channel that was moved."""

    channel: Annotated[str, Meta(description="Its name.")]
    version: Version
    seq: Seq
    counter: Annotated[int, Meta(description="Counter of its file.")]
    moved: Annotated[bool, Meta(description="Whether it named another release before.")]


@click.group("channel", cls=CommandGroup)
def channel_command() -> None:
    """See and move channels: each names the release that some ships are to run."""


@click.command(
    "list", cls=Command, examples=[("unrep channel list --repo /srv/vms", "See which release each channel names:")]
)
@repo_option
@json_option(ChannelsAnswer)
def list_command(repo: Path, as_json: bool) -> None:
    """Show the channels, and the release that each of them names."""
    opened = open_repository(repo)
    with Record(opened.repository.database_file) as record:
        seqs = {release.version: release.seq for release in record.releases()}
        named = {channel.name: channel for channel in record.channels()}
    names = [*opened.settings.channels, *(name for name in named if name not in opened.settings.channels)]
    listed: list[ListedChannel] = [
        {
            "channel": name,
            "version": named[name].release if name in named else "",
            "seq": seqs[named[name].release] if name in named else 0,
            "counter": named[name].counter if name in named else 0,
        }
        for name in names
    ]
    document: ChannelsAnswer = {"product": opened.settings.product, "channels": listed}
    rows = [[one["channel"], one["version"] or "-", f"{one['seq'] or '-'}"] for one in listed]
    tell(as_json, document, *table(["channel", "version", "seq"], rows, numbers=(2,)))


@click.command(
    "promote",
    cls=Command,
    examples=[("unrep channel promote 1.0.3 --to stable --repo /srv/vms", "Give all ships what the canaries run:")],
)
@click.argument("version", metavar="V")
@click.option("--to", "channel", metavar="C", required=True, help="The channel that names it then.")
@repo_option
@click.option("--go-back", is_flag=True, help="Let it name an older release. Ships that run a newer one stay there.")
@json_option(PromoteAnswer)
def promote_command(version: str, channel: str, repo: Path, go_back: bool, as_json: bool) -> None:
    """Let a channel name release V, which is published already. Nothing is built, and no bundle is sent."""
    opened = open_repository(repo)
    now, moved = promote(
        opened.repository, opened.settings, version, channel, opened.signer(), opened.trust(), go_back=go_back
    )
    with Record(opened.repository.database_file) as record:
        seq = next(release.seq for release in record.releases() if release.version == version)
    say_if_unpublished(opened)
    document: PromoteAnswer = {
        "channel": channel,
        "version": version,
        "seq": seq,
        "counter": now.counter,
        "moved": moved,
    }
    named = f"channel {channel!r}: names {opened.settings.product} {version}{'' if moved else ' already'}"
    tell(as_json, document, named)


channel_command.add_command(list_command)
channel_command.add_command(promote_command)

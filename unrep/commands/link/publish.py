"""`unrep publish`: puts a bundle where ships fetch it from, and moves a channel to its release."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.trust.trust import load_trust
from transfer.channels.channel import DEFAULT_CHANNEL
from transfer.publishing.backend import Backend
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.object_store import ObjectStoreBackend
from transfer.publishing.publish import ChannelMove, Published, publish
from unrep.terminal.answers import Epoch, Product, Seq, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell
from unrep.terminal.options.output import checked_channel
from unrep.terminal.options.signing import SignerOptions, signer_options


class PublishAnswer(TypedDict):
    """A bundle that was published, and the channel that leads to it."""

    product: Product
    version: Version
    seq: Seq
    epoch: Epoch
    file: Annotated[str, Meta(description="Name of the bundle at the destination.")]
    length: Annotated[int, Meta(description="Size of the bundle.")]
    root: Annotated[str, Meta(description="SHA-256 of the bundle's root, in hex.")]
    added: Annotated[bool, Meta(description="Whether the bundle was sent; false if it was there already.")]
    channel: Annotated[str | None, Meta(description="The channel; null without --key.")]
    counter: Annotated[int | None, Meta(description="Counter of its file; null without --key.")]
    channel_moved: Annotated[bool, Meta(description="Whether its file was written.")]
    bundles: Annotated[int, Meta(description="How many bundles its file names.")]
    dropped: Annotated[list[str], Meta(description="Bundles that its file no longer names, for lack of room.")]
    tickets: Annotated[int, Meta(description="How many tickets were put beside it.")]


@click.command(
    "publish",
    cls=Command,
    examples=[
        ("unrep publish vms-2.unrep /srv/www/vms --key shore.key", "Publish to the directory of a web server:"),
        ("unrep publish vms-3.unrep s3://bucket/vms --key shore.key --channel canary", "Try it on some ships first:"),
    ],
)
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DEST")
@signer_options
@click.option(
    "--channel",
    metavar="C",
    default=DEFAULT_CHANNEL,
    show_default=True,
    callback=checked_channel,
    help="The channel to move.",
)
@click.option(
    "--trust", metavar="T", type=click.Path(path_type=Path), help="Trust file whose trust roots the channel carries."
)
@click.option("--go-back", is_flag=True, help="Let the channel name an older release than it does now.")
@json_option(PublishAnswer)
def publish_command(
    bundle: Path,
    destination: str,
    signer: SignerOptions,
    channel: str,
    trust: Path | None,
    go_back: bool,
    as_json: bool,
) -> None:
    """Publish bundle F to DEST: a directory, or an object store such as s3://bucket/vms.

    The bundle is put there under a name of its own, then the signed channel file leads to it: ships fetch
    DEST/stable.channel. Without --key channels stay as they are. A bundle that is there already is not sent again. The
    tickets of an encrypted one, in F.tickets/, go along, so that each ship finds its own; a later call puts those that
    are new.
    """
    move = _move(signer, channel, trust, go_back)
    backend: Backend = ObjectStoreBackend(destination) if "://" in destination else DirectoryBackend(Path(destination))
    with progress_bar() as bar:
        published = publish(bundle, backend, move, bar)
    say(*_notes(published))
    tell(as_json, _document(published), _summary(published, destination))


def _move(signer: SignerOptions, channel: str, trust: Path | None, go_back: bool) -> ChannelMove | None:
    if signer.key is None and signer.sign_with is None and signer.public is None:
        return None
    return ChannelMove([signer.open()], channel, load_trust(trust) if trust else None, go_back)


def _document(published: Published) -> PublishAnswer:
    said, made = published.bundle, published.made
    return {
        "product": published.product,
        "version": said.release.version,
        "seq": said.release.seq,
        "epoch": said.release.epoch,
        "file": said.file,
        "length": said.length,
        "root": said.root.hex(),
        "added": published.added,
        "channel": made.channel.channel if made else None,
        "counter": made.channel.counter if made else None,
        "channel_moved": published.moved,
        "bundles": len(made.channel.bundles) if made else 0,
        "dropped": [one.file for one in made.dropped] if made else [],
        "tickets": published.tickets,
    }


def _summary(published: Published, destination: str) -> str:
    said, made = published.bundle, published.made
    tickets = f", {published.tickets} tickets put beside it" if published.tickets else ""
    did = f"{said.length:,} bytes added" if published.added else "it was there already"
    if made is None:
        moved = "channels stay as they were, for there is no --key"
    else:
        moved = f"channel {made.channel.channel!r} {'leads to it now' if published.moved else 'led to it already'}"
    release = f"{published.product} {said.release.version} (seq {said.release.seq})"
    return f"{destination}: {release} as {said.file}, {did}{tickets}; {moved}"


def _notes(published: Published) -> Iterator[str]:
    if published.forgot:
        yield published.forgot
    if published.made and published.made.dropped:
        names = ", ".join(one.file for one in published.made.dropped)
        yield f"the channel file is full and no longer names the oldest bundles: {names}"
    if published.made and published.made.left_out:
        yield f"channel {published.made.channel.channel}: {published.made.left_out}"

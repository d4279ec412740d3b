"""`unrep publish`: puts a bundle where ships fetch it from, and lets `latest` name it."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.trust.signing import load_private_key
from transfer.publishing.backend import Backend
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.object_store import ObjectStoreBackend
from transfer.publishing.publish import Published, publish
from unrep.terminal.answers import Epoch, Product, Seq, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, progress_bar, say


class PublishAnswer(TypedDict):
    """A bundle that was published, and the pointer that names it."""

    product: Product
    version: Version
    seq: Seq
    epoch: Epoch
    file: Annotated[str, Meta(description="Name of the bundle at the destination.")]
    length: Annotated[int, Meta(description="Size of the bundle.")]
    root: Annotated[str, Meta(description="SHA-256 of the bundle's root, in hex.")]
    added: Annotated[bool, Meta(description="Whether the bundle was sent; false if it was there already.")]
    latest_moved: Annotated[bool, Meta(description="Whether 'latest' was changed.")]
    tickets: Annotated[int, Meta(description="How many tickets were put beside it.")]


@click.command(
    "publish",
    cls=Command,
    examples=[
        ("unrep publish vms-2.unrep /srv/www/vms --key shore.key", "Publish to the directory of a web server:"),
        ("unrep publish vms-2.unrep s3://bucket/vms --key shore.key", "Publish to an object store:"),
    ],
)
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DEST")
@click.option(
    "--key", metavar="K", type=click.Path(path_type=Path), help="Private key that signs the pointer 'latest'."
)
@click.option("--go-back", is_flag=True, help="Let 'latest' name an older release than it does now.")
@json_option(PublishAnswer)
def publish_command(bundle: Path, destination: str, key: Path | None, go_back: bool, as_json: bool) -> None:
    """Publish bundle F to DEST: a directory, or an object store such as s3://bucket/vms.

    The bundle is put there under a name of its own, then the signed pointer 'latest' names it: ships fetch DEST/latest.
    Without --key the pointer stays as it is. A bundle that is there already is not sent again. The tickets of an
    encrypted one, in F.tickets/, go along, so that each ship finds its own; a later call puts those that are new.
    """
    private = load_private_key(key) if key else None
    backend: Backend = ObjectStoreBackend(destination) if "://" in destination else DirectoryBackend(Path(destination))
    with progress_bar() as bar:
        published = publish(bundle, backend, private, go_back, bar)
    say(_summary(published, destination, bool(key)))
    if as_json:
        answer(_document(published))


def _document(published: Published) -> PublishAnswer:
    pointer = published.pointer
    return {
        "product": pointer.product,
        "version": pointer.version,
        "seq": pointer.seq,
        "epoch": pointer.epoch,
        "file": pointer.file,
        "length": pointer.length,
        "root": pointer.root.hex(),
        "added": published.added,
        "latest_moved": published.moved,
        "tickets": published.tickets,
    }


def _summary(published: Published, destination: str, is_signed: bool) -> str:
    pointer = published.pointer
    tickets = f", {published.tickets} tickets put beside it" if published.tickets else ""
    did = f"{pointer.length:,} bytes added" if published.added else "it was there already"
    if not is_signed:
        latest = "'latest' stays as it was, for there is no --key"
    else:
        latest = "'latest' names it now" if published.moved else "'latest' named it already"
    return f"{destination}: {pointer.describe()} as {pointer.file}, {did}{tickets}; {latest}"

"""`unrep repo init`: a new repository."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host import presence
from bundle.host.files import make_directory
from bundle.trust.signing import verifying_key
from repository.beginning import begin
from repository.settings import first_settings
from repository.storage import STORAGE
from unrep.errors import UsageRefused
from unrep.terminal.answers import Product, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.signing import SignerOptions, signer_options


class RepositoryAnswer(TypedDict):
    """A repository that was made."""

    repository: Annotated[str, Meta(description="Its directory.")]
    product: Product
    settings: Annotated[str, Meta(description="Path of its repo.toml.")]
    destinations: Annotated[list[str], Meta(description="Where releases are published.")]
    key_id: Annotated[str, Meta(description="Id of the key that signs, in hex.")]


@click.command(
    "init",
    cls=Command,
    examples=[
        ("unrep repo init /srv/vms --product vms --key shore.key --publish /srv/www/vms", "Publish to a web server:"),
        ("unrep repo init vms --product vms --key shore.key --publish s3://bucket/vms", "Publish to an object store:"),
    ],
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--product", metavar="P", required=True, help="What the releases are of: letters, digits and '._-'.")
@signer_options
@click.option(
    "--publish",
    "destinations",
    metavar="DEST",
    multiple=True,
    help="A directory, which is made if it is missing, or an object store such as s3://bucket/vms; repeatable.",
)
@click.option(
    "--platform",
    type=click.Choice(["any", "posix"]),
    default="any",
    help="'posix' allows symbolic links and names that Windows forbids. Default any.",
)
@click.option("--channel", "channels", metavar="C", multiple=True, help="A channel, the first moves with each release.")
@click.option("--price-per-mb", metavar="N", type=click.FloatRange(0), default=0.0, help="What 1,000,000 bytes cost.")
@click.option("--currency", metavar="CUR", default="", help="In which currency.")
@json_option(RepositoryAnswer)
def init_command(
    directory: Path,
    product: str,
    signer: SignerOptions,
    destinations: tuple[str, ...],
    platform: str,
    channels: tuple[str, ...],
    price_per_mb: float,
    currency: str,
    as_json: bool,
) -> None:
    """Make a repository in DIR, which keeps every release, and publishes them.

    All that is said here stands in DIR/repo.toml then, and can be changed there.
    """
    key_id = verifying_key(signer.open()).key_id.hex()
    addresses = [_address(destination, directory) for destination in destinations]
    named = {
        "key": _absolute(signer.key),
        "passphrase_file": _absolute(signer.passphrase_file),
        "command": signer.sign_with or "",
        "public": _absolute(signer.public),
    }
    text = first_settings(
        product,
        platform,
        named,
        addresses,
        channels=list(channels) or ["stable"],
        price_per_mb=price_per_mb,
        currency=currency,
    )
    repository = begin(directory, text)
    made: RepositoryAnswer = {
        "repository": str(directory),
        "product": product,
        "settings": str(repository.settings_file),
        "destinations": addresses,
        "key_id": key_id,
    }
    said = f"{directory}: a repository of {product}, signed with key id {key_id}; repo.toml there says the rest"
    tell(as_json, made, said)


def _absolute(path: Path | None) -> str:
    return str(path.absolute()) if path else ""


def _address(destination: str, repository: Path) -> str:
    """A destination as repo.toml has it, once its directory is there."""
    if "://" in destination:
        return destination
    path = Path(destination).absolute()
    if path.is_relative_to(repository.absolute()):
        raise UsageRefused(f"--publish {destination}: lies in the repository itself; name a directory beside it")
    with STORAGE.errors(path):
        if not presence.exists(path):
            make_directory(path)
        if not presence.is_directory(path):
            raise UsageRefused(f"--publish {destination}: is no directory")
    return str(path)

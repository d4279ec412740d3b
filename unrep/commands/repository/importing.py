"""`unrep repo import`: releases that were made without the repository."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host import presence
from bundle.trust.signing import verifying_key
from bundle.trust.trust import Trust, load_trust
from repository.importing import import_bundle, import_directory
from repository.record.database import Record, Release
from repository.storage import STORAGE
from unrep.errors import UsageRefused
from unrep.terminal.answers import Epoch, Seq, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.repository import OpenRepository, open_repository, repo_option


class ImportedRelease(TypedDict):
    """A release that is in the repository now."""

    version: Version
    seq: Seq
    epoch: Epoch
    tree: TreeHash


class ImportAnswer(TypedDict):
    """The releases that were brought in, in their order."""

    releases: Annotated[list[ImportedRelease], Meta(description="The releases.")]


@click.command(
    "import",
    cls=Command,
    examples=[
        ("unrep repo import vms-1.0.0 --version 1.0.0 --seq 1 --repo /srv/vms", "Bring in a directory:"),
        ("unrep repo import vms-1.unrep vms-2.unrep --repo /srv/vms", "Bring in bundles, the oldest first:"),
    ],
)
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=click.Path(path_type=Path))
@repo_option
@click.option("--version", metavar="V", help="Version of a directory; a bundle says its own.")
@click.option("--seq", metavar="N", type=click.IntRange(1), help="Its sequence number. Default: behind the newest.")
@click.option(
    "--trust",
    metavar="T",
    type=click.Path(path_type=Path),
    help="Public key or trust file by which bundles are verified. Default: the key of repo.toml.",
)
@json_option(ImportAnswer)
def import_command(
    sources: tuple[Path, ...], repo: Path, version: str | None, seq: int | None, trust: Path | None, as_json: bool
) -> None:
    """Bring in releases that ships have already: a directory, or bundles with the full release or a base that is here.

    The next release has deltas from them. A release that is here already is made whole again where it was damaged.
    """
    opened = open_repository(repo)
    found, lines = [], []
    with opened.repository.locked("importing"), Record(opened.repository.database_file) as record:
        for source in sources:
            release = _imported(source, opened, record, version, seq, trust, many=len(sources) > 1)
            found.append(release)
            lines.append(f"{source}: {opened.settings.product} {release.version} (seq {release.seq}) is in {repo}")
    document: ImportAnswer = {
        "releases": [
            {"version": one.version, "seq": one.seq, "epoch": one.epoch, "tree": one.tree.hex()} for one in found
        ]
    }
    tell(as_json, document, *lines)


def _imported(
    source: Path,
    opened: OpenRepository,
    record: Record,
    version: str | None,
    seq: int | None,
    trust: Path | None,
    *,
    many: bool,
) -> Release:
    with STORAGE.errors(source):
        is_directory = presence.is_directory(source)
    with progress_bar() as bar:
        if is_directory:
            if version is None or many:
                raise UsageRefused(f"{source}: a directory comes in alone; name its version with --version")
            return import_directory(source, version, seq, record, opened.store, opened.settings, bar)
        if version or seq:
            raise UsageRefused(f"{source}: is no directory; a bundle says its version and its seq itself")
        followed = load_trust(trust) if trust else opened.trust() or Trust.of_maker((verifying_key(opened.signer()),))
        return import_bundle(source, followed, record, opened.repository, opened.settings, bar)

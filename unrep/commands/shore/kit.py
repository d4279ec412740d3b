"""`unrep kit`: unrep with a Python of its own, for a ship that has none."""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.host.temporary_files import temporary_directory
from bundle.version import VERSION
from unrep.kit.archive import check_archive, write_archive
from unrep.kit.building import Wanted, build_kit
from unrep.kit.kinds import KINDS
from unrep.kit.packages import LOCKS
from unrep.terminal.answers import Seconds, TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell


class KitAnswer(TypedDict):
    """A kit that was made."""

    directory: Annotated[str, Meta(description="The folder.")]
    platform: Annotated[str, Meta(description="The machines that it is for.")]
    version: Version
    files: Annotated[int, Meta(description="How many files it holds.")]
    bytes: Annotated[int, Meta(description="Their size, in all.")]
    tree: TreeHash
    archive: Annotated[str | None, Meta(description="The archive of it; null for none.")]
    archive_bytes: Annotated[int | None, Meta(description="Its size; null for none.")]
    seconds: Seconds


@click.command(
    "kit",
    cls=Command,
    examples=[
        (
            "unrep kit --platform linux_x86_64 --out unrep-1 --archive unrep-1.tar.gz",
            "Make the folder for ships with Linux, and an archive to carry there:",
        ),
        (
            "unrep kit --platform win_amd64 --embeddable python-3.12.9-embed-amd64.zip "
            "--embeddable-sha256 HEX --out unrep-1 --archive unrep-1.zip",
            "Make it for Windows, of the interpreter that python.org publishes, with the hash that you have checked:",
        ),
    ],
)
@click.option("--platform", required=True, type=click.Choice(list(KINDS)), help="The machines that it is for.")
@click.option("--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--archive", metavar="F", type=click.Path(path_type=Path), help="Pack it as well: .tar.gz or .zip.")
@click.option(
    "--packages",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where packages are kept. What is there already is not fetched. Default: a temporary directory.",
)
@click.option(
    "--locks",
    metavar="DIR",
    default=LOCKS,
    show_default="those of this program",
    type=click.Path(path_type=Path),
    help="The locks of Debian's packages and of wheels.",
)
@click.option(
    "--embeddable",
    metavar="ZIP",
    type=click.Path(path_type=Path),
    help="For Windows: python.org's embeddable CPython 3.12 for amd64.",
)
@click.option("--embeddable-sha256", metavar="HEX", default="", help="Its SHA-256.")
@json_option(KitAnswer)
def kit_command(
    platform: str,
    out: Path,
    archive: Path | None,
    packages: Path | None,
    locks: Path,
    embeddable: Path | None,
    embeddable_sha256: str,
    as_json: bool,
) -> None:
    """Make a folder with unrep and a Python of its own, for a ship that has none.

    It runs from wherever it is unpacked, and writes nothing into itself. The same locks and the same unrep give the
    same bytes. The folder is a release of the product `unrep`: give it to `unrep release`, and ships renew themselves.
    """
    began = time.monotonic()
    if archive:
        check_archive(archive, out)
    with (
        nullcontext(packages) if packages else temporary_directory("unrep-kit-") as place,
        progress_bar() as bar,
    ):
        wanted = Wanted(KINDS[platform], out, place.absolute(), locks, embeddable, embeddable_sha256.lower())
        kit = build_kit(wanted, bar)
    packed = write_archive(kit.directory, kit.executable, archive) if archive else None
    document: KitAnswer = {
        "directory": str(kit.directory),
        "platform": platform,
        "version": VERSION,
        "files": len(kit.manifest.entries),
        "bytes": kit.manifest.size,
        "tree": kit.manifest.tree_hash.hex(),
        "archive": str(archive) if archive else None,
        "archive_bytes": packed,
        "seconds": round(time.monotonic() - began, 3),
    }
    lines = [
        f"{kit.directory}: unrep {VERSION} for {platform}, {len(kit.manifest.entries):,} files, "
        f"{kit.manifest.size:,} bytes, in {document['seconds']:.1f} s",
        f"tree hash {document['tree']}",
    ]
    if archive:
        lines.append(f"{archive}: {packed:,} bytes")
    tell(as_json, document, *lines)

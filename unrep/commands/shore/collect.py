"""`unrep collect`: source and pinned wheels become a release directory."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from unrep.collect.collect import Collected, collect
from unrep.collect.target import Target
from unrep.terminal.answers import Seconds, TreeHash, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, say, tell

LEFT_OUT_SHOWN = 10


class CollectAnswer(TypedDict):
    """A release directory that was made."""

    directory: Annotated[str, Meta(description="The release directory.")]
    files: Annotated[int, Meta(description="How many files it holds.")]
    bytes: Annotated[int, Meta(description="Their size, in all.")]
    wheels: Annotated[list[str], Meta(description="Names of the wheels in it.")]
    requirements: Annotated[str, Meta(description="Path of the requirements file in it.")]
    left_out: Annotated[list[str], Meta(description="Paths of the source that were left out.")]
    unhashed: Annotated[list[str], Meta(description="Pins without a hash, as NAME==VERSION.")]
    tree: TreeHash
    seconds: Seconds


@click.command(
    "collect",
    cls=Command,
    examples=[
        (
            "unrep collect src --requirements requirements.txt --platform win_amd64 --python-version 3.11 --out vms-2",
            "Make a release for Windows from source and pinned wheels:",
        )
    ],
)
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.option(
    "--requirements",
    metavar="R",
    required=True,
    type=click.Path(path_type=Path),
    help="Requirements file; every package pinned with ==.",
)
@click.option(
    "--platform",
    "platforms",
    metavar="TAG",
    multiple=True,
    help="The ship's platform, as wheels name it: win_amd64, manylinux_2_28_x86_64. Repeatable.",
)
@click.option("--python-version", metavar="X.Y", help="The ship's Python. Default: this one.")
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="The release directory to make."
)
@click.option("--require-hashes", is_flag=True, help="Refuse pins that do not say --hash.")
@json_option(CollectAnswer)
def collect_command(
    source: Path,
    requirements: Path,
    platforms: tuple[str, ...],
    python_version: str | None,
    out: Path,
    require_hashes: bool,
    as_json: bool,
) -> None:
    """Make a self-contained release directory of SRC: its source and the wheels it needs aboard.

    What .gitignore files ignore is left out, and so are caches and virtual environments. The same input gives the same
    release.

    A wheel whose pin has no --hash is whatever the registry gives the first time; its hash is kept in R.wheels.sha256,
    and compared from then on.
    """
    target = Target(platforms, python_version)
    with progress_bar() as bar:
        collected = collect(source, requirements, out, target, bar, require_hashes=require_hashes)
    if collected.unhashed:
        say(_caution(collected))
    tell(as_json, _document(collected), *_summary(collected))


def _summary(collected: Collected) -> list[str]:
    lines = [
        f"{collected.directory}: {collected.files} files, {collected.bytes:,} bytes, {len(collected.wheels)} wheels, "
        f"in {collected.seconds:.1f} s",
        f"tree hash {collected.tree}",
    ]
    if collected.left_out:
        shown, more = collected.left_out[:LEFT_OUT_SHOWN], len(collected.left_out) - LEFT_OUT_SHOWN
        lines.insert(1, f"left out: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}")
    return lines


def _caution(collected: Collected) -> str:
    count = len(collected.unhashed)
    pins = "pin has" if count == 1 else "pins have"
    what = f"caution: {count} {pins} no --hash, and a registry that lies goes unnoticed"
    if collected.not_saved:
        return f"{what}; nor can the hashes be saved: {collected.not_saved}"
    return f"{what} the first time; their wheels are compared with {collected.hashes_file} from now on"


def _document(collected: Collected) -> CollectAnswer:
    return {
        "directory": str(collected.directory),
        "files": collected.files,
        "bytes": collected.bytes,
        "wheels": list(collected.wheels),
        "requirements": collected.requirements,
        "left_out": list(collected.left_out),
        "unhashed": list(collected.unhashed),
        "tree": collected.tree,
        "seconds": collected.seconds,
    }

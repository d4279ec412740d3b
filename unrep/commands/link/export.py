"""`unrep export`: a bundle split over sticks."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from transfer.volumes.export import export
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.options.quantities import parse_size


class VolumeAnswer(TypedDict):
    """A volume that was written."""

    path: Annotated[str, Meta(description="Path of the volume.")]
    bytes: Annotated[int, Meta(description="Its size.")]


class ExportAnswer(TypedDict):
    """A bundle that was split."""

    volumes: Annotated[list[VolumeAnswer], Meta(description="The volumes, in the order of the bundle.")]


@click.command(
    "export",
    cls=Command,
    examples=[
        ("unrep export vms-2.unrep --volume-size 4G --out /media/stick", "Split a bundle for a stick with FAT32:"),
        (
            "unrep export vms-2.unrep --volume-size 700M --out /media/one --out /media/two",
            "Write each volume to a medium of its own:",
        ),
    ],
)
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@click.option(
    "--volume-size", metavar="V", required=True, callback=parse_size, help="Bytes a volume has at most: 700M, 4G."
)
@click.option(
    "--out", metavar="DIR", multiple=True, required=True, type=click.Path(path_type=Path), help="May be given often."
)
@json_option(ExportAnswer)
def export_command(bundle: Path, volume_size: int, out: tuple[Path, ...], as_json: bool) -> None:
    """Split bundle F into volumes of at most V bytes: all into one DIR, or each onto a medium of its own.

    Every volume can be verified by itself and read in any order, by 'unrep join'. 4G fits a stick with FAT32.
    """
    with progress_bar() as bar:
        exported = export(bundle, volume_size, out, bar)
    for path, length in zip(exported.paths, exported.lengths, strict=True):
        say(f"{path}: {length:,} bytes, read back and right")
    if as_json:
        pairs = zip(exported.paths, exported.lengths, strict=True)
        written: ExportAnswer = {"volumes": [{"path": str(path), "bytes": length} for path, length in pairs]}
        answer(written)

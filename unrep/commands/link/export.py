"""`unrep export`: a channel on a stick, or a bundle split over several."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from transfer.volumes.export import export
from transfer.volumes.stick import Filled, fill_stick
from unrep.errors import UsageRefused
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.output import checked_channel
from unrep.terminal.options.quantities import parse_size


class VolumeAnswer(TypedDict):
    """A volume that was written."""

    path: Annotated[str, Meta(description="Path of the volume.")]
    bytes: Annotated[int, Meta(description="Its size.")]


class ExportAnswer(TypedDict):
    """A bundle that was split, or a channel that was copied."""

    volumes: Annotated[list[VolumeAnswer], Meta(description="The volumes, in the order of the bundle.")]
    bundles: Annotated[list[VolumeAnswer], Meta(description="Bundles of the channel that are on the medium now.")]
    left_out: Annotated[list[str], Meta(description="Bundles of the channel that are not, for want of room or file.")]


@click.command(
    "export",
    cls=Command,
    examples=[
        ("unrep export /srv/www/vms --channel stable --out /media/stick", "Fill a stick for whatever ships have:"),
        ("unrep export vms-2.unrep --volume-size 4G --out /media/stick", "Split a bundle for a stick with FAT32:"),
    ],
)
@click.argument("source", metavar="F|DIR", type=click.Path(path_type=Path))
@click.option(
    "--channel", metavar="C", default="", callback=checked_channel, help="Copy this channel from the published DIR."
)
@click.option("--volume-size", metavar="V", callback=parse_size, help="Bytes a volume has at most: 700M, 4G.")
@click.option(
    "--out", metavar="DIR", multiple=True, required=True, type=click.Path(path_type=Path), help="May be given often."
)
@json_option(ExportAnswer)
def export_command(source: Path, channel: str, volume_size: int | None, out: tuple[Path, ...], as_json: bool) -> None:
    """Fill a stick with a channel, or split bundle F into volumes of at most V bytes.

    With --channel all bundles that the channel's file names are copied, the newest first, as far as they fit. A ship
    takes from such a stick what leads on from whatever it has. Volumes go all into one DIR, or each onto a medium of
    its own. Every one can be verified by itself and read in any order. 4G fits a stick with FAT32.
    """
    if bool(channel) == bool(volume_size):
        raise UsageRefused("name either --channel, to fill a stick with it, or --volume-size, to split a bundle")
    document: ExportAnswer = {"volumes": [], "bundles": [], "left_out": []}
    with progress_bar() as bar:
        if volume_size:
            exported = export(source, volume_size, out, bar)
            pairs = list(zip(exported.paths, exported.lengths, strict=True))
            document["volumes"] = [{"path": str(path), "bytes": length} for path, length in pairs]
            lines = [f"{path}: {length:,} bytes, read back and right" for path, length in pairs]
        else:
            lines = []
            for stick in out:
                filled = fill_stick(source, channel, stick, bar)
                here = [*filled.copied, *filled.there]
                document["bundles"] += [{"path": str(stick / one.file), "bytes": one.length} for one in here]
                document["left_out"] += [str(stick / one.file) for one in (*filled.no_room, *filled.absent)]
                lines += _said(stick, filled)
    tell(as_json, document, *lines)


def _said(stick: Path, filled: Filled) -> Iterator[str]:
    copied = sum(one.length for one in filled.copied)
    yield (
        f"{stick}: channel {filled.channel.channel!r}, {filled.channel.describe()}: {len(filled.copied)} bundles "
        f"copied, {copied:,} bytes, read back and right; {len(filled.there)} were there already"
    )
    for why, left in (("no room for", filled.no_room), ("not in the published directory:", filled.absent)):
        if left:
            yield f"  {why} {', '.join(one.file for one in left)}; ships that need those do not come on by this stick"

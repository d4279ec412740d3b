"""`unrep export`: a bundle split over sticks."""

from pathlib import Path

import click

from transfer.volumes.export import export
from unrep.terminal.aboard import json_option
from unrep.terminal.console import answer, progress_bar, say
from unrep.terminal.quantities import parse_size


@click.command("export")
@click.argument("bundle", metavar="F", type=click.Path(path_type=Path))
@click.option(
    "--volume-size", metavar="V", required=True, callback=parse_size, help="Bytes a volume has at most: 700M, 4G."
)
@click.option(
    "--out", metavar="DIR", multiple=True, required=True, type=click.Path(path_type=Path), help="May be given often."
)
@json_option
def export_command(bundle: Path, volume_size: int, out: tuple[Path, ...], as_json: bool) -> None:
    """Split bundle F into volumes of at most V bytes: all into one DIR, or each onto a medium of its own.

    Every volume can be verified by itself and read in any order, by 'unrep join'. 4G fits a stick with FAT32.
    """
    with progress_bar() as bar:
        exported = export(bundle, volume_size, out, bar)
    for path, length in zip(exported.paths, exported.lengths, strict=True):
        say(f"{path}: {length:,} bytes, read back and right")
    if as_json:
        volumes = [{"path": str(p), "bytes": n} for p, n in zip(exported.paths, exported.lengths, strict=True)]
        answer({"volumes": volumes})

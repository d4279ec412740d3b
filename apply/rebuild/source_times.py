"""The times of Python's sources in a new tree, by the compiled files beside them. spec/apply.md, section 3 [A-122]."""

from pathlib import Path

from bundle.format.manifest import TreeManifest
from bundle.host.directories import Descent
from bundle.wheels.bytecode import compiled_by_time


def set_source_times(tree: Path, manifest: TreeManifest) -> None:
    """Gives each source the time that the compiled file beside it was made for. Raises OSError.

    A release carries no times, so the files of a tree have that of their writing. Python would write each compiled file
    anew at its first import, and the file would count as changed from then on.
    """
    with Descent(tree) as descent:
        for compiled in compiled_by_time(tree, manifest.entries.paths):
            if not compiled.fits and compiled.seconds >= 0:
                within, name = descent.to(compiled.source)
                within.set_time(name, compiled.seconds)

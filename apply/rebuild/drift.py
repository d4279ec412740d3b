"""Which files of the running release somebody has written to since: quick enough for every `unrep status`.

All files are looked at, and those that were written to after the release came are hashed. That may miss a file where
the clock was set back meanwhile. An update hashes whatever it uses. spec/apply.md, section 9 [A-125].
"""

from dataclasses import dataclass
from typing import Final

from apply.errors import SiteInvalid, StorageFailed
from apply.rebuild.installed import damaged_places, holdings, open_installed
from apply.record.state import SiteState
from apply.site import durable
from apply.site.layout import Site
from bundle.format.manifest import Kind
from bundle.host.directories import Descent
from bundle.read.tree import DirectoryBase

MAX_HASHED_BYTES: Final = 256 * 1024 * 1024
FIRST_NAMES: Final = 5


@dataclass(frozen=True)
class Drift:
    """`paths`: of the files that are not what was installed, in order. `unchecked`: so many more were written to.

    Those are not hashed, for it would take long. `why`: the release cannot be looked at, "" if it can.
    """

    paths: tuple[str, ...] = ()
    unchecked: int = 0
    why: str = ""

    @property
    def first_paths(self) -> tuple[str, ...]:
        """The first few."""
        return self.paths[:FIRST_NAMES]

    def __str__(self) -> str:
        """A clause for a person, "" if there is nothing to tell."""
        if self.why:
            return self.why
        more = len(self.paths) - len(self.first_paths)
        named = ", ".join(self.first_paths) + (f" and {more:,} more" if more else "")
        count = "1 file is" if len(self.paths) == 1 else f"{len(self.paths):,} files are"
        changed = [f"{count} not what was installed: {named}"] if self.paths else []
        unchecked = [f"files written to and not hashed: {self.unchecked:,}"] if self.unchecked else []
        return "; ".join(changed + unchecked)


def find_drift(site: Site, state: SiteState) -> Drift:
    """What has happened to the current release. Changes nothing, and raises nothing for what it finds."""
    if state.current is None:
        return Drift()
    if state.current not in holdings(site, state.releases):
        return Drift(why=f"the files of {state.current.version}, or its manifest, are gone")
    try:
        tree = open_installed(site, state.current)
        with durable.storage_errors(site.manifests):
            # Written right after the tree, by the same clock.
            came_ns = site.manifest_file(state.current.tree).stat().st_mtime_ns
    except (SiteInvalid, StorageFailed) as error:
        return Drift(why=str(error))
    written, left = _written_to(tree, came_ns), MAX_HASHED_BYTES
    hashed: list[int] = []
    for place in written:
        if (size := tree.manifest.entries.sizes[place - 1]) <= left:
            left -= size
            hashed.append(place)
    damaged = damaged_places(tree, places=hashed)
    paths = tuple(tree.manifest.entry(place).path for place in damaged)
    return Drift(paths, len(written) - len(hashed))


def _written_to(tree: DirectoryBase, came_ns: int) -> list[int]:
    """The places of what was written to, put there or removed after that time, ascending."""
    found = []
    with Descent(tree.directory) as descent:
        for place, entry in enumerate(tree.manifest.entries, 1):
            try:
                directory, name = descent.to(entry.path)
                status = directory.status(name)
            except OSError:
                found.append(place)
                continue
            if entry.kind != Kind.EMPTY_DIRECTORY and max(status.st_mtime_ns, status.st_ctime_ns) > came_ns:
                found.append(place)
    return found

"""What has happened to the current release's files since they were installed. spec/apply.md, section 3 [A-40]."""

from dataclasses import dataclass
from pathlib import Path

from apply.errors import PreflightRefused
from apply.rebuild.installed import damaged_places, open_installed
from apply.record.database import read_state
from apply.record.release import Release
from apply.site.layout import Site
from bundle.format.manifest import TreeManifest
from bundle.format.repair_request import write_repair_request
from bundle.host.progress import Progress, Quiet


@dataclass(frozen=True)
class Damage:
    """What has happened to a release. places: of its manifest, whose files are not what was installed, ascending."""

    product: str
    release: Release
    manifest: TreeManifest
    places: list[int]

    @property
    def paths(self) -> list[str]:
        """The paths of those files, relative to the tree."""
        return [self.manifest.entry(place).path for place in self.places]

    def repair_request(self) -> bytes:
        """The repair request by which shore builds a delta from what is left [F-61]."""
        return write_repair_request(self.product, self.manifest, self.places)


def examine(site: Path, progress: Progress = Quiet()) -> Damage:  # noqa: B008
    """Hashes every file of the current release. Changes nothing.

    Raises PreflightRefused where nothing is installed, SiteInvalid for a damaged manifest, StorageFailed.
    """
    place = Site.at(site)
    state = read_state(place)
    if state.current is None:
        raise PreflightRefused(f"{site}: nothing is installed here, so no file of it can be damaged")
    # The current release alone: the others serve nobody now.
    tree = open_installed(place, state.current)
    return Damage(state.product, state.current, tree.manifest, damaged_places(tree, progress))

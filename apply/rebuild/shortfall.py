"""What a delta cannot make at a site: files of its base are damaged, or this machine has not every deflate engine.

The full section may hold it. spec/apply.md, section 3 [A-41]; spec/transfer.md [T-41].
"""

from dataclasses import dataclass
from pathlib import Path

from apply.rebuild.installed import damaged_places, holdings, open_installed
from apply.record.database import read_state
from apply.site.layout import Site
from bundle.archives.engines import present_features
from bundle.format.manifest import TreeManifest
from bundle.format.repair_request import remainder
from bundle.format.root import Section
from bundle.host.memory_limit import limited_memory
from bundle.host.progress import Progress, Quiet
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.mixed import MixedEvaluation
from bundle.read.reader import VerifiedBundle


@dataclass(frozen=True)
class Lack:
    """A delta that leaves something to be made, what is left of its base, and why, for a person."""

    delta: Evaluation
    left: TreeManifest
    why: str

    def stretches(self, bundle: VerifiedBundle, full: Section) -> list[tuple[int, int]]:
        """(start, end), in bytes of the full section's body, of the packs that make it. Its index must be there.

        Raises Unsupported if that section cannot help.
        """
        opened = bundle.open_section(full)
        rest = open_evaluation(opened, None, present_features(), manifest=self.delta.manifest)
        return rest.stretches(MixedEvaluation(self.delta, rest, self.left).taken)


@limited_memory()
def find_lack(bundle: VerifiedBundle, delta: Section, site: Path, progress: Progress = Quiet()) -> Lack | None:  # noqa: B008
    """Hashes all files of the delta's base. None if nothing is lacking, or if it starts from what is left anyway.

    Raises SiteInvalid, StorageFailed, or Refused for the bundle.
    """
    place = Site.at(site)
    for release in holdings(place, read_state(place).releases):
        if bytes.fromhex(release.tree) == delta.base:
            base = open_installed(place, release)
            lost = damaged_places(base, progress)
            evaluation = open_evaluation(bundle.open_section(delta), base, present_features(), lost=lost)
            left = remainder(base.manifest, lost, release.platform)
            if evaluation.made.issuperset(evaluation.manifest.needed(left)):
                return None
            damaged = f"{len(lost)} files of version {release.version} are damaged"
            return Lack(evaluation, left, damaged if lost else "a deflate engine that some files need is missing here")
    return None

"""What a delta cannot make at a site: files of its base are damaged, or a deflate engine is missing here.

The full section may hold it. spec/apply.md, section 3 [A-41]; spec/transfer.md [T-41].
"""

from dataclasses import dataclass
from pathlib import Path

from apply.rebuild.installed import damaged_places, holdings, open_installed
from apply.rebuild.spares import find_spares, missing_from
from apply.record.database import read_state
from apply.site.layout import Site
from bundle.archives.engines import present_features
from bundle.format.manifest import TreeManifest
from bundle.format.root import Section
from bundle.host.memory_limit import limited_memory
from bundle.host.progress import Progress, Quiet
from bundle.host.temporary_files import room_for_temporary_files
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.mixed import MixedEvaluation
from bundle.read.reader import VerifiedBundle


@dataclass(frozen=True)
class Shortfall:
    """A delta that cannot make every file of the target. `left`: what is left of its base. `why`: for a person."""

    delta: Evaluation
    left: TreeManifest
    why: str

    def stretches(self, bundle: VerifiedBundle, full: Section) -> list[tuple[int, int]]:
        """(start, end), in bytes of the full section's body, of the packs that make the missing files.

        The index of that section must be in the file.
        Raises Unsupported if that section cannot help.
        """
        opened = bundle.open_section(full)
        rest = open_evaluation(opened, None, present_features(), beside=self.delta)
        return rest.stretches(MixedEvaluation(self.delta, rest, self.left).taken)


@limited_memory()
def find_shortfall(
    bundle: VerifiedBundle,
    delta: Section,
    site: Path,
    progress: Progress = Quiet(),  # noqa: B008
) -> Shortfall | None:
    """Hashes all files of the delta's base. None if the delta can make every file, or if it is a repair [A-40].

    Raises SiteInvalid, StorageFailed, or Refused for the bundle.
    """
    place = Site.at(site)
    releases = read_state(place).releases
    for release in holdings(place, releases):
        if bytes.fromhex(release.tree) == delta.base:
            base = open_installed(place, release)
            damaged = damaged_places(base, progress)
            with room_for_temporary_files(site, delta.room):
                evaluation = open_evaluation(bundle.open_section(delta), base, present_features(), lost=damaged)
            left = base.manifest.without(frozenset(damaged))
            # Damage alone is no shortfall: the delta may replace each of those files anyway, or another version has it.
            missing = missing_from(evaluation, left)
            if damaged and missing:
                missing = find_spares(place, releases, evaluation.draft, missing)[1]
            if not missing:
                return None
            why = f"{len(damaged)} files of version {release.version} are damaged"
            return Shortfall(
                evaluation, left, why if damaged else "a deflate engine that some files need is missing here"
            )
    return None

"""Which section of a bundle brings this site to the target, and from which base. spec/apply.md, section 3.

Pure: what the site holds is handed in.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from apply.record.release import Release
from bundle.archives.engines import ENGINE_FEATURES, present_features
from bundle.errors import NoSection
from bundle.format.root import Section
from bundle.read.reader import VerifiedBundle, section_bytes

HASHES_SHOWN = 5


@dataclass(frozen=True)
class Choice:
    """The section to evaluate, and the installed release that it starts from; None for the full section.

    `rest`: the full section, for what a delta cannot make here [F-62].
    """

    section: Section
    base: Release | None
    rest: Section | None = None

    @property
    def room_bytes(self) -> int:
        """What is declared for rebuilding, beside the release [F-64]: its sections are run one after the other."""
        return max(self.section.room, self.rest.room if self.rest else 0)


def choose_full(bundle: VerifiedBundle) -> Choice | None:
    """The full section, if its bytes are in the file."""
    full = bundle.root.full_section(present_features())
    return Choice(full, None) if full and not bundle.is_absent(full) else None


def choose_repair(
    bundle: VerifiedBundle, held: Sequence[Release], remainder_hash: Callable[[Release], bytes]
) -> Choice | None:
    """A delta section from what is left of a release that is held [A-40]. `remainder_hash`: the tree hash of that."""
    known = {bytes.fromhex(release.tree) for release in held}
    deltas = [s for s in bundle.root.sections if s.base and s.base not in known and not bundle.is_absent(s)]
    # Asking hashes every file of a release. A bundle whose deltas all start from whole releases need not ask.
    for release in held if deltas else ():
        remainder = remainder_hash(release)
        for section in deltas:
            if section.base == remainder:
                return Choice(section, release)
    return None


def choose(bundle: VerifiedBundle, held: Sequence[Release]) -> Choice:
    """The smallest delta section from a release that is held, or else the full section [A-12].

    Where a delta needs engines that are missing here, the full section serves for the rest [A-41]. A section counts
    only if its bytes are in the file.
    Raises NoSection, saying what the bundle has and what the site holds.
    """
    root = bundle.root
    if choice := _smallest(bundle, held, present_features()):
        return choice
    if whole := choose_full(bundle):
        # The delta first, for a fetch brings only those packs of the full section that the delta cannot make [T-41].
        partial = _smallest(bundle, held, ENGINE_FEATURES)
        return replace(partial, rest=whole.section) if partial else whole
    full = root.full_section(present_features())
    bases = _shown([base.hex() for base in root.bases()])
    holds = _shown([f"{release.version} ({release.tree[:12]})" for release in held]) if held else "no release"
    full_clause = "without the full release" if full is None else "with the full release, which is not in this file"
    raise NoSection(
        f"{bundle.path}: {root.product} {root.version} comes as deltas from {bases} {full_clause}, "
        f"and the site holds {holds}; "
        "fetch it again with --site, or ask ashore for a bundle with one of those as its base"
    )


def _smallest(bundle: VerifiedBundle, held: Sequence[Release], engines: Container[str]) -> Choice | None:
    """The smallest delta for which those engines are enough."""
    deltas = [
        Choice(section, release)
        for release in held
        # A bundle that was fetched for one site holds the bytes of that site's section alone.
        if (section := bundle.root.delta_section(bytes.fromhex(release.tree), engines))
        and not bundle.is_absent(section)
    ]
    return min(deltas, key=lambda choice: section_bytes(bundle.root, choice.section), default=None)


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:HASHES_SHOWN]) or "nothing"
    return f"{shown} and {len(names) - HASHES_SHOWN} more" if len(names) > HASHES_SHOWN else shown

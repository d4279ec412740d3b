"""Over which bundles this site comes to the target, where no section of its own bundle starts here [A-130]."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from apply.errors import AboardError
from apply.rebuild import preflight
from apply.rebuild.choice import choose
from apply.rebuild.installed import Bases
from apply.rebuild.room import look_for_savings
from apply.record.release import Release
from apply.site.layout import Site
from bundle.archives.engines import present_features
from bundle.format.manifest import TreeManifest
from bundle.format.root import DELTA, FULL
from bundle.read.reader import VerifiedBundle, section_bytes
from bundle.read.route import Step, cheapest_route
from bundle.read.tree import DirectoryBase

BundleRoute = tuple[VerifiedBundle, ...]  # each leads from the tree of the one before it; the last to the target


def find_route(target: VerifiedBundle, others: Sequence[VerifiedBundle], held: Sequence[Release]) -> BundleRoute:
    """The bundles to rebuild from, one after the other: those with the fewest stored bytes in all.

    The target's alone where there are no others, or nothing leads there over them: then its plan says what is missing.
    """
    if not others:
        return (target,)
    steps = [step for bundle in (target, *others) for step in _steps(bundle)]
    found = cheapest_route(steps, [bytes.fromhex(release.tree) for release in held], target.root.tree)
    return tuple(step.by for step in found.steps) if found and found.steps else (target,)


def check_room(site: Site, route: BundleRoute, bases: Bases) -> None:
    """Raises DiskFull if any two trees of the route that follow each other would not fit [A-15], [A-130].

    From the roots alone, before a byte is written. The tree that a step starts from stands in staging beside the one
    that is being made. Of a single step its plan says more.
    """
    saved, before = (most_saved(bases, site.staging), 0) if len(route) > 1 else (0, 0)
    for bundle in route if len(route) > 1 else ():
        own = max(0, bundle.root.size - saved)
        preflight.check_free(site, before + own + max((one.room for one in bundle.root.sections), default=0))
        before = own


def most_saved(bases: Bases, beside: Path) -> int:
    """How many bytes of a new version need not be written at most, for the first of the bases has them [A-124]."""
    if not bases.releases:
        return 0
    try:
        return look_for_savings(bases.open(bases.releases[0]), beside).most_bytes
    except (AboardError, OSError):
        return 0  # it proves damaged later, or nothing is written there yet


def staged_base(bundle: VerifiedBundle, tree: Path, manifest: TreeManifest) -> Bases:
    """The tree of a step that was just made, as the one base of the next."""
    return Bases([Release.of(bundle.verified)], lambda release: DirectoryBase(tree, manifest))


def verify_step(bundle: VerifiedBundle, before: VerifiedBundle) -> None:
    """Verifies every piece of the section that leads from the one bundle's tree to the other's. Raises Refused."""
    section = choose(bundle, [Release.of(before.verified)]).section
    bundle.open_section(section).verify()


def over_steps(route: BundleRoute) -> str:
    """The steps before the last one as a clause, "" for none."""
    versions = [bundle.root.version for bundle in route[:-1]]
    return f" over {', '.join(versions)}" if versions else ""


def _steps(bundle: VerifiedBundle) -> Iterator[Step[VerifiedBundle]]:
    """What leads to its tree here: the sections whose bytes are in the file, for engines that are there."""
    root, engines = bundle.root, present_features()
    for section in root.sections:
        find = {DELTA: root.delta_section(section.base, engines), FULL: root.full_section(engines)}
        if find.get(section.kind) == section and not bundle.is_absent(section):
            yield Step(section.base, root.tree, (section_bytes(root, section),), bundle)

"""What makes the complete tree of an offered release in staging, whatever it is made from: spec/apply.md, section 3."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apply.audit.run import Run
from apply.errors import BaseDrifted
from apply.offer import Offer
from apply.rebuild import preflight
from apply.rebuild.installed import Bases, installed_bases
from apply.rebuild.plan import RebuildPlan, plan_rebuild
from apply.rebuild.reconstruct import reconstruct
from apply.rebuild.route import check_room, find_route, over_steps, staged_base
from apply.rebuild.source_times import set_source_times
from apply.record.state import SiteState
from apply.site import durable
from apply.site.config import SiteConfig
from bundle.format.manifest import TreeManifest
from bundle.read.reader import VerifiedBundle


@dataclass(frozen=True)
class Making:
    """A tree that is to be made: of which release, at a site in which state, below which directory in staging."""

    run: Run
    config: SiteConfig
    state: SiteState
    offer: Offer
    staging: Path


@dataclass(frozen=True)
class Made:
    """A complete tree, every file of it hashed, and not durable yet. `remarks`: clauses for the run's reason."""

    manifest: TreeManifest
    tree: Path
    remarks: tuple[str, ...] = ()


MakeTree = Callable[[Making], Made]


def rebuild(making: Making) -> Made:
    """From the bundle and what the site holds, over steps where there are some.

    A tree that a step starts from is removed once that step is made: two at most stand there at one time [A-130].
    """
    run, offer = making.run, making.offer
    bases, spent_bytes, remarks = installed_bases(run.site, making.state.releases), 0, list[str]()
    preflight.check_place(run.site, making.state, offer.release)
    route = find_route(offer.bundle, offer.steps, bases.releases)
    check_room(run.site, route, bases)
    before: Path | None = None
    for number, bundle in enumerate(route, 1):
        tree = making.staging / str(number) / bundle.root.version
        with durable.storage_errors(tree.parent):
            tree.parent.mkdir(0o700)
        manifest, remark = _rebuild_step(making, bundle, bases, tree)
        remarks += remark
        spent_bytes += run.bundle_bytes
        if before:
            durable.remove_tree(before)
        before, bases = tree.parent, staged_base(bundle, tree, manifest)
    run.bundle_bytes = spent_bytes
    if len(route) > 1:
        remarks.append(f"rebuilt{over_steps(route)}")
    return Made(manifest, tree, tuple(remarks))


def _rebuild_step(making: Making, bundle: VerifiedBundle, bases: Bases, tree: Path) -> tuple[TreeManifest, list[str]]:
    """Builds `tree`, around damage to its base where the full section helps [A-41]. Returns what is to be told."""
    try:
        return _plan_and_reconstruct(making, bundle, bases, tree).evaluation.finished(), []
    except BaseDrifted as drift:
        durable.remove_tree(tree)
        plan = _plan_and_reconstruct(making, bundle, bases, tree, drift)
        return plan.evaluation.finished(), [f"rebuilt {plan.origin}"]


def _plan_and_reconstruct(
    making: Making, bundle: VerifiedBundle, bases: Bases, tree: Path, drift: BaseDrifted | None = None
) -> RebuildPlan:
    """Builds `tree`, with intermediate results beside it. `drift`: why the base is not used as it is."""
    run, share = making.run, making.config.retention.share
    plan = plan_rebuild(run, bundle, bases, tree.parent, drift, share=share)
    with run.step("reconstruct"):
        reconstruct(plan.evaluation, plan.base, tree, run.progress, share=share)
        keep_source_times(bundle, tree, plan.evaluation.finished())
    return plan


def keep_source_times(bundle: VerifiedBundle, tree: Path, manifest: TreeManifest) -> None:
    """Gives Python's sources their times, if the release asks for that [A-122]. Raises StorageFailed."""
    if bundle.root.has_python_times:
        with durable.storage_errors(tree):
            set_source_times(tree, manifest)

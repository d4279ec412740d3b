"""How a release comes to be at this site: which section, from which base, and what has to come from elsewhere.

spec/apply.md, section 3: plan and preflight. Nothing at the site is written.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from apply.audit.run import Run
from apply.errors import BaseDrifted
from apply.rebuild import preflight
from apply.rebuild.choice import Plan, choose, choose_full, choose_repair
from apply.rebuild.installed import damaged_places, holdings, open_installed, what_is_left
from apply.record.state import Release, SiteState
from bundle.archives.engines import present_features
from bundle.errors import NoSection
from bundle.format.repair_request import remainder
from bundle.host.memory_limit import limited_memory
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.mixed import MixedEvaluation
from bundle.read.reader import VerifiedBundle, stored_bytes
from bundle.read.tree import DirectoryBase


@dataclass(frozen=True)
class Blueprint:
    """What makes the target: an evaluation, and the base that holds all the rest. `origin` is a clause for a person."""

    evaluation: Evaluation | MixedEvaluation
    base: DirectoryBase | None
    origin: str


@limited_memory()
def draw_up(
    run: Run, bundle: VerifiedBundle, state: SiteState, scratch: Path | None, drift: BaseDrifted | None = None
) -> Blueprint:
    """Plan and preflight; intermediate results go to `scratch`.

    `drift`: why the base cannot be used as it is; it is raised again if the full section is not there to help.
    """
    with run.step("plan"):
        plan, base = _choose(run, bundle, state, drift)
        run.bundle_bytes = bundle.verified.header_bytes + stored_bytes(bundle.root, plan.section)
        preflight.check_free(run.site, bundle.root.size + plan.room_bytes)  # already its manifest may take the room
    with run.step("verify"):
        section = bundle.open_section(plan.section)
        section.verify()
    with run.step("plan"):
        lost = damaged_places(base, run.progress) if base and drift else []
        engines = present_features()
        evaluation = open_evaluation(section, base, engines, scratch=scratch, lost=lost)
        blueprint = Blueprint(evaluation, base, f"from {plan.base.version}" if plan.base else "from the full release")
        if base and plan.rest:
            left = remainder(base.manifest, lost, bundle.root.platform)
            full = bundle.open_section(plan.rest)
            rest = open_evaluation(full, None, engines, scratch=scratch, manifest=evaluation.manifest)
            mixed = MixedEvaluation(evaluation, rest, left)
            run.bundle_bytes += sum(end - start for start, end in rest.stretches(mixed.taken))
            blueprint = Blueprint(mixed, DirectoryBase(base.directory, left), _told(blueprint.origin, mixed, drift))
    with run.step("preflight"):
        release = Release.of(bundle.verified)
        preflight.check_platform(release)
        preflight.check_place(run.site, state, release)
        preflight.check_room(run.site, evaluation.manifest, blueprint.evaluation.room_bytes)
        if base:
            preflight.check_base(base, evaluation, run.progress)
    return blueprint


def _told(origin: str, mixed: MixedEvaluation, drift: BaseDrifted | None) -> str:
    reason = f"because of this: {drift}" if drift else "because a deflate engine is missing here"
    return f"{origin}, but {len(mixed.taken)} files from the full release, {reason}"


def _choose(
    run: Run, bundle: VerifiedBundle, state: SiteState, drift: BaseDrifted | None
) -> tuple[Plan, DirectoryBase | None]:
    """The plan and its base: a release that is held, or what is left of one, or none [A-12], [A-40], [A-41]."""
    held = holdings(run.site, state.releases)
    whole = choose_full(bundle)
    if drift and whole is None:
        raise drift
    try:
        plan = choose(bundle, held)
    except NoSection:
        lefts: dict[str, DirectoryBase] = {}

        def left(release: Release) -> bytes:
            lefts[release.tree] = what_is_left(open_installed(run.site, release), release.platform, run.progress)
            return lefts[release.tree].manifest.tree_hash

        repair = choose_repair(bundle, held, left)
        if repair and repair.base:
            return repair, lefts[repair.base.tree]
        raise
    if drift and whole:
        plan = replace(plan, rest=whole.section)
    return plan, open_installed(run.site, plan.base) if plan.base else None

"""How one tree is rebuilt at this site: from which section and base, and what has to come from elsewhere.

spec/apply.md, section 3: plan and preflight. Nothing at the site is written.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from apply.audit.run import Run
from apply.errors import BaseDrifted
from apply.rebuild import preflight
from apply.rebuild.choice import Choice, choose, choose_full, choose_repair
from apply.rebuild.installed import Bases, damaged_places, what_is_left
from apply.rebuild.room import look_for_savings
from apply.rebuild.spares import SparedEvaluation, find_spares, missing_from
from apply.record.release import Release
from bundle.archives.engines import present_features
from bundle.errors import NoSection
from bundle.host.memory_limit import limited_memory
from bundle.read.evaluate import Evaluation, open_evaluation
from bundle.read.mixed import MixedEvaluation
from bundle.read.reader import VerifiedBundle, stored_bytes
from bundle.read.tree import DirectoryBase


@dataclass(frozen=True)
class RebuildPlan:
    """What makes the target: an evaluation, and the base that holds all the rest. `origin` is a clause for a person."""

    evaluation: Evaluation | MixedEvaluation | SparedEvaluation
    base: DirectoryBase | None
    origin: str


@limited_memory()
def plan_rebuild(
    run: Run,
    bundle: VerifiedBundle,
    bases: Bases,
    scratch: Path | None,
    drift: BaseDrifted | None = None,
    *,
    share: bool = False,
) -> RebuildPlan:
    """Plan and preflight of one tree, from one of the bases or from none. Intermediate results go to `scratch`.

    `share`: unchanged files are to be hard links [A-126].

    `drift`: why the base cannot be used as it is. It is raised again if neither the full section nor another version
    is there to help. Bytes that are not in the file are never asked for here: aboard there may be no link [A-41].
    Raises NoSection, PreflightRefused, or Refused for a section that does not verify.
    """
    with run.step("plan"):
        choice, base = _choose(run, bundle, bases, drift)
        run.bundle_bytes = bundle.verified.header_bytes + stored_bytes(bundle.root, choice.section)
        # From the root's own figures, before the section is parsed: decoding its manifest may take the room already.
        savings = look_for_savings(base, run.site.staging, scratch if share else None) if base else None
        least = max(0, bundle.root.size - (savings.most_bytes if savings else 0))
        preflight.check_free(run.site, least + choice.room_bytes)
    with run.step("verify"):
        section = bundle.open_section(choice.section)
        section.verify()
    with run.step("plan"):
        # Hashing the whole base costs minutes, so it is done only once a file of it has proved damaged.
        damaged = damaged_places(base, run.progress) if base and drift else []
        engines = present_features()
        evaluation = open_evaluation(section, base, engines, scratch=scratch, lost=damaged)
        plan = RebuildPlan(evaluation, base, f"from {choice.base.version}" if choice.base else "from the full release")
        if base and choice.rest:
            left = base.manifest.without(frozenset(damaged))
            full = bundle.open_section(choice.rest)
            rest = open_evaluation(full, None, engines, scratch=scratch, beside=evaluation)
            mixed = MixedEvaluation(evaluation, rest, left)
            run.bundle_bytes += sum(end - start for start, end in rest.stretches(mixed.taken))
            plan = RebuildPlan(mixed, DirectoryBase(base.directory, left), _mixed_origin(plan.origin, mixed, drift))
        elif base and drift:
            left = base.manifest.without(frozenset(damaged))
            plan = _spared(run, bases, evaluation, DirectoryBase(base.directory, left), plan.origin, drift)
    with run.step("preflight"):
        preflight.check_platform(Release.of(bundle.verified))
        if savings and plan.base:
            savings = replace(savings, base=plan.base.manifest)
        preflight.check_room(run.site, evaluation.draft, plan.evaluation.room_bytes, savings)
        if base:
            preflight.check_base(base, evaluation, run.progress)
    return plan


def _spared(
    run: Run, bases: Bases, evaluation: Evaluation, base: DirectoryBase, origin: str, drift: BaseDrifted
) -> RebuildPlan:
    """The plan with what other versions aboard have of the damaged files. Raises `drift` if they lack any [A-127]."""
    missing = missing_from(evaluation, base.manifest)
    spares, lacking = find_spares(run.site, bases.releases, evaluation.draft, missing)
    if lacking:
        raise drift
    spared = SparedEvaluation(evaluation, spares)
    around = f"but {len(spared.spared)} files from other versions aboard" if spares else "around damaged files"
    return RebuildPlan(spared, base, f"{origin}, {around}, because of this: {drift}")


def _mixed_origin(origin: str, mixed: MixedEvaluation, drift: BaseDrifted | None) -> str:
    reason = f"because of this: {drift}" if drift else "because a deflate engine is missing here"
    return f"{origin}, but {len(mixed.taken)} files from the full release, {reason}"


def _choose(
    run: Run, bundle: VerifiedBundle, bases: Bases, drift: BaseDrifted | None
) -> tuple[Choice, DirectoryBase | None]:
    """The choice and its base: a release that is held, or what is left of one, or none [A-12], [A-40], [A-41]."""
    full = choose_full(bundle)
    try:
        choice = choose(bundle, bases.releases)
    except NoSection:
        if found := _choose_repair(run, bundle, bases):
            return found
        raise
    if drift and full:
        choice = replace(choice, rest=full.section)
    return choice, bases.open(choice.base) if choice.base else None


def _choose_repair(run: Run, bundle: VerifiedBundle, bases: Bases) -> tuple[Choice, DirectoryBase] | None:
    """A delta that shore built from what is left of a damaged release, and that remainder as its base [A-40]."""
    # The tree hash of a remainder names it, so which one a delta starts from shows only after all files were hashed.
    remainders: dict[str, DirectoryBase] = {}

    def remainder_hash(release: Release) -> bytes:
        tree = what_is_left(bases.open(release), run.progress)
        remainders[release.tree] = tree
        return tree.manifest.tree_hash

    choice = choose_repair(bundle, bases.releases, remainder_hash)
    return (choice, remainders[choice.base.tree]) if choice and choice.base else None

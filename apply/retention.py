"""Which versions are removed and which stay: spec/apply.md, section 7.

Never removed are the current, the last good and the pending version. The order of a removal leaves the site sound after
a cut anywhere [A-33]: the tree moves to staging in one step, the state forgets it, then its files are removed. The next
run removes what is left over.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from apply.audit.log import open_log
from apply.audit.pruning import prune_runs
from apply.audit.run import Report, Run, record_success, reporting, working
from apply.errors import InUse, StorageFailed
from apply.record import found_healthy
from apply.record.database import Record
from apply.record.release import Release
from apply.site import durable
from apply.site.config import RetentionConfig, SiteConfig
from apply.site.holders import holder
from apply.site.layout import Site
from bundle.host import presence
from bundle.host.progress import Progress, Quiet
from bundle.host.removal import mounted_below


@dataclass(frozen=True)
class Retained:
    """What was removed, by version, and a sentence for each that had to stay, for a process has it open."""

    removed: list[str]
    in_use: list[str]

    def __str__(self) -> str:
        removed = [f"removed {', '.join(self.removed)}"] if self.removed else []
        return "; ".join(removed + self.in_use)


def collect_garbage(site_path: Path, config: SiteConfig, progress: Progress = Quiet()) -> tuple[Report, Retained]:  # noqa: B008
    """Removes what retention does not keep. Raises StorageFailed, SiteBusy, SiteInvalid."""
    run = Run("gc", Site.at(site_path), progress, open_log(Site.at(site_path), config))
    with reporting(run), working(run) as record:
        with run.step("gc"):
            tidy(run.site, record)
            retained = retain(run.site, record, config.retention)
        reason = str(retained) or "nothing to remove"
        return record_success(run, record, run.report("nothing-to-do", record.state.current_version, reason)), retained


def retain(site: Site, record: Record, config: RetentionConfig) -> Retained:
    """Removes the versions beyond the `keep` best [A-32] that no process has open [A-35], and old records [A-155]."""
    prune_runs(record, config.records)
    retained = Retained([], [])
    for release in record.state.dispensable(config.keep):
        try:
            remove(site, record, release)
        except InUse as error:
            retained.in_use.append(str(error))
        else:
            retained.removed.append(release.version)
    return retained


def remove(site: Site, record: Record, release: Release) -> None:
    """Removes one version, its environment and its manifest.

    Raises OutOfOrder for one that is needed, and InUse, with nothing changed, for one that a process has open.
    """
    # First of all: a version that is needed must not be touched, whatever asks for it.
    remaining = record.state.without(release.version)
    tree, venv, removed = (
        site.tree(release.version),
        site.venvs / release.version,
        site.staging / f"removed-{release.version}",
    )
    if process := holder(tree) or holder(venv):
        raise InUse(f"{release.version} stays, for {process} has it open")
    if mounted := mounted_below(tree) or mounted_below(venv):
        raise InUse(f"{release.version} stays, for a file system is mounted at {mounted}")
    durable.remove_tree(removed)  # of a run that died here before
    # One rename, so a tree under versions/ is always whole. Its files go one by one where nobody looks for them.
    if presence.exists(tree):
        _move(tree, removed, release.version)
    # Only now: a tree that no record knows would be taken for a stranger's, and block its version for good.
    record.save(remaining)
    durable.remove_tree(removed)
    durable.remove_tree(venv)
    # Two versions may have the very same tree, and so one manifest.
    if all(other.tree != release.tree for other in remaining.releases):
        durable.remove_tree(site.manifest_file(release.tree))


def _move(tree: Path, removed: Path, version: str) -> None:
    try:
        durable.replace(tree, removed)
    except StorageFailed as error:
        # Windows moves no directory in which a file is open. This refusal is how one learns of it there.
        if os.name == "nt" and isinstance(error.__cause__, PermissionError):
            raise InUse(f"{version} stays, for a process has it open") from error
        raise


def tidy(site: Site, record: Record) -> None:
    """Removes what dead runs left: staging, what belongs to no release, releases without a tree [A-29]."""
    _keep_only(site.staging, set())
    state = record.state
    # A removal that was cut short after the move leaves a release on record without a tree.
    for release in state.releases:
        if release.version not in state.needed and not presence.is_directory(site.tree(release.version)):
            record.save(record.state.without(release.version))
    versions = {release.version for release in record.state.releases}
    trees = {release.tree for release in record.state.releases}
    _keep_only(site.venvs, versions)
    _keep_only(site.manifests, trees)
    if not state.pending:
        found_healthy.forget(site)


def _keep_only(directory: Path, names: set[str]) -> None:
    with durable.storage_errors(directory), contextlib.suppress(FileNotFoundError):
        for path in list(directory.iterdir()):
            if path.name not in names:
                durable.remove_tree(path)

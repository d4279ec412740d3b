"""What goes and what stays: spec/apply.md, section 7. Never the current, the last good or the pending version.

A version leaves in an order that a cut anywhere leaves sound [A-33]: its tree moves to staging in one step, the state
forgets it, then its files are removed; whatever is left of that is litter of a dead run.
"""

import contextlib
from pathlib import Path

from apply import durable
from apply.config import SiteConfig
from apply.log import open_log
from apply.record import Record
from apply.run import Report, Run, finish, reporting, working
from apply.site import Site
from apply.state import Release
from bundle.progress import Progress, Quiet


def collect_garbage(site_path: Path, config: SiteConfig, progress: Progress = Quiet()) -> tuple[Report, list[str]]:  # noqa: B008
    """Removes what retention does not keep; the versions removed. Raises StorageFailed, SiteBusy, SiteInvalid."""
    run = Run("gc", Site.at(site_path), progress, open_log(config.log))
    with reporting(run), working(run) as record:
        with run.step("gc"):
            tidy(run.site, record)
            removed = retain(run.site, record, config.retention.keep)
        current = record.state.current_version
        reason = f"removed {', '.join(removed)}" if removed else "nothing to remove"
        return finish(run, record, run.report("nothing-to-do", current, reason)), removed


def retain(site: Site, record: Record, keep: int) -> list[str]:
    """Removes the versions beyond the `keep` best; their names [A-32]."""
    doomed = record.state.dispensable(keep)
    for release in doomed:
        remove(site, record, release)
    return [release.version for release in doomed]


def remove(site: Site, record: Record, release: Release) -> None:
    """Removes one version, its environment and its manifest. Raises OutOfOrder for one that is needed."""
    remaining = record.state.without(release.version)
    grave = site.staging / f"removed-{release.version}"
    durable.remove_tree(grave)
    if site.tree(release.version).exists():
        durable.replace(site.tree(release.version), grave)
    record.save(remaining)
    durable.remove_tree(grave)
    durable.remove_tree(site.venvs / release.version)
    if all(other.tree != release.tree for other in remaining.releases):
        durable.remove_tree(site.manifest_file(release.tree))


def tidy(site: Site, record: Record) -> None:
    """Removes what dead runs left: staging, what belongs to no release, releases without a tree [A-29]."""
    _keep_only(site.staging, set())
    state = record.state
    for release in state.releases:
        if release.version not in state.needed and not site.tree(release.version).is_dir():
            record.save(record.state.without(release.version))
    versions = {release.version for release in record.state.releases}
    trees = {release.tree for release in record.state.releases}
    _keep_only(site.venvs, versions)
    _keep_only(site.manifests, trees)


def _keep_only(directory: Path, names: set[str]) -> None:
    with durable.storage_errors(directory), contextlib.suppress(FileNotFoundError):
        for path in list(directory.iterdir()):
            if path.name not in names:
                durable.remove_tree(path)

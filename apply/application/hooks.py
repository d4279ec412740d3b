"""The application's own data, which unrep never touches: the site's snapshot and restore commands [A-18].

Both get the version whose data it is. So the snapshot of 1.0.0's data, made when 1.0.1 came, is restored as 1.0.0's.
"""

from apply.application.commands import run
from apply.site.config import SiteConfig
from apply.site.layout import Site


def snapshot(site: Site, config: SiteConfig, version: str) -> None:
    """Has the data saved that the version works with. Raises StepFailed."""
    if config.hooks.snapshot:
        run(config.hooks.snapshot, site.context(version), step="snapshot", timeout_s=config.limits.command_timeout_s)


def restore(site: Site, config: SiteConfig, version: str) -> None:
    """Has the data put back that was saved of the version. Raises StepFailed."""
    if config.hooks.restore:
        run(config.hooks.restore, site.context(version), step="restore", timeout_s=config.limits.command_timeout_s)

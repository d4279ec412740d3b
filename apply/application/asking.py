"""Whether a version that serves is healthy, asked once and not in a trial [A-157].

`status`, the mate's page and the watch ask here, so none calls dead what another calls well [A-218].
"""

from apply.application.checks import check_once
from apply.site.config import SiteConfig
from apply.site.layout import Site


def complaint_of(site: Site, config: SiteConfig, version: str) -> str:
    """What the required checks say against a version that serves; "" if all of them pass."""
    context = site.context(version)
    asked = [check_once(check, context) for check in config.health if check.requirement == "required"]
    return "; ".join(f"{result.check}: {result.detail}" for result in asked if not result.passed)

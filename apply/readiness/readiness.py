"""Everything that a ship needs for a release, looked at before anything changes: spec/apply.md, section 3 [A-140].

What the ship lacks is no fault of the release: the run ends with NotReady, and no release gets a mark.
"""

import os
from collections.abc import Iterator

from apply.errors import NotReady
from apply.readiness.environment import examine_python
from apply.readiness.findings import Finding
from apply.readiness.health import examine_checks
from apply.readiness.programs import examine_commands
from apply.readiness.services import examine_services
from apply.record.state import SiteState
from apply.site.config import SiteConfig
from apply.site.layout import Site
from bundle.host import presence


def examine(site: Site, config: SiteConfig, state: SiteState) -> list[Finding]:
    """What would keep a release from getting into service here, whatever the release."""
    return [*_examine_ship(site, config, state.current_version), *examine_checks(site, config, state)]


def check_ready(site: Site, config: SiteConfig, state: SiteState) -> None:
    """Raises NotReady, naming the first line at fault."""
    _refuse(site, config, examine(site, config, state))


def check_ready_for(site: Site, config: SiteConfig, version: str) -> None:
    """The same before a person goes back to a version: what runs now may be as ill as it likes."""
    _refuse(site, config, list(_examine_ship(site, config, version)))


def check_commands(site: Site, config: SiteConfig, version: str) -> None:
    """Raises NotReady for a command that the version's complete tree should have and has not."""
    _refuse(site, config, list(examine_commands(site, config, version)))


def _examine_ship(site: Site, config: SiteConfig, version: str) -> Iterator[Finding]:
    yield from _rights(site)
    yield from examine_commands(site, config, version)
    yield from examine_services(site, config)
    yield from examine_python(site, config)


def _refuse(site: Site, config: SiteConfig, found: list[Finding]) -> None:
    if found:
        more = f" (and {len(found) - 1} more: 'unrep check --site {site.root}' shows them)" if found[1:] else ""
        raise NotReady(f"{sentence(config, found[0])}{more}")


def sentence(config: SiteConfig, finding: Finding) -> str:
    """The finding with the file, the line and the key that it is about."""
    return f"{config.place_of(finding.key)}: {finding.key}: {finding.problem}" if finding.key else finding.problem


def _rights(site: Site) -> Iterator[Finding]:
    for directory in (site.root, site.versions, site.private):
        if presence.exists(directory) and not os.access(directory, os.W_OK | os.X_OK):
            yield Finding("", f"{directory}: this account may not write there; run unrep as the one that may")

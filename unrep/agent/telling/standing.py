"""How a site stands, asked of all who know: its record, its health checks, its agent, its windows [A-157]."""

from dataclasses import dataclass
from pathlib import Path

from apply.application.asking import complaint_of
from apply.errors import AboardError, ConfigError
from apply.hold import Hold, read_hold
from apply.record.authority import Authority
from apply.record.database import read_state
from apply.record.state import SiteState
from apply.site.config import SiteConfig, load
from apply.site.layout import Site
from apply.site.trusted import saved_trust
from bundle.errors import BundleError
from bundle.trust.trust import Trust
from unrep.agent.telling.bulletin import Bulletin, read_bulletin
from unrep.terminal.options.site import configuration


@dataclass(frozen=True)
class Serving:
    """What the health checks say now. is_healthy: None where they were not asked, and `why` says why not; else `why` is
    what they say against it, "" for nothing."""

    is_healthy: bool | None
    why: str


@dataclass(frozen=True)
class Standing:
    """All of it. config: None if it cannot be read. opens_in_s: until each window that is shut opens, by its name."""

    state: SiteState
    trust: Trust | None
    hold: Hold | None
    config: SiteConfig | None
    serving: Serving
    agent: Bulletin | None
    opens_in_s: dict[str, float]

    @property
    def needs_person(self) -> bool:
        """Whether the site is degraded, or what it should serve does not serve."""
        if self.state.condition == "degraded" or self.serving.is_healthy is False:
            return True
        return self.serving.is_healthy is None and self.state.trouble("unhealthy") is not None


def look_at(site: Site, now: float, config_file: Path | None = None, *, ask: bool = True) -> Standing:
    """Everything that is known of a site but for its files; `ask`: also its health checks.

    `config_file`: instead of the site's own. Raises StorageFailed or SiteInvalid.
    """
    state, trust = read_state(site), saved_trust(site)
    state = state.restricted_to(Authority.of(trust)) if trust else state
    config = _config(config_file or site.config_file)
    serving = _serving(site, state, config_file) if ask else Serving(None, "")
    opens = _windows(config, now) if config else {}
    return Standing(state, trust, read_hold(site), config, serving, read_bulletin(site), opens)


def _config(path: Path | None) -> SiteConfig | None:
    try:
        return load(path)  # whoever may write it: nothing is done by it here
    except ConfigError:
        return None


def _serving(site: Site, state: SiteState, config_file: Path | None) -> Serving:
    if not state.current_version or state.pending:
        return Serving(None, "")
    try:
        # A check may be a command, and root starts none that others may change.
        config = configuration(site.root, config_file)
    except (AboardError, BundleError) as error:
        return Serving(None, f"its health cannot be asked: {error}")
    if not any(check.requirement == "required" for check in config.health):
        return Serving(None, "no health check is configured")
    complaint = complaint_of(site, config, state.current_version)
    return Serving(not complaint, complaint)


def _windows(config: SiteConfig, now: float) -> dict[str, float]:
    times = {"fetch": config.agent.fetch_times(), "maintenance": config.agent.maintenance_times()}
    shut = {name: windows.opens_in_s(now) for name, windows in times.items()}
    return {name: seconds for name, seconds in shut.items() if seconds}

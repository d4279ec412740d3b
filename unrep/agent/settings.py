"""What an agent works by: the site's configuration and whom it trusts, read anew for every round."""

from dataclasses import dataclass
from pathlib import Path

from apply.errors import ConfigError
from apply.record.database import read_state
from apply.site.config import AgentConfig, SiteConfig
from apply.site.guarded import check_guarded
from apply.site.layout import Site
from apply.site.trusted import configured_trust, learning, saved_trust, site_trust
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.errors import AccessRefused
from transfer.links.access import Access, read_access
from unrep.terminal.options.site import configuration


@dataclass(frozen=True)
class Settings:
    """Sources as `transfer.links.opening.open_sources` takes them."""

    config: SiteConfig
    trust: Trust
    sources: tuple[str, ...]
    access: Access

    @property
    def agent(self) -> AgentConfig:
        return self.config.agent

    def transfer(self) -> TransferConfig:
        """How bundles are fetched."""
        return TransferConfig(limit_bytes_per_s=self.agent.limit_bytes_per_s)


def read_settings(site: Site, config_file: Path | None, account: int = 0) -> Settings:
    """What the site's configuration says, or `config_file` instead of it.

    Raises ConfigError or InputError for what a person must correct first; Unguarded for root, if another than `account`
    could change what the agent goes by; Refused, StorageFailed or SiteInvalid for trust or a record that is of no use.

    Nobody can be asked, and sources offer what they like: a person says beforehand what a site is for [A-91].
    """
    config = configuration(site.root, config_file, account)
    steering = config.agent.trust, config.agent.auth_file, config.agent.ca_file, config.trust.ship_key
    check_guarded(*(site.root / named for named in steering if named), account=account)
    path = config_file or site.root / "unrep.toml"
    if not config.agent.sources:
        raise ConfigError(f"{path}: 'agent.sources' is missing: name the URLs or directories where bundles appear")
    if config.agent.trust is None and saved_trust(site) is None:
        raise ConfigError(f"{path}: 'agent.trust' is missing: name the file with the sender's public key")
    if not config.product and not read_state(site).product:
        raise ConfigError(
            f"{path}: 'product' is missing: name what this site is for, above all tables, or install its first release "
            "with 'unrep apply'"
        )
    sources = tuple(text if "://" in text else str(site.root / text) for text in config.agent.sources)
    trust = learning(site, site_trust(site, configured_trust(site, config.agent.trust)), "agent")
    return Settings(config, trust, sources, _access(site, config.agent))


def _access(site: Site, agent: AgentConfig) -> Access:
    auth_file = site.root / agent.auth_file if agent.auth_file else None
    try:
        return read_access(auth_file, site.root / agent.ca_file if agent.ca_file else None, agent.proxy)
    except AccessRefused as error:
        raise ConfigError(str(error)) from error

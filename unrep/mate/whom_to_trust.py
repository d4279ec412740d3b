"""Whom a site trusts by what is configured there, for those who cannot be asked: the mate and her page."""

from apply.site.config import SiteConfig
from apply.site.guarded import check_guarded
from apply.site.layout import Site
from apply.site.trusted import configured_trust, learning, saved_trust, site_trust
from bundle.errors import InputError
from bundle.trust.trust import Trust


def trust_of_site(site: Site, config: SiteConfig, given: Trust | None, command: str) -> Trust:
    """The trust that is saved or that agent.trust names, with what was `given`; it learns as `learning` does.

    Raises InputError where nobody is trusted; Refused, StorageFailed, SiteInvalid; Unguarded for root.
    """
    if given is None and config.agent.trust:
        check_guarded(site.root / config.agent.trust)
        given = configured_trust(site, config.agent.trust)
    if given is None and saved_trust(site) is None:
        raise InputError(
            f"{site.root / 'unrep.toml'}: 'agent.trust' is missing: name the file with shore's public key there"
        )
    return learning(site, site_trust(site, given), command)

"""What `unrep check` says, and `unrep init` in the end: what the ship lacks, and what should be known."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypedDict

from msgspec import Meta

from apply.application.environment import environment_fault
from apply.audit.journald import SOCKET
from apply.errors import AboardError, NotReady
from apply.readiness.findings import Finding
from apply.readiness.readiness import examine, sentence
from apply.record.database import read_state
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.site.ship_key import ship_key_file
from apply.site.trusted import configured_trust
from bundle.errors import BundleError
from bundle.host import presence
from bundle.recipients.ship_key import load_ship_key
from transfer.links.access import is_url, shown_source
from unrep.agent.settings import read_settings
from unrep.mate.pin import has_pin


class FindingAnswer(TypedDict):
    """Something that the ship lacks."""

    key: Annotated[str, Meta(description="Key of the configuration; empty for the site itself.")]
    sentence: Annotated[str, Meta(description="What is wrong and what to do.")]


class CheckAnswer(TypedDict):
    """What the ship lacks."""

    faults: Annotated[list[FindingAnswer], Meta(description="What keeps a release from coming into service.")]
    cautions: Annotated[list[FindingAnswer], Meta(description="What may be meant so, and should be known.")]
    product: Annotated[str, Meta(description="What the site is for; empty where its first release decides.")]
    free_bytes: Annotated[int, Meta(description="Free space on the site's file system.")]


def look_over(site: Site, config: SiteConfig, file: Path | None = None) -> CheckAnswer:
    """All of it. `file`: the configuration, if it is not the site's own. Raises StorageFailed or SiteInvalid."""
    state = read_state(site)
    faults = [*examine(site, config, state), *_unattended(site, config, file), *_ship_key(site, config)]
    return {
        "faults": _answers(config, faults),
        "cautions": _answers(config, _cautions(site, config, state.current_version)),
        "product": config.product or state.product,
        "free_bytes": shutil.disk_usage(site.root).free,
    }


def lines(found: CheckAnswer) -> list[str]:
    """The sentences for a person."""
    faults = [fault["sentence"] for fault in found["faults"]]
    return faults + [f"caution: {caution['sentence']}" for caution in found["cautions"]]


def verdict(root: Path, found: CheckAnswer) -> str:
    """The last sentence where nothing is missing. Raises NotReady where something is."""
    if found["faults"]:
        raise NotReady(f"{root}: not ready for a release, {len(found['faults'])} to mend")
    return f"{root}: ready for releases of {found['product'] or 'any product'}, {found['free_bytes']:,} bytes free"


def _unattended(site: Site, config: SiteConfig, file: Path | None) -> Iterator[Finding]:
    """What keeps the agent from working, where there is to be one."""
    if config.agent.sources:
        try:
            read_settings(site, file)
        except (AboardError, BundleError) as error:
            yield Finding("", str(error))


def _ship_key(site: Site, config: SiteConfig) -> Iterator[Finding]:
    path = ship_key_file(site, config)
    if path:
        try:
            load_ship_key(path)
        except BundleError as error:
            yield Finding("trust.ship_key" if config.trust.ship_key else "", str(error))


def _cautions(site: Site, config: SiteConfig, version: str) -> Iterator[Finding]:
    if not config.health:
        yield Finding("health", "no health check is set: a release that does not work would stay")
    if config.switch.restart is None and not any(
        (config.switch.iis_app_pool, config.switch.windows_service, config.switch.systemd_unit)
    ):
        yield Finding("switch", "no way to restart is set: the application must notice a switch by itself")
    for number, source in enumerate(config.agent.sources):
        if not is_url(source) and not presence.exists(site.root / source):
            yield Finding(f"agent.sources[{number}]", f"{shown_source(source)} is not there now")
    with suppress(BundleError):  # that it cannot be read is a fault of its own
        if config.agent.trust and configured_trust(site, config.agent.trust) is None:
            yield Finding("agent.trust", "the site follows a trust root, so this plain key says nothing any more")
    if config.page.by_agent and not has_pin(site):
        yield Finding("page.by_agent", f"no PIN is set; 'unrep init {site.root} --pin-file F' sets one")
    if config.log.target == "eventlog" and os.name != "nt":
        yield Finding("log.target", "'eventlog' is of Windows; nothing is logged here")
    if config.log.target == "journald" and not presence.exists(Path(SOCKET)):
        yield Finding("log.target", f"there is no journald here ({SOCKET}); nothing is logged")
    if version and (fault := environment_fault(site, config, version)):
        yield Finding("prepare.python_wheels", f"{fault}; the next 'unrep apply' makes it anew")


def _answers(config: SiteConfig, findings: Iterator[Finding] | list[Finding]) -> list[FindingAnswer]:
    return [{"key": finding.key, "sentence": sentence(config, finding)} for finding in findings]

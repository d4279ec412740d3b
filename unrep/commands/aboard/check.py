"""`unrep check`: what the ship lacks, before a release comes."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypedDict

import click
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
from bundle.errors import BundleError
from bundle.host import presence
from bundle.recipients.ship_key import load_ship_key
from transfer.links.access import is_url, shown_source
from unrep.agent.settings import read_settings
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import show, tell
from unrep.terminal.options.site import config_option, configuration, site_option


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


@click.command(
    "check",
    cls=Command,
    examples=[
        ("unrep check --site /opt/vms", "See whether this ship is ready for a release:"),
        ("unrep check --site /opt/vms --config new.toml", "Try a configuration before it counts:"),
    ],
)
@site_option
@config_option
@json_option(CheckAnswer)
def check_command(site: Path, config: Path | None, as_json: bool) -> None:
    """Check that site S has what its configuration names, and change nothing.

    Commands, services, pools, hosts, Python, keys, sources, rights: each is looked for, and the line at fault is named.
    'unrep apply' and the agent look at the same before each update, so that what the ship lacks is never taken for a
    fault of a release.
    """
    place, settings = Site.at(site), configuration(site, config)
    state = read_state(place)
    faults = [*examine(place, settings, state), *_unattended(place, settings, config), *_ship_key(place, settings)]
    cautions = list(_cautions(place, settings, state.current_version))
    found: CheckAnswer = {
        "faults": _answers(settings, faults),
        "cautions": _answers(settings, cautions),
        "product": settings.product or state.product,
        "free_bytes": shutil.disk_usage(place.root).free,
    }
    lines = [fault["sentence"] for fault in found["faults"]]
    lines += [f"caution: {caution['sentence']}" for caution in found["cautions"]]
    if faults:
        if not as_json:
            show(*lines)
        refused = NotReady(f"{site}: not ready for a release, {len(faults)} to mend")
        refused.document = dict(found)
        raise refused
    for_what = found["product"] or "any product"
    lines.append(f"{site}: ready for releases of {for_what}, {found['free_bytes']:,} bytes free")
    tell(as_json, found, *lines)


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
    if config.log.target == "eventlog" and os.name != "nt":
        yield Finding("log.target", "'eventlog' is of Windows; nothing is logged here")
    if config.log.target == "journald" and not presence.exists(Path(SOCKET)):
        yield Finding("log.target", f"there is no journald here ({SOCKET}); nothing is logged")
    if version and (fault := environment_fault(site, config, version)):
        yield Finding("prepare.python_wheels", f"{fault}; the next 'unrep apply' makes it anew")


def _answers(config: SiteConfig, findings: list[Finding]) -> list[FindingAnswer]:
    return [{"key": finding.key, "sentence": sentence(config, finding)} for finding in findings]

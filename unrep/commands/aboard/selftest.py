"""`unrep selftest`: can this server do it? For an operator, before the first release and after a system update."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from apply.site.config import SiteConfig
from apply.site.layout import Site
from unrep.errors import SelfTestFailed
from unrep.selftest.readers import READERS
from unrep.selftest.scratch import scratch_site
from unrep.selftest.trials import Switching, Updating, try_restart, try_switches, try_updates
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import progress_bar, tell
from unrep.terminal.options.site import config_option, configuration, site_option


class SwitchTimes(TypedDict):
    """Milliseconds of a switch."""

    p50: Annotated[float, Meta(description="Median.")]
    p99: Annotated[float, Meta(description="99th percentile.")]
    max: Annotated[float, Meta(description="Longest.")]


class SelftestAnswer(TypedDict):
    """What was tried, and how long it took."""

    current: Annotated[str, Meta(description="The kind of 'current' that the site uses.")]
    switches: Annotated[int, Meta(description="How often it was switched.")]
    switch_ms: Annotated[SwitchTimes, Meta(description="Milliseconds of a switch.")]
    readers: Annotated[int, Meta(description="Processes that read meanwhile.")]
    reads: Annotated[int, Meta(description="How often they read.")]
    misses: Annotated[int, Meta(description="How often they found no version.")]
    install_s: Annotated[float, Meta(description="Seconds of a first install.")]
    update_s: Annotated[float, Meta(description="Seconds of an update.")]
    back_ms: Annotated[float, Meta(description="Milliseconds from a failure to the old version.")]
    rollback_s: Annotated[float, Meta(description="Seconds of a rollback by hand.")]
    restart: Annotated[str, Meta(description="The configured way to restart, by its key; empty for none.")]
    restart_s: Annotated[float | None, Meta(description="Seconds of a real restart; null if not tried.")]


@click.command(
    "selftest",
    cls=Command,
    examples=[("unrep selftest --site /opt/vms", "Try updates and rollbacks in a directory beside the site:")],
)
@site_option
@config_option
@click.option("--switches", metavar="N", type=click.IntRange(2, 100_000), default=200, show_default=True)
@click.option("--restart", is_flag=True, help="Also restart the real application, as a switch would.")
@json_option(SelftestAnswer)
def selftest_command(site: Path, config: Path | None, switches: int, restart: bool, as_json: bool) -> None:
    """Try an install, an update, a failure, a rollback and many switches under readers, beside site S.

    All of it happens in a directory of its own beside S, which is removed. S itself is not touched, unless --restart
    asks for its application to be restarted.
    """
    place, settings = Site.at(site), configuration(site, config)
    with scratch_site(place, settings) as scratch, progress_bar() as bar:
        updating = try_updates(scratch)
        bar.start("switching under readers", switches, "switches")
        switching = try_switches(scratch, switches, bar.advance)
    restarted = try_restart(place, settings) if restart else None
    lines = _lines(settings, updating, switching, restarted)
    if not switching.count.misses:
        lines.append(f"{place.root}: this machine can do it; nothing was left behind")
    tell(as_json, _document(settings, updating, switching, restarted), *lines)
    if switching.count.misses:
        raise SelfTestFailed(
            f"{switching.count.misses} of {switching.count.reads} readings found no version, the first: "
            f"{switching.count.first_miss}; do not rely on switches without a gap on this machine"
        )


def _document(
    config: SiteConfig, updating: Updating, switching: Switching, restarted: tuple[float, str] | None
) -> SelftestAnswer:
    return {
        "current": config.switch.current,
        "switches": len(switching.seconds),
        "switch_ms": _switch_times(switching),
        "readers": READERS,
        "reads": switching.count.reads,
        "misses": switching.count.misses,
        "install_s": round(updating.install_s, 3),
        "update_s": round(updating.update_s, 3),
        "back_ms": round(updating.back_s * 1000, 3),
        "rollback_s": round(updating.rollback_s, 3),
        "restart": _restart_of(config),
        "restart_s": round(restarted[0], 3) if restarted else None,
    }


def _switch_times(switching: Switching) -> SwitchTimes:
    return {
        "p50": round(switching.quantile_ms(0.5), 3),
        "p99": round(switching.quantile_ms(0.99), 3),
        "max": round(switching.quantile_ms(1.0), 3),
    }


def _lines(
    config: SiteConfig, updating: Updating, switching: Switching, restarted: tuple[float, str] | None
) -> list[str]:
    quantiles = ", ".join(f"{name} {ms:.2f}" for name, ms in _switch_times(switching).items())
    count = switching.count
    lines = [
        f"first install              {updating.install_s:.2f} s",
        f"update                     {updating.update_s:.2f} s",
        f"failure to old version     {updating.back_s * 1000:.2f} ms",
        f"rollback by hand           {updating.rollback_s:.2f} s",
        f"switches ({config.switch.current + ')':<17}{len(switching.seconds)}, in ms: {quantiles}",
        f"read meanwhile             {count.reads:,} times by {READERS} readers, {count.misses} misses",
    ]
    if restarted:
        return [*lines, f"restart ({_restart_of(config) + ')':<18}{restarted[0]:.2f} s, then {restarted[1]}"]
    if _restart_of(config):
        return [*lines, f"restart                    by {_restart_of(config)}, not tried: --restart does"]
    return lines


def _restart_of(config: SiteConfig) -> str:
    """Which way to restart is configured, by its key; "" for none."""
    switch = config.switch
    given = {
        "restart": switch.restart,
        "iis_app_pool": switch.iis_app_pool,
        "windows_service": switch.windows_service,
        "systemd_unit": switch.systemd_unit,
    }
    return next((key for key, value in given.items() if value is not None), "")

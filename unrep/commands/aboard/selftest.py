"""`unrep selftest`: can this server do it? For an operator, before the first release and after a system update."""

from pathlib import Path
from typing import Any

import click

from apply.site.config import SiteConfig
from apply.site.layout import Site
from unrep.errors import SelfTestFailed
from unrep.selftest.readers import READERS
from unrep.selftest.scratch import scratch_site
from unrep.selftest.trials import Switching, Updating, try_restart, try_switches, try_updates
from unrep.terminal.aboard import config_option, configuration, json_option, site_option
from unrep.terminal.console import answer, progress_bar, say, show


@click.command("selftest")
@site_option
@config_option
@click.option("--switches", metavar="N", type=click.IntRange(2, 100_000), default=200, show_default=True)
@click.option("--restart", is_flag=True, help="Also restart the real application, as a switch would.")
@json_option
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
    if as_json:
        answer(_document(settings, updating, switching, restarted))
    else:
        show(*_lines(settings, updating, switching, restarted))
    if switching.count.misses:
        raise SelfTestFailed(
            f"{switching.count.misses} of {switching.count.reads} readings found no version, the first: "
            f"{switching.count.first_miss}; do not rely on switches without a gap on this machine"
        )
    say(f"{place.root}: this machine can do it; nothing was left behind")


def _document(
    config: SiteConfig, updating: Updating, switching: Switching, restarted: tuple[float, str] | None
) -> dict[str, Any]:
    return {
        "current": config.switch.current,
        "switches": len(switching.seconds),
        "switch_ms": {name: round(switching.quantile_ms(share), 3) for name, share in _QUANTILES},
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


_QUANTILES = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))


def _lines(
    config: SiteConfig, updating: Updating, switching: Switching, restarted: tuple[float, str] | None
) -> list[str]:
    quantiles = ", ".join(f"{name} {switching.quantile_ms(share):.2f}" for name, share in _QUANTILES)
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

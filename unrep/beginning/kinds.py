"""A new site's unrep.toml: complete for its kind of ship, with an example of what else there is, commented out."""

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bundle.errors import InputError


class Kind(StrEnum):
    """What keeps the application running, and so how it starts anew after a switch."""

    LINUX_SERVICE = "linux-service"
    WINDOWS_SERVICE = "windows-service"
    IIS = "iis"
    COMMAND = "command"

    @property
    def key(self) -> str:
        """The key of [switch] that says so."""
        return _KEYS[self]


_KEYS: Final = {
    Kind.LINUX_SERVICE: "systemd_unit",
    Kind.WINDOWS_SERVICE: "windows_service",
    Kind.IIS: "iis_app_pool",
    Kind.COMMAND: "restart",
}
_HERE: Final = {"nt": (Kind.WINDOWS_SERVICE, Kind.IIS, Kind.COMMAND), "posix": (Kind.LINUX_SERVICE, Kind.COMMAND)}


def kinds_here() -> tuple[Kind, ...]:
    """The kinds that this operating system can have."""
    return _HERE[os.name]


def check_kind(kind: Kind) -> None:
    """Raises InputError for one of another operating system."""
    if kind not in kinds_here():
        raise InputError(f"--kind {kind}: is of another operating system; here it may be {' or '.join(kinds_here())}")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a new configuration is to say. `name`: of the service or the pool. `restart`: the words of a command.

    `health`: an address, "" for none. `trust`: the file with the sender's key, as seen from the site, "" for none.
    """

    product: str
    kind: Kind
    name: str = ""
    restart: tuple[str, ...] = ()
    health: str = ""
    sources: tuple[str, ...] = ()
    channel: str = ""
    trust: str = ""


def settings_text(wishes: Wishes) -> str:
    """The whole file."""
    channel = f"channel = {_toml(wishes.channel)}" if wishes.channel else '# channel = "stable"'
    return _TEMPLATE.format(
        product=_toml(wishes.product),
        python="python" if os.name == "nt" else "python3",
        switch=_switch(wishes),
        health="\n".join(_health(wishes)),
        sources=_given("sources", wishes.sources, ["https://shore.example/vms/stable.channel", "/media/usb"]),
        trust=_given("trust", wishes.trust, "shore.pub"),
        channel=channel,
        log="eventlog" if os.name == "nt" else "journald",
    )


def _switch(wishes: Wishes) -> str:
    if wishes.kind is not Kind.COMMAND:
        return f"{wishes.kind.key} = {_toml(wishes.name)}"
    return _given("restart", wishes.restart, ["{current}/bin/restart"])


def _health(wishes: Wishes) -> list[str]:
    lines = []
    if wishes.kind in (Kind.LINUX_SERVICE, Kind.WINDOWS_SERVICE):
        lines += ["[[health]]", f"type = {_toml(wishes.kind.key)}", f"name = {_toml(wishes.name)}", ""]
    mark = "" if wishes.health else "# "
    address = wishes.health or "http://127.0.0.1:8000/health"
    lines += [f"{mark}[[health]]", f'{mark}type = "http"', f"{mark}url = {_toml(address)}"]
    return [
        *lines,
        "# expect_body_contains = '\"{version}\"'  # for the old server may still answer",
    ]


def _given(key: str, value: Any, example: Any) -> str:
    """The line of a key; as an example where nothing was given."""
    return f"{key} = {_toml(value)}" if value else f"# {key} = {_toml(example)}"


def _toml(value: Any) -> str:
    """A TOML value: its basic strings and arrays are those of JSON, but for DEL. Raises InputError."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{value!r}: is not UTF-8, so no configuration can hold it; rename it") from error
    return text.replace("\x7f", "\\u007f")


_TEMPLATE: Final = """\
# What this ship does around an update. 'unrep check' looks for all that is named here.
# A line that begins with "# " and a key is an example of what else there is. Paths are seen from this directory.

product = {product}  # nothing else comes in here

[switch]  # after a switch, and after the way back, the application starts anew by this
{switch}
# current = "pointer"  # for applications that are started by 'unrep run' and follow no link

{health}

[health_window]  # how long a new version has to become healthy before the old one comes back
# deadline_s = 60
# consecutive_passes = 3

[prepare]  # in the new version, before the switch
# python_wheels = {{ requirements = "requirements.txt", wheels = "wheels", python = "{python}" }}
# command = ["{{tree}}/bin/prepare"]

[hooks]  # keep the application's own data over a switch; a failed version never leaves its own behind
# snapshot = ["/usr/local/bin/save-data"]
# restore = ["/usr/local/bin/put-data-back"]

[retention]  # old versions that stay besides the current and the last good one
# keep = 3

[agent]  # what 'unrep agent' asks, and whom 'unrep agent' and 'unrep stick' trust
{sources}
{trust}
{channel}
# poll_interval_s = 900
# fetch_windows = ["22:00-06:00"]
# maintenance_windows = ["02:00-04:00"]
# time_zone = "UTC"
# limit_bytes_per_s = 8000
# max_bytes = 50000000  # of one update; what costs more waits for a person
# allow_full = true  # also fetch a whole release where no delta leads on

[page]  # for the mate, at http://127.0.0.1:8642/ on this machine alone
# by_agent = true
# port = 8642
# sticks = ["/media/usb"]  # without it: what the system mounts as removable

[watch]  # the health of what runs, asked by the agent between updates
# interval_s = 300

[report]  # where the agent brings receipts for shore; a stick gets them by itself
# to = ["outbox", "https://shore.example/receipts"]

[log]  # where each run also reports how it ended
# target = "{log}"
"""

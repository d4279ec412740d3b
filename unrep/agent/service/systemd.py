"""The agent as a unit of systemd: systemd.service(5), systemd.syntax(7)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from apply.site import durable
from bundle.host import presence
from bundle.host.files import PUBLIC, read_plain
from unrep.errors import UsageRefused

STANDARD_DIRECTORY: Final = Path("/etc/systemd/system")
_OURS: Final = "# Written by 'unrep agent install'; it writes it anew, and no other file.\n"
# KillMode: a server that a site's restart command has left behind is not the agent's, and outlives it.
_UNIT: Final = """\
# What it forbids holds for the site's commands, too; 'systemctl edit' relaxes it, and that stays.
[Unit]
Description=unrep agent of {site}
After=network.target local-fs.target
RequiresMountsFor={site}

[Service]
Type=exec
{user}ExecStart={command}
WorkingDirectory=/
Restart=always
RestartSec=30
KillMode=process
TimeoutStopSec=60
UMask=0022
NoNewPrivileges=yes
ProtectSystem=full
ReadWritePaths={writable}

[Install]
WantedBy=multi-user.target
"""

# One round in the version that is good: a restart of the ship's agent does not end it, and it runs as root for that.
_RENEWAL: Final = """\
[Unit]
Description=unrep renews itself at {home}
RequiresMountsFor={home} {site}

[Service]
Type=oneshot
ExecStart={command}
WorkingDirectory=/
KillMode=process
UMask=0022
NoNewPrivileges=yes
ProtectSystem=full
ReadWritePaths={writable}
"""
_TIMER: Final = """\
[Unit]
Description=unrep renews itself, every quarter of an hour

[Timer]
OnBootSec=5min
OnUnitInactiveSec=15min

[Install]
WantedBy=timers.target
"""


def renewal_texts(argv: Sequence[str], home: Path, site: Path) -> tuple[str, str]:
    """The unit that renews unrep at its own site, for the agent of the ship's site, and its timer [A-232].

    Raises UsageRefused as `unit_text`.
    """
    unit = _RENEWAL.format(
        home=_quoted(str(home)), site=_quoted(str(site)), command=_command(argv, site), writable=_quoted(f"-{home}")
    )
    return _OURS + unit, _OURS + _TIMER


def unit_text(argv: Sequence[str], site: Path, account: str = "") -> str:
    """The whole file; `account`: of the user that the agent runs as, "" for root.

    Raises UsageRefused for a word that no line of a unit can hold [A-105].
    """
    command = _command(argv, site)
    return _OURS + _UNIT.format(
        site=_quoted(str(site)),
        user=f"User={account}\n" if account else "",
        command=command,
        writable=_quoted(f"-{site}"),  # which is missing where a disk is not mounted: the agent says so better
    )


def _command(argv: Sequence[str], site: Path) -> str:
    for word in (*argv, str(site)):
        if not word.isprintable():
            shown = repr(word)[1:-1]
            raise UsageRefused(
                f"{shown}: a systemd unit can name paths in UTF-8 only, without control characters; rename it"
            )
    program, *words = map(_quoted, argv)  # in the program's own path systemd fills in no variables
    return " ".join([program, *(word.replace("$", "$$") for word in words)])


def write_unit(path: Path, text: str) -> bool:
    """Whether anything had to be written. Raises UsageRefused for a file that is not ours, StorageFailed."""
    with durable.storage_errors(path):
        before = read_plain(path).decode(errors="replace") if presence.exists(path) else None
    if before == text:
        return False
    if before is not None and not before.startswith(_OURS):
        raise UsageRefused(f"{path}: is there, and not written by unrep; move it away or name another file with --to")
    durable.write_file(path, text.encode(), PUBLIC)
    return True


def _quoted(word: str) -> str:
    """A printable word in the quotes of systemd; it reads specifiers in them, too.

    In quotes also where a line is taken as it stands, for a backslash at its end would swallow the next one.
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'

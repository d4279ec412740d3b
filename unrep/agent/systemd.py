"""The agent as a unit of systemd: systemd.service(5), systemd.syntax(7)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from apply import durable
from bundle.host.files import PUBLIC
from unrep.errors import UsageRefused

STANDARD_DIRECTORY: Final = Path("/etc/systemd/system")
_OURS: Final = "# Written by 'unrep agent install'; it writes it anew, and no other file.\n"
# KillMode: a server that a site's restart command has left behind is not the agent's, and outlives it.
_UNIT: Final = """\
[Unit]
Description=unrep agent of {site}
After=network.target local-fs.target
RequiresMountsFor={quoted_site}

[Service]
Type=exec
ExecStart={command}
WorkingDirectory=/
Restart=always
RestartSec=30
KillMode=process
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
"""


def unit_text(argv: Sequence[str], site: Path) -> str:
    """The whole file. Raises UsageRefused for a path that is no UTF-8, of which systemd takes no line."""
    if any("\ud800" <= character <= "\udfff" for word in (*argv, str(site)) for character in word):
        raise UsageRefused(f"{site}: a systemd unit can name paths in UTF-8 only; rename the directory")
    command = " ".join(_quoted(word).replace("$", "$$") for word in argv)
    return _OURS + _UNIT.format(site=str(site).replace("%", "%%"), quoted_site=_quoted(str(site)), command=command)


def write_unit(path: Path, text: str) -> bool:
    """Whether anything had to be written. Raises UsageRefused for a file that is not ours, StorageFailed."""
    with durable.storage_errors(path):
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    if before == text:
        return False
    if before is not None and not before.startswith(_OURS):
        raise UsageRefused(f"{path}: is there, and not written by unrep; move it away or name another file with --to")
    durable.write_file(path, text.encode(), PUBLIC)
    return True


def _quoted(word: str) -> str:
    """A word in the quotes of systemd; it reads specifiers in them, too."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return f'"{escaped}"'

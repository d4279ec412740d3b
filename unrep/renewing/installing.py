"""What `agent install` adds where unrep is a release at a site of its own: launchers, and how a new one is judged."""

import json
import os
import tomllib
from pathlib import Path
from typing import Final

from apply.site import durable
from apply.site.layout import Site
from bundle.host import presence
from bundle.host.files import make_directory, read_given
from unrep.errors import UsageRefused

LAUNCH: Final = "launch"
PROVEN_S: Final = 600  # of life, after which a version is one to go back to
_ALIVE_S: Final = 10
_LAUNCHERS: Final = Path(__file__).parent / "launchers"
_MAX_NAME_BYTES: Final = 4096
_EXECUTABLE: Final = 0o755
_HEAD: Final = "\n# Written by 'unrep agent install': what a new unrep must pass before it counts [A-233].\n"


def launcher(home: Site, name: str) -> Path:
    """The file that starts what is current at the site of unrep."""
    return home.root / LAUNCH / name


def write_launchers(home: Site) -> None:
    """Each in one step: an old one or a new one is there, whenever this ends. Raises StorageFailed."""
    with durable.storage_errors(home.root):
        make_directory(home.root / LAUNCH, _EXECUTABLE)
    for path in sorted(_LAUNCHERS.iterdir()):
        if path.suffix == ".sh":
            durable.write_file(launcher(home, path.stem), read_given(path), _EXECUTABLE)


def complete_configuration(home: Site, site: Site) -> bool:
    """Adds to the configuration of unrep's own site how a new version is judged, and whether anything was missing.

    Raises UsageRefused for one that cannot be read, StorageFailed.
    """
    path = home.root / "unrep.toml"
    try:
        text = read_given(path).decode("utf-8-sig") if presence.exists(path) else ""
        document = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise UsageRefused(f"{path}: cannot be read: {error}") from error
    added = ""
    if not any("--alive" in check.get("argv", ()) for check in document.get("health", ())):
        added = f'[[health]]\ntype = "command"\nargv = {_alive(site)}\ntimeout_s = 30\n'
    if added:
        durable.write_file(path, (text + _HEAD + added).encode())
    return bool(added)


def is_good(home: Site, version: str) -> bool:
    """Whether that version of unrep has proven itself [A-232]."""
    try:
        return read_given(launcher(home, "good"), _MAX_NAME_BYTES).decode().strip() == version
    except (OSError, ValueError):
        return False


def _alive(site: Site) -> str:
    """The command as TOML, whose strings are those of JSON."""
    starter = r"{current}\unrep.exe" if os.name == "nt" else "{current}/bin/unrep"
    argv = [starter, "agent", "--site", str(site.root), "--alive", str(_ALIVE_S)]
    return json.dumps(argv, ensure_ascii=False)

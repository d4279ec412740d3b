"""What `agent install` adds where unrep is a release at a site of its own: launchers, and how a new one is judged."""

import json
import os
import tomllib
from pathlib import Path
from typing import Final

from apply.site import durable
from apply.site.config import load
from apply.site.guarded import check_guarded, check_site
from apply.site.health_checks import CommandCheck
from apply.site.layout import CURRENT, Site
from bundle.host import presence
from bundle.host.files import make_directory, read_given, read_plain
from unrep.errors import UsageRefused
from unrep.renewing.home import program_directory
from unrep.renewing.windows_installing import windows_launcher, write_windows_launcher

LAUNCH: Final = "launch"
PROVEN_S: Final = 600  # of life, after which a version is one to go back to
_ALIVE_S: Final = 10
_LAUNCHERS: Final = Path(__file__).parent / "launchers"
_MAX_NAME_BYTES: Final = 4096
_EXECUTABLE: Final = 0o755
_HEAD: Final = "\n# Written by 'unrep agent install': what a new unrep must pass before it counts [A-233].\n"


def launcher(home: Site, name: str) -> Path:
    """A file among those that start what is current at the site of unrep."""
    return home.root / LAUNCH / name


def launching(home: Site, verb: str, *words: str) -> list[str] | None:
    """The command of the launcher: "agent", "renew" or "unrep"; None where Windows has none. Raises OSError."""
    if os.name == "nt":
        begun = windows_launcher(home.root / LAUNCH)
        return [*begun, verb, *words] if begun else None
    return [str(launcher(home, verb)), *words]


def check_home(home: Site) -> None:
    """Raises Unguarded for root, if another account could change what the updater runs as root [A-103]."""
    check_site(home)
    check_guarded(home.root / CURRENT, home.config_file, launcher(home, "good"))
    check_guarded(*(launcher(home, path.stem) for path in _launchers()))


def write_launchers(home: Site) -> bool:
    """Each in one step: an old one or a new one is there, whenever this ends. Whether any was another before.

    Raises StorageFailed.
    """
    if os.name == "nt":
        return write_windows_launcher(home, home.root / LAUNCH, program_directory().parent / "python")
    changed = False
    with durable.storage_errors(home.root):
        make_directory(home.root / LAUNCH, _EXECUTABLE)
        for path in _launchers():
            place, text = launcher(home, path.stem), read_given(path)
            changed |= not presence.exists(place) or read_plain(place) != text
            durable.write_file(place, text, _EXECUTABLE)
    return changed


def complete_configuration(home: Site, site: Site) -> bool:
    """Adds to the configuration of unrep's own site how a new version is judged, and whether that was missing.

    Raises ConfigError for one that is not valid, UsageRefused for one to which nothing can be added, StorageFailed.
    """
    path = home.root / "unrep.toml"
    config = load(home.config_file)
    wanted = {"--alive", str(site.root)}
    if any(isinstance(check, CommandCheck) and wanted <= set(check.argv) for check in config.health):
        return False
    with durable.storage_errors(path):
        text = read_given(path).decode("utf-8-sig") if presence.exists(path) else ""
    argv = _alive(site)
    text += f'{_HEAD}[[health]]\ntype = "command"\nargv = {argv}\ntimeout_s = 30\n'
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise UsageRefused(
            f"{path}: 'health' is written as one array, to which nothing can be added: write each check as a table "
            f'[[health]], or add one of type "command" with argv = {argv}'
        ) from error
    durable.write_file(path, text.encode())
    return True


def _launchers() -> list[Path]:
    return sorted(path for path in _LAUNCHERS.iterdir() if path.suffix == ".sh")


def is_good(home: Site, version: str) -> bool:
    """Whether that version of unrep has proven itself [A-232]."""
    try:
        return read_given(launcher(home, "good"), _MAX_NAME_BYTES).decode().strip() == version
    except (OSError, ValueError):
        return False


def _alive(site: Site) -> str:
    """The command as TOML, whose strings are those of JSON."""
    starter = r"{tree}\unrep.exe" if os.name == "nt" else "{tree}/bin/unrep"
    argv = [starter, "agent", "--site", str(site.root), "--alive", str(_ALIVE_S)]
    return json.dumps(argv, ensure_ascii=False)

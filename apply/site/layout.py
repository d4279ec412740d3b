"""Where everything lies at a site: spec/apply.md, section 1. Paths only: what may change them is decided elsewhere.

SITE/versions/1.0.1/      complete, verified trees; never written to once they have their name [A-1]
SITE/current              -> versions/1.0.1
SITE/.venvs/1.0.1/        the version's virtual environment, if it is configured; the application may read it
SITE/unrep.toml           the configuration, if there is one

SITE/.unrep/              the account's own, closed to others [A-111]
SITE/.unrep/state.db      what the site knows, and the record of its runs (apply.record.database)
SITE/.unrep/manifests/    the tree manifest of each version, by tree hash
SITE/.unrep/trust/chain   the trust roots that the site has followed, if it follows any (apply.site.trusted)
SITE/.unrep/staging/      trees that are being built; anything in it may be removed while no run is at work
SITE/.unrep/site.key      the site's own key, and site.pub, its public half (apply.audit.site_key)
SITE/.unrep/ship.key      opens what is encrypted to this ship, and ship.pub, its public half (apply.site.ship_key)
SITE/.unrep/outbox/       receipts for shore (apply.audit.outbox)
SITE/.unrep/lock          held by the one run that is at work (apply.site.lock)
SITE/.unrep/agent.lock    held by the one agent
SITE/.unrep/inbox/        what the agent fetches, complete or in part
SITE/.unrep/shut.json     for how long the agent's windows have been shut (apply.site.maintenance_windows)
SITE/.unrep/link.json     the rate of the last fetch (unrep.receiving.link_rate)
SITE/.unrep/hold          if it is there, the running version stays (apply.hold)
SITE/.unrep/healthy       a verdict that the record could not take (apply.record.found_healthy)
SITE/.unrep/pin           the PIN of the mate's page, as a hash, and how often it was guessed (unrep.mate.pin)
"""

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.errors import SiteInvalid
from apply.site import durable
from bundle.errors import InputError
from bundle.host import files, presence
from bundle.host.directories import Directory
from bundle.host.files import ForeignFile
from bundle.names.paths import RESERVED_TOP

CURRENT: Final = "current"
VERSIONS: Final = "versions"
TEMPORARY: Final = ".current.new"
_PRIVATE: Final = 0o700
_OPEN: Final = 0o755
_GROUP_READS: Final = stat.S_ISGID | 0o050
_GROUP_READABLE: Final = frozenset({"state.db", "site.pub", "outbox", "trust", "agent.json"})  # and no key


@dataclass(frozen=True)
class StepContext:
    """What a command is about: the site, a version of it, the directory of its tree, its virtual environment if any."""

    site: Path
    version: str
    tree: Path
    venv: Path | None = None

    def environment(self) -> dict[str, str]:
        """The variables that every command gets besides our own."""
        given = {"UNREP_SITE": str(self.site), "UNREP_VERSION": self.version, "UNREP_TREE": str(self.tree)}
        return given | ({"UNREP_VENV": str(self.venv)} if self.venv else {})

    def expand(self, text: str) -> str:
        """The text with {site}, {version}, {tree} and {current} filled in, once. Other braces stay."""
        # In one pass: a path that itself holds such a name is not filled in again.
        values = {
            "{site}": str(self.site),
            "{version}": self.version,
            "{tree}": str(self.tree),
            "{current}": str(self.site / "current"),
        }
        return re.sub(r"\{(?:site|version|tree|current)\}", lambda found: values[found[0]], text)


@dataclass(frozen=True)
class Site:
    """A site's paths, all absolute. What else lies below `root` is the application's and never touched [A-3]."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Site":
        """Raises InputError unless there is such a directory, empty or not."""
        if not presence.is_directory(path):
            raise InputError(
                f"{path}: no such directory; make it first, an empty one is a site where nothing is installed"
            )
        return cls(path.absolute())

    @property
    def versions(self) -> Path:
        return self.root / VERSIONS

    @property
    def private(self) -> Path:
        return self.root / RESERVED_TOP

    @property
    def state_file(self) -> Path:
        return self.private / "state.db"

    @property
    def lock_file(self) -> Path:
        return self.private / "lock"

    @property
    def agent_lock_file(self) -> Path:
        return self.private / "agent.lock"

    @property
    def inbox(self) -> Path:
        return self.private / "inbox"

    @property
    def channels(self) -> Path:
        return self.private / "channels"

    @property
    def shut_file(self) -> Path:
        return self.private / "shut.json"

    @property
    def deliveries_file(self) -> Path:
        return self.private / "deliveries.json"

    @property
    def bulletin_file(self) -> Path:
        return self.private / "agent.json"

    @property
    def link_file(self) -> Path:
        return self.private / "link.json"

    @property
    def hold_file(self) -> Path:
        return self.private / "hold"

    @property
    def healthy_file(self) -> Path:
        return self.private / "healthy"

    @property
    def pin_file(self) -> Path:
        return self.private / "pin"

    @property
    def acknowledged_file(self) -> Path:
        return self.private / "acknowledged.json"

    @property
    def pin_lock_file(self) -> Path:
        return self.private / "pin.lock"

    @property
    def staging(self) -> Path:
        return self.private / "staging"

    @property
    def manifests(self) -> Path:
        return self.private / "manifests"

    @property
    def venvs(self) -> Path:
        return self.root / ".venvs"

    @property
    def outbox(self) -> Path:
        return self.private / "outbox"

    @property
    def key_file(self) -> Path:
        return self.private / "site.key"

    @property
    def public_key_file(self) -> Path:
        return self.private / "site.pub"

    @property
    def ship_key_file(self) -> Path:
        return self.private / "ship.key"

    @property
    def trust_file(self) -> Path:
        return self.trust / "chain"

    @property
    def trust(self) -> Path:
        return self.private / "trust"

    @property
    def config_file(self) -> Path | None:
        """SITE/unrep.toml, if it is there."""
        path = self.root / "unrep.toml"
        return path if presence.exists(path) else None

    def tree(self, version: str) -> Path:
        """The directory of a version."""
        return self.versions / version

    def manifest_file(self, tree: str) -> Path:
        """The manifest with that tree hash, in hex."""
        return self.manifests / tree

    def context(self, version: str) -> StepContext:
        """The context of a command about that version."""
        venv = self.venvs / version
        return StepContext(self.root, version, self.tree(version), venv if presence.is_directory(venv) else None)

    def make_directories(self) -> None:
        """Makes what is missing of the layout, durably. Raises StorageFailed; SiteInvalid if a file is in the way, or a
        link, behind which unrep would clear away what is not its own [A-14]."""
        for directory, mode in self._directories():
            with durable.storage_errors(directory):
                try:
                    is_new = files.make_directory(directory, mode)
                    with Directory.open(directory) as opened:
                        opened.set_mode(mode) if is_new else _close_to_others(opened, mode)
                except ForeignFile as error:
                    raise SiteInvalid(
                        f"{directory}: a file is in the way of unrep's directory, or a link; move it away"
                    ) from error
            if is_new:
                durable.sync_directory(directory.parent)
        with durable.storage_errors(self.private), Directory.open(self.private) as private:
            _let_group_in(private)

    def _directories(self) -> list[tuple[Path, int]]:
        """What must be there, or be no link where it is there, with its mode."""
        # The agent and the trust file make theirs when they need them. A link in their place is refused all the same.
        made = [self.private, self.staging, self.manifests, self.outbox]
        later = [path for path in (self.inbox, self.trust) if os.path.lexists(path)]
        return [*((path, _PRIVATE) for path in made + later), (self.versions, _OPEN), (self.venvs, _OPEN)]


def _close_to_others(directory: Directory, mode: int) -> None:
    """Takes away what others may do there, and what a group may write [A-111].

    A group stays that somebody has let in, by `chgrp GROUP .unrep` and `chmod 2750 .unrep`.
    """
    if os.name != "posix":
        return  # Windows has access lists, which `unrep agent install` sets
    found = stat.S_IMODE(directory.own_status().st_mode)
    allowed = mode | (_GROUP_READS if found & stat.S_ISGID else 0)
    if found & ~allowed:
        directory.set_mode(found & allowed)


def _let_group_in(private: Directory) -> None:
    """Gives the group that was let into `.unrep` what `status`, `history` and `metrics` read there [A-111].

    What is made there later is the group's by itself. This is for what was made before. An account that may not give
    that to the group leaves it as it is.
    """
    status = private.own_status()
    if os.name != "posix" or not status.st_mode & stat.S_ISGID:
        return
    with contextlib.suppress(PermissionError):
        for name, is_directory in private.entries():
            if name in _GROUP_READABLE and is_directory:
                with private.enter(name) as inner:
                    _give_to_group(inner, status.st_gid)
            elif name in _GROUP_READABLE:
                _give_file(private, name, status.st_gid)


def _give_to_group(directory: Directory, group: int) -> None:
    if directory.own_status().st_mode & stat.S_ISGID and directory.own_status().st_gid == group:
        return
    for name, is_directory in directory.entries():
        if not is_directory:
            _give_file(directory, name, group)
    directory.set_group(group)
    directory.set_mode(_PRIVATE | _GROUP_READS)


def _give_file(directory: Directory, name: str, group: int) -> None:
    with directory.read(name) as file:
        if os.fstat(file.fileno()).st_gid != group:
            os.fchown(file.fileno(), -1, group)
        files.set_mode(file.fileno(), durable.KEPT_MODE)

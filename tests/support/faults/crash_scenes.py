"""What is interrupted, and what must hold afterwards: spec/apply.md, and nothing that only this code would know.

A scene is a site at rest, or one whose last run died, and one command. `Stage` makes the scenes in a directory, and
they may be handed to other processes. The application is two lines of shell: its restart writes down what it runs, and
fails for the release "sick"; its health check compares.
"""

import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apply.audit.history import read_history
from apply.errors import AboardError
from apply.rebuild.installed import open_installed
from apply.record.database import read_state
from apply.record.state import MAX_ATTEMPTS, SiteState
from apply.site.layout import Site
from apply.site.trusted import saved_trust
from bundle.errors import BundleError
from bundle.read.tree import scan
from bundle.trust.drafting import newest_root
from tests.support.contents.trust import History, begun, releases, signed_anew
from tests.support.faults.traced_command import unrep
from tests.support.repository import REPOSITORY
from tests.support.sites.site import Shore

RESTART = (
    'read running < "$UNREP_SITE/current/VERSION"; echo "$running" > "$UNREP_SITE/../app/running"; '
    'read health < "$UNREP_TREE/health.txt"; [ "$health" = ok ]'
)
HEALTH = 'read running < "$UNREP_SITE/../app/running"; read is < "$UNREP_TREE/VERSION"; [ "$running" = "$is" ]'
SNAPSHOT = 'cp "$UNREP_SITE/../app/running" "$UNREP_SITE/../app/saved-$UNREP_VERSION"'
RESTORE = 'test -e "$UNREP_SITE/../app/saved-$UNREP_VERSION"'
# A restart whose death takes unrep along: after the attempt is recorded, or on the way back.
DYING = "kill -9 $PPID"
DYING_ON_THE_WAY_BACK = f'[ "$UNREP_VERSION" = 1.0.0 ] && {DYING}; {RESTART}'
RELEASES = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "sick")
MORE_FILES = 80
MEMORY = Path("/dev/shm")  # kills do not care about the medium, and this one is quick


Command = tuple[str, ...]
RECOVER: Command = ("recover",)


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Scene:
    """`start` is the site with its application, to be copied. `ends`: what `current` may name when all is done.

    afterwards: the command that must succeed then. finally_: what is current after it.
    trees: by version. newer: applies 1.0.3, which is admitted whatever happened before. code: how the command ends when
    nothing disturbs it.
    """

    name: str
    start: Path
    arguments: Command
    ends: tuple[str, ...]
    afterwards: Command
    finally_: str
    trees: dict[str, str]
    newer: Command
    code: int = 0

    def at(self, root: Path, arguments: Command | None = None) -> list[str]:
        """The command, for the site below `root`."""
        return [*(arguments or self.arguments), "--site", str(root / "site"), "--json"]

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A copy of the start."""
        with TemporaryDirectory(prefix="unrep-crash-", dir=MEMORY if MEMORY.is_dir() else None) as directory:
            root = Path(directory) / "ship"
            shutil.copytree(self.start, root, symlinks=True)
            yield root

    # What must hold

    def check_serving(self, root: Path) -> str:
        """At any moment: `current` is a whole, known release, if there ever was one. Its version, "" for none."""
        link, site = root / "site/current", root / "site"
        if not os.path.lexists(link):
            _hold(not os.path.lexists(self.start / "site/current"), "current is gone")
            return ""
        version = Path(link.readlink()).name
        _hold(version in self.trees and str(link.readlink()) == f"versions/{version}", f"current -> {link.readlink()}")
        _hold(
            _tree_hash(site / "versions" / version) == self.trees[version], f"{version}, the current one, is not whole"
        )
        return version

    def check_at_rest(self, root: Path, ends: tuple[str, ...]) -> None:
        """After one recovery: nothing pending, every version whole, its manifest right, `status` tells the truth."""
        current = self.check_serving(root)
        site = Site(root / "site")
        state = self._state(site)
        shown = unrep("status", "--site", site.root, "--json")
        _hold(shown.code == 0, f"status: {shown}")
        status = json.loads(shown.out)
        _hold(status["state"] == ("ok" if current else "empty"), f"status says {status['state']}, {status['trouble']}")
        _hold((status["current"] or {"version": ""})["version"] == current, f"status says {status['current']}")
        _hold(current in ends, f"current is {current or 'nothing'}")
        known = {release.version: release for release in state.releases}
        for directory in site.versions.iterdir():
            release = known.get(directory.name)
            _hold(release is not None, f"{directory.name} stands in versions/, and no record knows it")
            _hold(_tree_hash(directory) == self.trees[directory.name], f"{directory.name} is not whole")
            open_installed(site, known[directory.name])
        for version in state.needed:
            _hold(site.tree(version).is_dir(), f"{version} is needed and gone")
        self._check_marks(site, state)
        self._check_trust(site, current)
        if current:
            running = (root / "app/running").read_text().strip()
            _hold(running == current, f"{running} runs, and {current} is current")

    def check_clean(self, root: Path) -> None:
        """After `unrep gc`: nothing is left that nothing needs."""
        site = Site(root / "site")
        state = self._state(site)
        _hold(not list(site.staging.iterdir()), f"staging holds {list(site.staging.iterdir())}")
        expected = {".unrep", ".venvs", "versions", "current", "unrep.toml"}
        _hold({path.name for path in site.root.iterdir()} <= expected, f"left over: {list(site.root.iterdir())}")
        private = {
            "agent.json",
            "agent.lock",
            "inbox",
            "lock",
            "manifests",
            "outbox",
            "site.key",
            "site.pub",
            "staging",
            "trust",
        }
        private |= {"state.db", "state.db-shm", "state.db-wal"}
        _hold({path.name for path in site.private.iterdir()} <= private, f"left over: {list(site.private.iterdir())}")
        trees = {release.tree for release in state.releases}
        _hold({path.name for path in site.manifests.iterdir()} == trees, "manifests are not those of the releases")
        versions = {release.version for release in state.releases}
        _hold({path.name for path in site.versions.iterdir()} == versions, f"versions/ is not {versions}")

    def check_record(self, root: Path) -> None:
        """No record of a run is missing from the chain, and every receipt is whole, signed, and of its record."""
        history = read_history(Site(root / "site"), 10)
        _hold(not history.broken, history.broken)
        _hold(all(link.run() for link in history.links), "a record of a run is damaged")
        database = sqlite3.connect(root / "site/.unrep/state.db")
        unposted = database.execute(
            "SELECT COUNT(*) FROM receipts "
            "WHERE number > COALESCE((SELECT number FROM deliveries WHERE way = 'outbox'), 0)"
        ).fetchone()[0]
        database.close()
        _hold(unposted == 0, f"{unposted} receipts never came into the outbox")

    @property
    def gives_up_nothing(self) -> bool:
        """Whether nothing was pending at the start, so that a refused run has moved nothing."""
        return read_state(Site(self.start / "site")).pending is None

    def check_recovery(self, root: Path) -> bool:
        """One recovery brings the site to rest; whether it took a release back that was cut short too often [A-24]."""
        shown = unrep("status", "--site", root / "site")
        _hold(shown.code in (0, 7), f"status before the recovery: {shown}")
        before = self._state(Site(root / "site"))
        spent = bool(before.pending and before.current and before.pending.attempts >= MAX_ATTEMPTS)
        first = unrep(*self.at(root, RECOVER))
        _hold(first.code in ((6,) if spent else (0, 6)), f"recover: {first}")
        self.check_at_rest(root, (before.current_version,) if spent else self.ends)
        return spent

    def check_recovered(self, root: Path) -> None:
        """The whole proof: one recovery, at rest, a second one has nothing to do, the next command succeeds, clean."""
        self.check_serving(root)
        spent = self.check_recovery(root)
        again = unrep(*self.at(root, RECOVER))
        _hold(again.code == 0 and "nothing-to-do" in again.out, f"the second recovery: {again}")
        self.check_next(root, newer=spent)

    def check_next(self, root: Path, newer: bool = False) -> None:
        """The next command succeeds, or a newer release is applied, and after `gc` all is clean."""
        command, expected = (self.newer, "1.0.3") if newer else (self.afterwards, self.finally_)
        after = unrep(*self.at(root, command))
        _hold(after.code == 0, f"{' '.join(command)}: {after}")
        _hold(self.check_serving(root) == expected, f"afterwards current is not {expected}")
        swept = unrep(*self.at(root, ("gc",)))
        _hold(swept.code == 0, f"gc: {swept}")
        self.check_clean(root)
        self.check_record(root)

    def _state(self, site: Site) -> SiteState:
        try:
            return read_state(site)
        except (AboardError, BundleError) as error:
            raise Broken(f"the record cannot be read: {error}") from error

    def _check_trust(self, site: Site, current: str) -> None:
        """Whom the site trusts is whole, and never less than before; a release is not current before it is kept."""
        before, kept = saved_trust(Site(self.start / "site")), saved_trust(site)
        if before:
            _hold(kept is not None and kept.root.version >= before.root.version, "the trust root is lost")
            _hold(kept is not None and (current == "1.0.0" or kept.root.version == 2), "the trust root was not kept")

    def _check_marks(self, site: Site, state: SiteState) -> None:
        before = read_state(Site(self.start / "site"))
        if before.high_water:
            _hold(
                state.high_water is not None and state.high_water.mark >= before.high_water.mark,
                f"the high-water mark fell to {state.high_water}",
            )
        if state.high_water:
            marks = {release.mark for release in (*state.releases, *before.releases)}
            _hold(
                state.high_water.mark <= max(marks), f"{state.high_water} is ahead of every release that was verified"
            )


class Stage:
    """The scenes, made in a directory by the real builder and the real command."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shore = Shore(directory, MORE_FILES)
        self._trees = {name: self._shore.tree(name) for name in RELEASES}

    def scenes(self) -> list[Scene]:
        """All of them."""
        first, second = self._applying("1.0.0", 1), self._applying("1.0.1", 2, "1.0.0")
        sick, third = self._applying("sick", 2, "1.0.0"), self._applying("1.0.2", 3, "1.0.1", "1.0.0")
        empty, one = self._sailed(), self._sailed(first)
        two, three = self._sailed(first, second), self._sailed(first, second, third)
        dead = self._sailed(first, second, dying=DYING)
        back = self._sailed(first, sick, dying=DYING_ON_THE_WAY_BACK)
        dead_first = self._sailed(first, dying=DYING)
        full = self._sailed(first, second, then_keep=0)
        crowded = self._sailed(first, second, third, then_keep=0)
        unswitched = self._sailed(first, second, dying=DYING, dying_hook="snapshot")
        history = begun(after=self._shore.key, releases=releases(self._shore.key))
        rooted = self._sailed(self._applying("1.0.0", 1, history=history))
        rotating = self._applying("1.0.1", 2, "1.0.0", history=history.rotated())
        to_first = ("rollback", "--to", "1.0.0")
        newer = self._applying("1.0.3", 4, *RELEASES[:3], full=True)
        agent, served = ("agent", "--once"), self._served(one, Path(second[1]))

        def scene(
            name: str, start: Path, command: Command, ends: str, then: Command, last: str, code: int = 0
        ) -> Scene:
            return Scene(name, start, command, tuple(ends.split(",")), then, last, self._trees, newer, code)

        return [
            scene("install", empty, first, ",1.0.0", first, "1.0.0"),
            scene("update", one, second, "1.0.0,1.0.1", second, "1.0.1"),
            scene("update that rotates trust", rooted, rotating, "1.0.0,1.0.1", rotating, "1.0.1"),
            scene("update with removal", full, third, "1.0.1,1.0.2", third, "1.0.2"),
            scene("failing update", one, sick, "1.0.0", third, "1.0.2", 6),
            scene("update made ready before", unswitched, second, "1.0.0,1.0.1", second, "1.0.1"),
            scene("update after a dead one", dead, third, "1.0.1,1.0.2", third, "1.0.2"),
            scene("update after a sick one", back, third, "1.0.0,1.0.2", third, "1.0.2"),
            scene("rollback", two, ("rollback",), "1.0.0,1.0.1", to_first, "1.0.0"),
            scene("rollback with data", three, (*to_first, "--restore"), "1.0.0,1.0.2", to_first, "1.0.0"),
            scene("rollback of a dead update", dead, ("rollback",), "1.0.0,1.0.1", third, "1.0.2"),
            scene("recovery", dead, RECOVER, "1.0.1", second, "1.0.1"),
            scene("recovery going back", back, RECOVER, "1.0.0", third, "1.0.2", 6),
            scene("recovery of the first", dead_first, RECOVER, "1.0.0", second, "1.0.1"),
            scene("gc", crowded, ("gc",), "1.0.2", third, "1.0.2"),
            scene("cycle of the agent", served, agent, "1.0.0,1.0.1", agent, "1.0.1"),
        ]

    def _served(self, start: Path, bundle: Path) -> Path:
        """That site, with an agent that finds the bundle on a stick."""
        root = self._directory / "start-served"
        shutil.copytree(start, root, symlinks=True)
        sources, trust = json.dumps([str(bundle)]), json.dumps(str(self._shore.trust_file))
        _configure(root, agent=f"[agent]\nsources = {sources}\ntrust = {trust}\n")
        return root

    def _applying(
        self, name: str, seq: int, *bases: str, full: bool = False, history: History | None = None
    ) -> Command:
        bundle = self._shore.bundle(name, seq, *bases, full=full)
        if history:
            signed = bundle.with_name(f"{bundle.name}.{newest_root(history.file).version}.trust")
            bundle = signed_anew(bundle, signed, self._shore.key, history)
        return ("apply", str(bundle), "--trust", str(self._shore.trust_file))

    @functools.cache  # noqa: B019 - lives as long as the stage
    def _sailed(self, *runs: Command, dying: str = "", dying_hook: str = "restart", then_keep: int = 3) -> Path:
        """A site where those commands were run; `dying`: with that as such a hook in the last of them."""
        root = self._directory / f"start-{len(list(self._directory.glob('start-*')))}"
        if not runs:
            (root / "site").mkdir(parents=True)
            (root / "app").mkdir()
        elif then_keep != 3:
            shutil.copytree(self._sailed(*runs), root, symlinks=True)
        else:
            shutil.copytree(self._sailed(*runs[:-1]), root, symlinks=True)
            hooks: dict[str, Any] = {dying_hook: dying} if dying else {}
            _configure(root, **hooks)
            command = [sys.executable, "-m", "unrep", *runs[-1], "--site", str(root / "site")]
            ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
            _hold(ended.returncode == (-signal.SIGKILL if dying else 0), str(ended))
        _configure(root, keep=then_keep)
        return root


def _configure(root: Path, restart: str = RESTART, snapshot: str = SNAPSHOT, keep: int = 3, agent: str = "") -> None:
    (root / "site/unrep.toml").write_text(
        f"[switch]\nrestart = {_shell(restart)}\n[hooks]\nsnapshot = {_shell(snapshot)}\nrestore = {_shell(RESTORE)}\n"
        f'[[health]]\ntype = "command"\nargv = {_shell(HEALTH)}\n'
        "[health_window]\nstart_after_s = 0\nconsecutive_passes = 1\ninterval_s = 0.02\n"
        f"[retention]\nkeep = {keep}\n{agent}"
    )


def _shell(script: str) -> str:
    return json.dumps(["/bin/sh", "-c", script])


def _tree_hash(directory: Path) -> str:
    return scan(directory).tree_hash.hex()


def _hold(true: bool, otherwise: str) -> None:
    if not true:
        raise Broken(otherwise)

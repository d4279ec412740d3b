"""A fleet under way: ships with real agents, each a process, and an office ashore that hears of them by receipts alone.

    with under_way(root, ships=6, seed=7) as voyage:
        voyage.install()
        voyage.sail(6, bad={3}, events={4: [voyage.back_up], 5: [voyage.restore]})
        voyage.come_home()

`make fleet` sails with thirty ships and prints the table of their end. Ships reach shore in three ways: by link
(HTTP, and receipts by POST), by stick, and by mail alone, one way each. Agents are killed at random. Some ships are
silent for weeks: the office's clock is handed in. One ship with a link comes late from another yard, with a release
that shore never had: nothing leads on from there.
"""

import mailbox
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from bundle.host.progress import Quiet
from bundle.read.reader import open_for_display
from bundle.receipts.site_keys import load_site_public_key
from fleet.intake.sources import Sources
from fleet.intake.taking import take, take_unknown_again
from fleet.record.database import Database
from fleet.record.ships import NewShip, add_ships
from fleet.reports.holdings import bases, held
from fleet.reports.shore import Shore
from fleet.reports.standing import Standing, standings
from fleet.rollout.advancing import advance, begin
from fleet.rollout.decision import DAY_S, Conditions
from repository.importing import import_bundle
from tests.support.contents.releases import KEY, TRUST, build_from, write_tree
from tests.support.contents.repositories import Ashore, content
from tests.support.fleet.office import Office
from tests.support.fleet.pages import served
from tests.support.fleet.vessel import WAYS, Vessel
from tests.support.repository import REPOSITORY
from transfer.errors import OutputRefused

FIRST_VERSIONS = 7
AT_ONCE = 2  # agents


@dataclass
class Voyage:
    """The whole of it. `office`: the repository and the record; its `now` is the office's clock.

    in_dock     a ship that nobody reaches
    escaped     bad releases that the last ring was given
    twice       numbers of releases that were used for two; backwards: channels whose file went back
    """

    root: Path
    office: Office
    vessels: list[Vessel]
    rng: random.Random
    kills: float = 0.1
    bad: set[str] = field(default_factory=set)
    escaped: set[str] = field(default_factory=set)
    twice: set[int] = field(default_factory=set)
    backwards: set[str] = field(default_factory=set)
    in_dock: Vessel | None = None
    number: int = 0
    _numbers: dict[int, str] = field(default_factory=dict)
    _counters: dict[str, int] = field(default_factory=dict)

    @property
    def shore(self) -> Shore:
        return self.office.shore

    def install(self, in_dock: Vessel | None = None) -> None:
        """Each ship begins with one of the first seven versions; one goes into a dock before it is heard."""
        if in_dock is not None:
            self._install_elsewhere(in_dock)
        for first in range(FIRST_VERSIONS):
            self.release()
            self.office.ashore.promote(f"1.0.{first}", "stable")
            places = enumerate(self.vessels)
            self.visit([vessel for place, vessel in places if place % FIRST_VERSIONS == first], kills=0.0)
        self.visit([vessel for vessel in self.vessels if not vessel.runs], kills=0.0)
        for vessel in self.vessels:
            self.enrol(vessel)
        self.hear(self.vessels)

    def _install_elsewhere(self, vessel: Vessel) -> None:
        """A yard installs a release that the repository never had. The ship pays for no full release after that."""
        bundle = self.root / "elsewhere.unrep"
        build_from(write_tree(self.root / "elsewhere", content(99)), [], bundle, version="0.9.0", seq=1, product="vms")
        command = ["apply", str(bundle), "--site", str(vessel.site), "--trust", str(self.root / "release.pub")]
        subprocess.run(
            [sys.executable, "-m", "unrep", *command], cwd=REPOSITORY, check=True, capture_output=True, timeout=300
        )
        vessel.refuse_full()
        self.in_dock = vessel

    def enrol(self, vessel: Vessel, *, retire: bool = False) -> None:
        """Brings the ship's public key ashore."""
        key = load_site_public_key(vessel.site / ".unrep" / "site.pub")
        with self.office.database.writing() as connection:
            add_ships(connection, [NewShip(vessel.name, key, vessel.ring, vessel.name)], "stable", retire=retire)

    def release(self, *, is_bad: bool = False) -> str:
        """The next release, for the canaries; its bases are what ships were heard to run."""
        version = f"1.0.{self.number}"
        tree = content(self.number) | ({"bad.txt": b"it does not start\n"} if is_bad else {})
        source = write_tree(self.root / f"release-{self.number}", tree)
        self.office.ashore.held = bases(self.standings(), self.shore)
        made = self.office.ashore.release(self.number, channel="canary", source=source)
        if self._numbers.setdefault(made.release.seq, version) != version:
            self.twice.add(made.release.seq)
        self.bad |= {version} if is_bad else set()
        self.number += 1
        return version

    def roll_out(self, version: str) -> None:
        """Begins the rollout of a release."""
        release = self.shore.release(version)
        assert release
        conditions = Conditions(after=2, within_s=30 * DAY_S, steady_s=0, stop_on=1)
        begin(self.office.database, release, ["canary", "stable"], conditions, "office", self.office.now)
        self.go_on()

    def go_on(self) -> None:
        """Lets the rollout do what follows."""
        advance(self.office.database, self.office.ashore.promote, self.office.now)
        named = self.shore.channels.get("stable")
        self.escaped |= {named.version} & self.bad if named else set()
        for name in ("stable", "canary"):
            file = self.office.ashore.channel(name)
            assert file
            self.backwards |= {name} if file.counter < self._counters.get(name, 0) else set()
            self._counters[name] = file.counter

    def visit(self, vessels: Iterable[Vessel], kills: float | None = None) -> None:
        """What shore has reaches these ships, and their agents make a round, some at once."""
        chance = self.kills if kills is None else kills
        reached = [vessel for vessel in vessels if vessel is not self.in_dock]
        ends = [self.rng.uniform(0.3, 1.5) if self.rng.random() < chance else None for _ in reached]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._visit, reached, ends))

    def _visit(self, vessel: Vessel, killed_after_s: float | None) -> None:
        if vessel.way != "link":
            for path in (self.root / "www").iterdir():
                target = vessel.stick / path.name
                if path.is_file() and not (target.exists() and path.suffix == ".unrep"):
                    shutil.copyfile(path, target)
                elif path.is_dir():
                    shutil.copytree(path, target, dirs_exist_ok=True)
        vessel.round(killed_after_s)

    def hear(self, vessels: Iterable[Vessel] = ()) -> None:
        """Takes in what came of these ships: by stick, or as a mailbox; by link it came by itself."""
        heard = [vessel for vessel in vessels if vessel.way != "link" and vessel is not self.in_dock]
        box = mailbox.mbox(self.root / "mail" / f"{time.monotonic_ns()}")
        for vessel in heard:
            for path in sorted((vessel.site / ".unrep" / "outbox").glob("*.receipt")):
                message = EmailMessage()
                message["Subject"] = vessel.name
                message.set_content("Receipts.\n")
                message.add_attachment(path.read_bytes(), maintype="application", subtype="x", filename=path.name)
                box.add(message)
        box.flush()
        box.close()
        paths = [self.root / "mail", *(vessel.stick / "out" for vessel in heard if vessel.way == "stick")]
        take(self.office.database, Sources(paths).find(), "vms", self.office.now)

    def sail(
        self,
        releases: int,
        bad: set[int],
        events: Mapping[int, Sequence[Callable[[], object]]] | None = None,
        silent: float = 0.4,
    ) -> None:
        """Release after release, a week each.

        bad: which of them, counted from 0. events: what happens before which. silent: how many ships stay away.
        """
        for turn in range(releases):
            self.office.now += 7 * DAY_S
            for event in (events or {}).get(turn, ()):
                event()
            self.roll_out(self.release(is_bad=turn in bad))
            for ring in ("canary", "stable"):
                there = [v for v in self.vessels if v.ring == ring]
                there = [v for v in there if ring == "canary" or self.rng.random() >= silent]
                self.visit(there)
                self.hear(there)
                self.go_on()

    def come_home(self) -> None:
        """Every ship is reached once more, until all is settled."""
        for _ in range(3):
            self.visit(self.vessels, kills=0.0)
            self.hear(self.vessels)
            self.go_on()

    def drift(self, vessel: Vessel) -> None:
        """Somebody aboard changes a file of the release."""
        (vessel.site / "current" / "app" / "same.txt").write_text("changed aboard\n")

    def lose_key(self, vessel: Vessel) -> None:
        """The ship's key is lost: it makes another once there is something to say."""
        for name in ("site.key", "site.pub"):
            (vessel.site / ".unrep" / name).unlink()

    def replace_key(self, vessel: Vessel) -> None:
        """The ship's new key is brought ashore, and takes the place of the old one."""
        self.visit([vessel], kills=0.0)
        self.enrol(vessel, retire=True)
        take_unknown_again(self.office.database, "vms", self.office.now)

    def back_up(self) -> None:
        """A copy of the repository, with the fleet's record in it."""
        shutil.copytree(self.root / "repo", self.root / "backup")

    def restore(self) -> None:
        """The repository's disk dies, and the copy takes its place. What is at the destination is brought in."""
        self.office.database.close()
        shutil.rmtree(self.root / "repo")
        shutil.copytree(self.root / "backup", self.root / "repo")
        known = {release.version for release in self.shore.releases}
        assert f"1.0.{self.number - 1}" not in known, "the copy is older"
        try:
            self.office.ashore.prune()
        except OutputRefused:
            pass
        else:
            raise AssertionError("it goes on as if nothing was lost")
        self._bring_in(known)
        self.hear()  # all mail once more

    def _bring_in(self, known: set[str]) -> None:
        found = []
        for path in (self.root / "www").glob("*.unrep"):
            with open_for_display(path) as bundle:
                found.append((bundle.root.seq, bundle.root.version, path))
        ashore = self.office.ashore
        for _, version, path in sorted(found):
            if version not in known:
                with ashore.record() as record:
                    import_bundle(path, TRUST, record, ashore.repository, ashore.settings, Quiet())

    def prune(self) -> None:
        """Ashore only the last releases stay, and what ships are known to hold."""
        self.office.ashore.settle("releases = 2")
        self.office.ashore.held = held(self.standings(), self.shore)
        self.office.ashore.prune()

    def leave_dock(self) -> str:
        """The ship in the dock is heard for the first time; returns its state.

        The yard sends shore a copy of what it runs. So the release that its ring has gets a delta from there, too.
        """
        assert self.in_dock is not None
        vessel, self.in_dock = self.in_dock, None
        self.visit([vessel], kills=0.0)
        self.hear([vessel])
        state = next(ship.state for ship in self.standings() if ship.name == vessel.name)
        ashore, named = self.office.ashore, self.shore.channels[vessel.ring]
        number = int(named.version.rpartition(".")[2])
        source, copy = self.root / f"release-{number}", self.root / "elsewhere"
        ashore.release(number, channel=vessel.ring, source=source, base_from=[copy])
        return state

    def standings(self) -> list[Standing]:
        """By the true clock: that of the office runs ahead."""
        with self.office.database.reading() as connection:
            return standings(connection, self.shore, time.time())

    def settled(self) -> bool:
        """Whether each ship runs what its ring should, and says so; and nothing went wrong on the way."""
        runs = {vessel.name: vessel.runs for vessel in self.vessels}
        found = self.standings()
        is_well = all(ship.state == "current" and runs[ship.name] == ship.serving for ship in found)
        return is_well and not (self.escaped or self.twice or self.backwards)

    def paid(self) -> tuple[int, int]:
        """Bytes that ships fetched over links by their receipts, and what as many full releases would have been."""
        query = "SELECT count(*), coalesce(sum(paid), 0) FROM receipt WHERE outcome = 1 AND paid > 0"
        with self.office.database.reading() as connection:
            count, paid = connection.exec_driver_sql(query).one()
        full = max((bundle.full for bundle in self.shore.bundles), default=0)
        return int(paid), int(count) * full


@contextmanager
def under_way(root: Path, ships: int, seed: int) -> Iterator[Voyage]:
    """A fleet of so many ships, a quarter of them canaries, whose office is open. Its record is the repository's."""
    (root / "mail").mkdir()
    ashore = Ashore(root)
    office = Office(ashore, Database(ashore.repository.database_file), now=time.time())
    trust = root / "release.pub"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    trust.write_bytes(KEY.public_key().public_bytes(serialization.Encoding.PEM, form))
    with ExitStack() as stack:
        pages = stack.enter_context(served(office))
        command = [sys.executable, "-m", "unrep", "serve", str(root / "www"), "--port", "0"]
        server = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
        stack.callback(server.wait)
        stack.callback(server.kill)
        assert server.stderr
        said = server.stderr.readline()
        url = next(word for word in said.split() if word.startswith("http://")).rstrip(".,;")
        vessels = []
        for number in range(ships):
            ring = "canary" if number % 4 == 0 or number == 1 else "stable"
            vessel = Vessel(f"MV {number:02}", ring, WAYS[number % 3], root / f"ship-{number}")
            vessel.outfit(trust, url, f"{pages.url}/receipts")
            vessels.append(vessel)
        yield Voyage(root, office, vessels, random.Random(seed))
        office.database.close()


def main(ships: int, releases: int) -> None:
    """The whole fleet, and the table of its end."""
    seed, began = random.randrange(2**32), time.monotonic()
    print(f"{ships} ships, {releases} releases, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as root, under_way(Path(root), ships, seed) as voyage:
        dock: list[str] = []
        drifting, docked, losing = voyage.vessels[2], voyage.vessels[3], voyage.vessels[5]
        events = {
            releases // 10: [lambda: voyage.drift(drifting)],
            releases // 5: [lambda: voyage.lose_key(losing)],
            releases // 5 + 1: [lambda: voyage.replace_key(losing)],
            releases * 2 // 5: [voyage.back_up],
            releases // 2: [voyage.restore],
            releases * 3 // 5: [voyage.prune],
            releases * 3 // 4: [lambda: dock.append(voyage.leave_dock())],
        }
        voyage.install(docked)
        print(f"installed; {time.monotonic() - began:.0f} s", flush=True)
        voyage.sail(releases, set(range(2, releases, 5)), events)
        voyage.come_home()
        _show(voyage)
        print(f"{docked.name} was {dock[0]} when it left its dock; {time.monotonic() - began:.0f} s in all")
        if dock != ["stranded"] or not voyage.settled():
            sys.exit("not every ship runs what its ring should")


def _show(voyage: Voyage) -> None:
    print(f"{'ship':8}{'ring':8}{'way':7}{'state':10}{'runs':8}{'aboard':8}{'rounds':>7}{'killed':>7}{'missing':>8}")
    vessels = {vessel.name: vessel for vessel in voyage.vessels}
    for ship in sorted(voyage.standings(), key=lambda one: one.name):
        it = vessels[ship.name]
        row = f"{ship.name:8}{ship.ring:8}{it.way:7}{ship.state:10}{ship.serving:8}{it.runs:8}"
        print(f"{row}{it.rounds:7}{it.killed:7}{ship.missing:8}")
    rounds, killed = sum(one.rounds for one in voyage.vessels), sum(one.killed for one in voyage.vessels)
    print(f"rounds of agents, and nothing else once at sea: {rounds}, killed: {killed}")
    print(f"bad releases: {len(voyage.bad)}, past the canaries: {len(voyage.escaped)}")
    print(f"numbers used twice: {len(voyage.twice)}, channels that went back: {len(voyage.backwards)}")
    paid, full = voyage.paid()
    print(f"paid {paid:,} bytes; full releases would have been {full:,}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

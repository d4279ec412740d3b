"""A fleet under way: ships with real agents, each a process, and an office ashore that hears of them by receipts alone.

    voyage = Voyage(root, ships=6, seed=7)
    voyage.sail(releases=6, bad={3})
    voyage.come_home()

`make fleet` sails with thirty ships and prints the table of their end. Ships reach shore in three ways: by link
(HTTP, and receipts by POST), by stick, and by mail alone, one way each. Agents are killed at random. Some ships are
silent for weeks: the office's clock is handed in.
"""

import json
import mailbox
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from bundle.receipts.site_keys import load_site_public_key
from fleet.intake.sources import Sources
from fleet.intake.taking import take, take_unknown_again
from fleet.record.database import Database
from fleet.record.ships import NewShip, add_ships
from fleet.reports.holdings import bases
from fleet.reports.shore import Shore
from fleet.reports.standing import Standing, standings
from fleet.rollout.advancing import advance, begin
from fleet.rollout.decision import DAY_S, Conditions
from tests.support.contents.releases import KEY, write_tree
from tests.support.contents.repositories import Ashore, content
from tests.support.fleet.office import Office
from tests.support.fleet.pages import served
from tests.support.repository import REPOSITORY

WAYS = ("link", "stick", "mail")
FIRST_VERSIONS = 7


@dataclass
class Vessel:
    """A ship in a directory of its own."""

    name: str
    ring: str
    way: str
    root: Path
    rounds: int = 0
    killed: int = 0

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def stick(self) -> Path:
        """What shore sends lies here, for ships without a link."""
        return self.root / "stick"

    @property
    def runs(self) -> str:
        """The version that `current` names."""
        pointer = self.site / "current"
        return pointer.resolve().name if pointer.exists() else ""

    def outfit(self, trust: Path, url: str, office: str) -> None:
        """Writes its configuration."""
        self.site.mkdir(parents=True)
        self.stick.mkdir()
        (self.stick / "out").mkdir()
        source = url if self.way == "link" else str(self.stick)
        ways = {"link": ["outbox", office], "stick": ["outbox", str(self.stick / "out")], "mail": ["outbox"]}
        check = ["/bin/sh", "-c", f"! test -e '{self.site}/current/bad.txt'"]
        self.site.joinpath("unrep.toml").write_text(
            f'product = "vms"\n[agent]\nsources = {json.dumps([source])}\ntrust = {json.dumps(str(trust))}\n'
            f'channel = "{self.ring}"\nallow_full = true\n[report]\nto = {json.dumps(ways[self.way])}\n'
            f'[[health]]\ntype = "command"\nargv = {json.dumps(check)}\n'
            "[health_window]\nstart_after_s = 0\ndeadline_s = 2\ninterval_s = 0.1\nconsecutive_passes = 1\n"
        )

    def round(self, rng: random.Random, kills: float) -> None:
        """A round of its agent; at times one that is killed goes before."""
        command = [sys.executable, "-m", "unrep", "agent", "--site", str(self.site), "--once", "--json"]
        self.rounds += 1
        with (self.root / "log").open("ab") as log:
            if rng.random() < kills:
                self.killed += 1
                process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
                time.sleep(rng.uniform(0.3, 1.5))
                process.kill()
                process.wait()
            subprocess.run(command, cwd=REPOSITORY, stdout=log, stderr=log, timeout=300)


@dataclass
class Voyage:
    """The whole of it. `office`: the repository and the record; its `now` is the office's clock."""

    root: Path
    office: Office
    vessels: list[Vessel]
    rng: random.Random
    kills: float = 0.1
    bad: set[str] = field(default_factory=set)
    escaped: set[str] = field(default_factory=set)
    number: int = 0

    @property
    def shore(self) -> Shore:
        return self.office.shore

    def install(self) -> None:
        """Each ship begins with one of the first seven versions."""
        for first in range(FIRST_VERSIONS):
            self.release()
            self.office.ashore.promote(f"1.0.{first}", "stable")
            for place, vessel in enumerate(self.vessels):
                if place % FIRST_VERSIONS == first or (first == FIRST_VERSIONS - 1 and not vessel.runs):
                    self.visit(vessel, kills=0.0)
        for vessel in self.vessels:
            self.enrol(vessel)
        self.hear(self.vessels)

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
        self.office.ashore.held = bases(self.standings(), self.shore) if self.office.database else {}
        self.office.ashore.release(self.number, channel="canary", source=source)
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

    def visit(self, vessel: Vessel, kills: float | None = None) -> None:
        """What shore has reaches the ship, and its agent makes a round."""
        if vessel.way != "link":
            for path in (self.root / "www").iterdir():
                target = vessel.stick / path.name
                if path.is_file() and not (target.exists() and path.suffix == ".unrep"):
                    shutil.copyfile(path, target)
                elif path.is_dir():
                    shutil.copytree(path, target, dirs_exist_ok=True)
        vessel.round(self.rng, self.kills if kills is None else kills)

    def hear(self, vessels: list[Vessel]) -> None:
        """Takes in what came of these ships: by stick, or as a mailbox; by link it came by itself."""
        box = mailbox.mbox(self.root / "mail" / f"{time.monotonic_ns()}")
        for vessel in vessels:
            if vessel.way == "link":
                continue
            for path in sorted((vessel.site / ".unrep" / "outbox").glob("*.receipt")):
                message = EmailMessage()
                message["Subject"] = vessel.name
                message.set_content("Receipts.\n")
                message.add_attachment(path.read_bytes(), maintype="application", subtype="x", filename=path.name)
                box.add(message)
        box.flush()
        paths = [self.root / "mail", *(vessel.stick / "out" for vessel in vessels if vessel.way == "stick")]
        take(self.office.database, Sources(paths).find(), "vms", self.office.now)

    def sail(self, releases: int, bad: set[int], silent: float = 0.4) -> None:
        """Release after release, a week each. bad: which of them, counted from 0. silent: how many ships stay away."""
        for turn in range(releases):
            self.office.now += 7 * DAY_S
            self.roll_out(self.release(is_bad=turn in bad))
            for ring in ("canary", "stable"):
                there = [v for v in self.vessels if v.ring == ring]
                there = [v for v in there if ring == "canary" or self.rng.random() >= silent]
                for vessel in there:
                    self.visit(vessel)
                self.hear(there)
                self.go_on()

    def come_home(self) -> None:
        """Every ship is reached once more, until all is settled."""
        for _ in range(3):
            for vessel in self.vessels:
                self.visit(vessel, kills=0.0)
            self.hear(self.vessels)
            self.go_on()

    def drift(self, vessel: Vessel) -> None:
        """Somebody aboard changes a file of the release."""
        (vessel.site / "current" / "app" / "same.txt").write_text("changed aboard\n")

    def rotate(self, vessel: Vessel) -> None:
        """The ship's key was lost: it makes another, which is brought ashore and takes the old one's place."""
        for name in ("site.key", "site.pub"):
            (vessel.site / ".unrep" / name).unlink()
        self.sail(1, set(), silent=0.0)  # it makes one when there is something to say
        self.enrol(vessel, retire=True)
        take_unknown_again(self.office.database, "vms", self.office.now)

    def standings(self) -> list[Standing]:
        """By the true clock: that of the office runs ahead."""
        with self.office.database.reading() as connection:
            return standings(connection, self.shore, time.time())

    def paid(self) -> tuple[int, int]:
        """Bytes that ships fetched over links by their receipts, and what as many full releases would have been."""
        query = "SELECT count(*), coalesce(sum(paid), 0) FROM receipt WHERE outcome = 1 AND paid > 0"
        with self.office.database.reading() as connection:
            count, paid = connection.exec_driver_sql(query).one()
        full = max((bundle.full for bundle in self.shore.bundles), default=0)
        return int(paid), int(count) * full


@contextmanager
def under_way(root: Path, ships: int, seed: int, where: str | Path | None = None) -> Iterator[Voyage]:
    """A fleet of so many ships, a quarter of them canaries, whose office is open."""
    (root / "mail").mkdir()
    ashore = Ashore(root)
    office = Office(ashore, Database(where or root / "fleet.db"), now=time.time())
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
    bad = set(range(2, releases, 5))
    with tempfile.TemporaryDirectory() as root, under_way(Path(root), ships, seed) as voyage:
        voyage.install()
        voyage.sail(releases // 2, bad)
        voyage.drift(voyage.vessels[2])
        voyage.rotate(voyage.vessels[3])
        voyage.sail(releases - releases // 2, {turn - releases // 2 for turn in bad})
        voyage.come_home()
        found = voyage.standings()
        print(f"{'ship':8}{'ring':8}{'way':7}{'state':10}{'runs':8}{'aboard':8}{'rounds':>7}{'killed':>7}")
        vessels = {vessel.name: vessel for vessel in voyage.vessels}
        for ship in sorted(found, key=lambda one: one.name):
            it = vessels[ship.name]
            row = f"{ship.name:8}{ship.ring:8}{it.way:7}{ship.state:10}{ship.serving:8}{it.runs:8}"
            print(f"{row}{it.rounds:7}{it.killed:7}")
        paid, full = voyage.paid()
        print(f"bad releases: {len(voyage.bad)}, past the canaries: {len(voyage.escaped)}")
        print(f"paid {paid:,} bytes; full releases would have been {full:,}; {time.monotonic() - began:.0f} s")
        if voyage.escaped or any(ship.state != "current" or vessels[ship.name].runs != ship.serving for ship in found):
            sys.exit("not every ship runs what its ring should")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

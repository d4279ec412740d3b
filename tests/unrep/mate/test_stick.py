"""A stick is taken in, whatever is on it and whatever becomes of it, and receipts go back: [A-186] to [A-189]."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apply.hold import lift_hold, set_hold
from apply.site.lock import site_lock
from bundle.host.progress import Quiet
from bundle.read.reader import open_bundle
from tests.support.observers.command import run
from tests.support.sites.site import Ship, bent, shore
from transfer.disk.lock import output_lock
from transfer.volumes.export import export
from unrep.mate import stick as stick_module
from unrep.mate.stick import Stick, take_in
from unrep.mate.whom_to_trust import trust_of_site

mounting = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="mounting needs root on Linux")


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """Runs 1.0.0, and trusts shore by its configuration."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    shutil.copy(shore().trust_file, ship.root / "shore.pub")
    ship.configure('[agent]\ntrust = "shore.pub"\n')
    return ship


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    directory = tmp_path / "stick"
    directory.mkdir()
    return directory


def put(medium: Path, *bundles: Path) -> None:
    for number, bundle in enumerate(bundles):
        shutil.copy(bundle, medium / f"{number}.unrep")


def taken(ship: Ship, medium: Path, *more: str) -> tuple[int, str, str]:
    return run("stick", medium, "--site", ship.root, *more)


def receipts(medium: Path) -> set[str]:
    return {path.name for path in (medium / "unrep-out").iterdir()}


def test_the_newest_that_fits_and_receipts(ship: Ship, medium: Path) -> None:
    """[A-186], [A-188], [A-189]: 1.0.9 starts from what nobody has; volumes, photos and rubbish lie beside."""
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"), shore().bundle("1.0.9", 10, "1.0.8"))
    export(shore().bundle("1.0.2", 3, "1.0.1"), 70_000, [medium], Quiet())
    (medium / "photo.jpg").write_bytes(b"\xff\xd8 a ship")
    (medium / "rubbish.unrep").write_bytes(b"rubbish")
    before = {path.name: path.read_bytes() for path in medium.iterdir()}
    code, out, err = taken(ship, medium)
    assert code == 0 and ship.current == "1.0.2", err
    lines = out.splitlines()
    assert lines[0].startswith("1.0.0 -> 1.0.2: every required") and "rebuilt over 1.0.1" in lines[0]
    assert lines[-1] == "you may remove the stick" and "rubbish.unrep" in err
    assert len(receipts(medium)) == 2 == len(list(ship.site.outbox.iterdir()))
    assert {name: (medium / name).read_bytes() for name in before} == before
    assert list(ship.site.inbox.iterdir()) == []
    read = run("receipt", *sorted((medium / "unrep-out").iterdir())[-1:], "--key", ship.site.public_key_file)
    assert read[0] == 0 and "1.0.2" in read[1] + read[2]


def test_the_second_time_nothing_happens(ship: Ship, medium: Path) -> None:
    """[A-186], [A-188]"""
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
    taken(ship, medium)
    times = {path: path.stat().st_mtime_ns for path in (medium / "unrep-out").iterdir()}
    runs = len(ship.runs)
    code, out, _ = taken(ship, medium)
    assert code == 0 and "vms 1.0.1 (seq 2) is the newest on the stick, and runs already" in out
    assert "0 new, 2 there before" in out and len(ship.runs) == runs
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_two_ships_on_one_stick_do_not_share_a_name(ship: Ship, medium: Path, tmp_path: Path) -> None:
    """[A-188]"""
    other = Ship(tmp_path / "other")
    shutil.copy(shore().trust_file, other.root / "shore.pub")
    other.configure('[agent]\ntrust = "shore.pub"\n')
    other.write_config('product = "vms"\n' + (other.root / "unrep.toml").read_text())
    put(medium, shore().bundle("1.0.1", 2, "1.0.0", full=True))
    for one in (ship, other):
        assert taken(one, medium)[0] == 0 and one.current == "1.0.1"
    assert len(receipts(medium)) == 3


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("nothing", 2, "there is no bundle, volume or channel file"),
        ("photos", 2, "there is no bundle, volume or channel file"),
        ("rubbish", 3, "0.unrep"),
        ("another product", 3, "brings product 'other'; this site is for 'vms' alone"),
        ("older", 3, "is older than seq 2"),
        ("no way", 8, "nothing leads from 1.0.0"),
        ("a stranger's", 3, "0 of them trusted"),
    ],
)
def test_nothing_that_fits(what: str, code: int, said: str, ship: Ship, medium: Path) -> None:
    """[A-187]: receipts go all the same."""
    if what == "photos":
        (medium / "photo.jpg").write_bytes(b"\xff\xd8 a ship")
        (medium / "DCIM").mkdir()
    elif what == "rubbish":
        (medium / "0.unrep").write_bytes(b"rubbish" * 100)
    elif what == "another product":
        put(medium, shore().bundle("1.0.1", 2, "1.0.0", product="other"))
    elif what == "older":
        put(medium, shore().bundle("1.0.0", 1, "1.0.1"))
        assert ship.apply(shore().bundle("1.0.1", 2, "1.0.0")).outcome == "applied"
    elif what == "no way":
        put(medium, shore().bundle("1.0.9", 10, "1.0.8"))
    elif what == "a stranger's":
        put(medium, bent(shore().bundle("1.0.1", 2, "1.0.0"), medium.parent, 40))
    actual, out, err = taken(ship, medium)
    assert (actual, ship.current) == (code, "1.0.1" if what == "older" else "1.0.0") and said in err, err
    assert len(receipts(medium)) == len(ship.runs) and out.splitlines()[-1] == "you may remove the stick"


def test_a_bad_one_gives_way_to_the_next(ship: Ship, medium: Path) -> None:
    """[A-186]: damage shows as it is read."""
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"), bent(shore().bundle("1.0.2", 3, "1.0.0"), medium.parent, -200))
    code, _, err = taken(ship, medium)
    assert code == 0 and ship.current == "1.0.1", err


def test_a_release_that_fails(ship: Ship, medium: Path) -> None:
    """[A-188]: shore reads of it."""
    put(medium, shore().bundle("sick", 2, "1.0.0"))
    ship.configure('[agent]\ntrust = "shore.pub"\n', deadline_s=0.3)
    code, out, err = taken(ship, medium)
    assert code == 6 and ship.current == "1.0.0" and "version 1.0.0 runs again" in err
    assert len(receipts(medium)) == 2 and "you may remove the stick" in out
    ship.check_sound()


def test_during_a_hold_it_waits_aboard(ship: Ship, medium: Path) -> None:
    """[A-64], [A-186]"""
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
    set_hold(ship.site, "in the canal")
    code, out, _ = taken(ship, medium)
    assert code == 0 and "1.0.1 is aboard and waits, for the running version is held since" in out
    assert ship.current == "1.0.0" and len(list(ship.site.inbox.glob("*.unrep"))) == 1
    lift_hold(ship.site)
    assert taken(ship, medium)[0] == 0 and ship.current == "1.0.1"


def test_a_site_that_is_busy_is_waited_for(ship: Ship, medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
    monkeypatch.setattr(stick_module, "_BUSY_PAUSE_S", 0.05)
    lock = site_lock(ship.site, "rollback")
    lock.__enter__()
    threading.Timer(0.5, lambda: lock.__exit__(None, None, None)).start()
    code, _, err = taken(ship, medium)
    assert code == 0 and ship.current == "1.0.1" and err.count("'unrep rollback', process") == 1


def test_a_bundle_that_the_agent_is_fetching_is_waited_for(
    ship: Ship, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A-186]: an older one is not taken in its place."""
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"), shore().bundle("1.0.2", 3, "1.0.0"))
    monkeypatch.setattr(stick_module, "_BUSY_PAUSE_S", 0.05)
    with open_bundle(medium / "1.unrep", shore().trust) as bundle:
        name = f"0-3-{bundle.verified.root_hash.hex()[:16]}.unrep"
    ship.site.inbox.mkdir(mode=0o700)
    lock = output_lock(ship.site.inbox / name)
    lock.__enter__()
    threading.Timer(0.5, lambda: lock.__exit__(None, None, None)).start()
    assert taken(ship, medium)[0] == 0 and ship.current == "1.0.2"


@pytest.mark.skipif(os.name == "nt", reason="Windows renames no directory with open files")
def test_pulled_out_while_it_is_read(ship: Ship, medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-187], [A-189]: put in again it goes on."""
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
    monkeypatch.setattr(stick_module, "PATIENCE_S", 0.3)
    trust, pocket = trust_of_site(ship.site, ship.config, None, "stick"), medium.with_name("pocket")

    def pull_out(_: str) -> None:
        medium.rename(pocket)

    taking = take_in(Stick(ship.site, medium, ship.config, trust, Quiet(), pull_out))
    assert "cannot be read" in str(taking.failure) and not taking.is_there and ship.current == "1.0.0"
    assert taking.lines()[-1] == "the stick is not there any more"
    pocket.rename(medium)
    assert take_in(Stick(ship.site, medium, ship.config, trust, Quiet())).outcome == "applied"
    assert ship.current == "1.0.1" and len(receipts(medium)) == 2


class TestAFolderThatCannotBeUsed:
    """[A-188]: the update is in, the receipts stay aboard, and nothing else is touched."""

    def told(self, ship: Ship, medium: Path, said: str) -> None:
        code, out, err = taken(ship, medium)
        assert code == 0 and ship.current == "1.0.1", err
        assert "no receipts for shore were copied, they stay aboard" in out and said in out
        assert len(list(ship.site.outbox.iterdir())) == 2

    @pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
    def test_a_link(self, ship: Ship, medium: Path, tmp_path: Path) -> None:
        put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
        (tmp_path / "elsewhere").mkdir()
        (medium / "unrep-out").symlink_to(tmp_path / "elsewhere")
        self.told(ship, medium, "a link or a file stands there")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
    def test_a_link_in_it(self, ship: Ship, medium: Path, tmp_path: Path) -> None:
        put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
        taken(ship, medium)
        (tmp_path / "secret").write_text("secret")
        one = sorted((medium / "unrep-out").iterdir())[0]
        one.unlink()
        one.symlink_to(tmp_path / "secret")
        assert taken(ship, medium)[0] == 0
        assert not one.is_symlink() and (tmp_path / "secret").read_text() == "secret"

    def test_a_file(self, ship: Ship, medium: Path) -> None:
        put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
        (medium / "unrep-out").write_text("a file")
        self.told(ship, medium, "a link or a file stands there")

    @mounting
    @pytest.mark.parametrize("how", ["read-only", "full"])
    def test_a_medium_that_takes_no_more(self, how: str, ship: Ship, medium: Path) -> None:
        with mounted(medium):
            put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
            if how == "read-only":
                subprocess.run(["mount", "-o", "remount,ro", medium], check=True)
                self.told(ship, medium, "Read-only file system")
            else:
                fill(medium)
                self.told(ship, medium, "no space left")
                assert not list((medium / "unrep-out").glob("*")) if (medium / "unrep-out").exists() else True


def fill(medium: Path) -> None:
    with (medium / "films").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))


@pytest.fixture(autouse=True)
def unmounted(medium: Path) -> Iterator[None]:
    yield
    if os.name != "nt" and os.path.ismount(medium):
        subprocess.run(["umount", medium], check=True)


class mounted:  # noqa: N801 - reads as what it does
    """A file system of its own, which `unmounted` takes away."""

    def __init__(self, medium: Path) -> None:
        self._mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(medium)]

    def __enter__(self) -> None:
        if subprocess.run(self._mount, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")

    def __exit__(self, *_: object) -> None:
        pass


def test_what_can_be_no_stick(ship: Ship, medium: Path) -> None:
    (medium / "file").touch()
    for place, said in (
        (medium / "absent", "put the stick in"),
        (medium / "file", "no directory"),
        (ship.root, "is where the site itself is"),
        (ship.root.parent, "is where the site itself is"),
        (ship.site.tree("1.0.0"), "is where the site itself is"),
    ):
        code, _, err = taken(ship, place)
        assert code == 2 and said in err


def test_without_trust_or_product(ship: Ship, medium: Path, tmp_path: Path) -> None:
    put(medium, shore().bundle("1.0.1", 2, "1.0.0", full=True))
    ship.configure()
    code, _, err = taken(ship, medium)
    assert code == 2 and "'agent.trust' is missing" in err
    new = Ship(tmp_path / "new")
    code, _, err = taken(new, medium, "--trust", str(shore().trust_file))
    assert code == 2 and "'product' is missing" in err and new.current == ""
    assert taken(ship, medium, "--trust", str(shore().trust_file))[0] == 0


def test_as_json(ship: Ship, medium: Path) -> None:
    put(medium, shore().bundle("1.0.1", 2, "1.0.0"))
    code, out, _ = taken(ship, medium, "--json")
    said = json.loads(out)
    assert code == 0 and (said["outcome"], said["version"]) == ("applied", "1.0.1")
    assert said["receipts"] == {"folder": str(medium / "unrep-out"), "copied": 2, "there": 0, "reason": ""}
    for path in medium.glob("*.unrep"):
        path.unlink()
    code, out, _ = taken(ship, medium, "--json")
    assert code == 2 and json.loads(out)["outcome"] == "failed" and json.loads(out)["receipts"]["there"] == 2

"""What another account aboard, or ashore, may plant under names that unrep is about to use: [A-110], [A-111], [A-14].

Every command is the real one. What must stay is a file with known bytes outside, and everything beside the output.
"""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import Shape, tiny_bundle, write_trust
from tests.support.observers.command import run
from tests.support.repository import REPOSITORY
from tests.support.sites.directory_swapper import NOBODY
from tests.support.sites.site import Ship, shore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, pipes, owners and modes of POSIX")
as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="another account needs root")
PRECIOUS = b"precious bytes of another's"
Plant = Callable[[Path, Path], None]
PLANTS: dict[str, Plant] = {
    "a link": lambda name, precious: name.symlink_to(precious),
    "a second name": lambda name, precious: name.hardlink_to(precious),
    "a pipe": lambda name, precious: os.mkfifo(name),
}


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").write_bytes(PRECIOUS)
    return tmp_path / "outside/precious"


def untouched(precious: Path) -> bool:
    return precious.read_bytes() == PRECIOUS and [path.name for path in precious.parent.iterdir()] == ["precious"]


def as_nobody(line: str, *more: object) -> tuple[int, str]:
    """Exit code and standard error of a command under another account, which may not read Python's own modules."""
    run(line, *more)  # loads them
    os.seteuid(NOBODY)
    try:
        code, _, err = run(line, *more)
    finally:
        os.seteuid(0)
    return code, err


class TestFetch:
    @pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
    @pytest.mark.parametrize("suffix", [".lock", ".state", ".part"])
    def test_nothing_is_written_to_what_stands_there(
        self, suffix: str, plant: Plant, precious: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "two.unrep").write_bytes(tiny_bundle(Shape(full_bytes=200_000)).data)
        trust, out = write_trust(tmp_path / "shore.pub"), tmp_path / "new.unrep"
        plant(tmp_path / f"new.unrep{suffix}", precious)
        code, _, err = run("fetch --limit-rate 100M", tmp_path / "two.unrep", "--trust", trust, "--out", out)
        assert untouched(precious)
        assert code == 2 and err.splitlines()[-1].startswith(f"unrep: {out}{suffix}: "), err
        assert not out.exists()
        (tmp_path / f"new.unrep{suffix}").unlink()
        assert run("fetch", tmp_path / "two.unrep", "--trust", trust, "--out", out)[0] == 0

    def test_a_link_of_a_tickets_directory_is_not_gone_through(self, precious: Path, tmp_path: Path) -> None:
        """The directory of a bundle's tickets at a destination."""
        from transfer.errors import OutputRefused
        from transfer.publishing.ticket import save_ticket

        (tmp_path / "new.unrep.tickets").symlink_to(precious.parent)
        with pytest.raises(OutputRefused, match="move it away"):
            save_ticket(tmp_path / "new.unrep.tickets" / "x.ticket", b"x")
        assert untouched(precious)


class TestAshore:
    @pytest.mark.parametrize("plant", list(PLANTS.values())[:2], ids=list(PLANTS)[:2])
    @pytest.mark.parametrize("suffix", [".unproven", ".sha256", ".manifests"])
    def test_a_build_writes_beside_its_output_and_nowhere_else(
        self, suffix: str, plant: Plant, precious: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "one/file").write_text("x")
        assert run("keygen --out", tmp_path / "shore")[0] == 0
        plant(tmp_path / f"one.unrep{suffix}", precious)
        options = ["--key", tmp_path / "shore.key", "--out", tmp_path / "one.unrep"]
        code, _, err = run("build --product p --version 1 --seq 1", tmp_path / "one", *options)
        assert code == 0, err
        assert untouched(precious)
        assert run("verify", tmp_path / "one.unrep", "--trust", tmp_path / "shore.pub")[0] == 0

    @pytest.mark.parametrize("plant", list(PLANTS.values())[:2], ids=list(PLANTS)[:2])
    def test_a_publication_replaces_names_and_nothing_behind_them(
        self, plant: Plant, precious: Path, tmp_path: Path
    ) -> None:
        bundle, key = shore().bundle("1.0.0", 1), shore().trust_file.with_suffix(".key")
        for name in ("once", "www"):
            (tmp_path / name).mkdir()
        assert run("publish", bundle, tmp_path / "once", "--key", key)[0] == 0
        names = [path.name for path in (tmp_path / "once").iterdir()]
        assert "stable.channel" in names and len(names) == 2
        for name in names:
            plant(tmp_path / "www" / f"{name}.part", precious)
        code, _, err = run("publish", bundle, tmp_path / "www", "--key", key)
        assert code == 0 and untouched(precious), err
        assert sorted(path.name for path in (tmp_path / "www").iterdir()) == sorted(names)

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666])
    def test_a_signing_key_that_others_may_use_is_not_used_in_silence(self, mode: int, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "one/file").write_text("x")
        assert run("keygen --out", tmp_path / "shore")[0] == 0
        key = tmp_path / "shore.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        key.chmod(mode)
        options = ["--key", key, "--out", tmp_path / "one.unrep"]
        code, _, err = run("build --product p --version 1 --seq 1", tmp_path / "one", *options)
        said = f"caution: {key}: mode {mode:04o}, other accounts may use this secret; make it yours: chmod 600 {key}"
        assert code == 0 and (said in err) == (mode != 0o600), err


class TestTheSite:
    @pytest.mark.parametrize("name", ["inbox", "trust", "outbox", "staging", "manifests"])
    def test_a_link_in_the_place_of_a_directory_is_refused_by_every_run(
        self, name: str, precious: Path, tmp_path: Path
    ) -> None:
        """[A-14]: the agent would empty what `inbox` links to."""
        ship = Ship(tmp_path)
        ship.apply(shore().bundle("1.0.0", 1))
        place = ship.site.private / name
        shutil.rmtree(place, ignore_errors=True)
        place.symlink_to(precious.parent)
        for line in (f"apply {shore().bundle('1.0.1', 2, '1.0.0')} --trust {shore().trust_file}", "gc", "rollback"):
            code, _, err = run(f"{line} --site", ship.root)
            assert code == 5 and f"{place}: a file is in the way of unrep's directory, or a link" in err, (line, err)
        (ship.root / "unrep.toml").write_text(f'[agent]\nsources = ["{tmp_path}"]\ntrust = "{shore().trust_file}"\n')
        code, _, err = run("agent --once --site", ship.root)
        assert untouched(precious) and "or a link" in err, (code, err)

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_modes_do_not_depend_on_the_umask(self, umask: int, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        before = os.umask(umask)
        try:
            ship.apply(shore().bundle("1.0.0", 1))
        finally:
            os.umask(before)
        private = [ship.site.private, *(path for path in ship.site.private.iterdir() if path.is_dir())]
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in (ship.site.lock_file, ship.site.key_file)} == {0o600}
        for path in (ship.site.versions, ship.site.venvs, ship.site.tree("1.0.0")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o755

    def test_a_site_that_was_open_is_closed_by_the_next_run(self, tmp_path: Path) -> None:
        ship = Ship.sailing(tmp_path, "1.0.0")
        for path in (ship.site.private, ship.site.staging, ship.site.outbox):
            path.chmod(0o755)
        ship.site.lock_file.chmod(0o644)
        ship.recover()
        modes = [path.stat().st_mode for path in (ship.site.private, ship.site.staging, ship.site.outbox)]
        assert [stat.S_IMODE(mode) for mode in modes] == [0o700] * 3
        assert stat.S_IMODE(ship.site.lock_file.stat().st_mode) == 0o600

    def test_a_group_that_was_let_in_reads_along(self, tmp_path: Path) -> None:
        ship = Ship.sailing(tmp_path, "1.0.0")
        ship.site.private.chmod(0o2755)
        ship.recover()
        assert stat.S_IMODE(ship.site.private.stat().st_mode) == 0o2750

    @as_root
    @pytest.mark.parametrize("umask", [0o022, 0o077])
    def test_it_reads_what_was_there_before_and_no_key(self, umask: int) -> None:
        """[A-111]: `status`, `history` and `metrics` are told to it, from the run after it was let in."""
        before = os.umask(umask)
        try:
            with _common_directory() as directory:
                ship = Ship.sailing(directory, "1.0.0")
                told = [ship.site.state_file, ship.site.outbox, *ship.site.outbox.iterdir(), ship.site.public_key_file]
                kept = [ship.site.lock_file, ship.site.key_file, ship.site.staging]
                os.chown(ship.site.private, -1, NOBODY)
                ship.site.private.chmod(0o2750)
                ship.recover()
                assert _openable_by_nobody([*told, *kept]) == told
        finally:
            os.umask(before)

    @as_root
    @pytest.mark.parametrize("command", ["status", "repair-request --out /nowhere", "fetch /nowhere --out /nowhere"])
    def test_an_account_that_is_kept_out_is_told_so(self, command: str) -> None:
        """[A-111]: in one sentence, not as a defect of unrep."""
        with _common_directory() as directory:
            ship = Ship.sailing(directory, "1.0.0")
            code, err = as_nobody(command, "--site", ship.root)
        assert code == 5 and err.count("\n") == 1
        assert err.endswith("Permission denied; run unrep as the account whose site it is\n"), err

    @as_root
    @pytest.mark.parametrize(
        "line",
        [
            "status --site {}/site",
            "inspect {}/bundle",
            "verify {}/bundle --trust {}/trust",
            "fetch {}/bundle --trust /dev/null --out /nowhere",
            "build {}/release --product p --version 1 --seq 1 --key {}/key --out /nowhere",
        ],
    )
    def test_what_lies_in_a_closed_directory_is_told_so(self, line: str, tmp_path: Path) -> None:
        """Python's own looks at files raise there, which is no defect of unrep."""
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        code, err = as_nobody(line.replace("{}", str(closed)))
        assert code == 2 and err.count("\n") == 1 and "internal error" not in err, err

    @as_root
    def test_a_source_that_is_closed_to_the_account_is_passed_over(self, tmp_path: Path) -> None:
        """As a stick that the desktop has mounted for somebody else; an agent ended with that, and got no update."""
        (tmp_path / "stick/closed").mkdir(parents=True)
        with _common_directory() as directory:
            (directory / "bundle").write_bytes(tiny_bundle(Shape()).data)
            write_trust(directory / "trust")
            directory.chmod(0o777)
            tmp_path.joinpath("stick").chmod(0o700)
            for closed in (tmp_path / "stick/closed", tmp_path / "stick"):
                fetch = ["--trust", directory / "trust", "--out", directory / f"out-{closed.name}"]
                assert as_nobody("fetch", closed, *fetch)[0] == 2
                os.seteuid(NOBODY)
                try:
                    code, _, err = run("fetch", closed, directory / "bundle", *fetch)
                finally:
                    os.seteuid(0)
                assert code == 0 and f"{closed}: cannot be read: Permission denied; going on" in err, err

    @as_root
    def test_another_account_cannot_hold_the_lock(self) -> None:
        """flock(2) on a descriptor for reading is enough: so none is to be had."""
        with _common_directory() as directory:
            ship = Ship(directory)
            ship.apply(shore().bundle("1.0.0", 1))
            places = [ship.site.lock_file, ship.site.state_file, ship.site.private, ship.site.staging]
            assert _openable_by_nobody(places) == []
            assert _openable_by_nobody([ship.site.tree("1.0.0")]) == [ship.site.tree("1.0.0")]


@contextlib.contextmanager
def _common_directory() -> Iterator[Path]:
    """A directory that every account may enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="unrep-test-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _openable_by_nobody(places: list[Path]) -> list[Path]:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            for number, place in enumerate(places):
                with contextlib.suppress(OSError):
                    os.close(os.open(place, os.O_RDONLY))
                    os.write(writing, bytes([number]))
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(process, 0)
    found = os.read(reading, 100)
    os.close(reading)
    return [places[number] for number in found]


def test_a_pipe_in_the_place_of_a_bundle_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.unrep")
    trust = write_trust(tmp_path / "shore.pub")
    command = [sys.executable, "-m", "unrep", "verify", str(tmp_path / "pipe.unrep"), "--trust", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "not a regular file" in done.stderr, done.stderr
    assert done.returncode != -signal.SIGALRM


@pytest.mark.parametrize("name", ["hold", "trust/chain", "site.pub", "outbox/0123456789abcdef-00000001.receipt"])
@pytest.mark.parametrize("command", ["status", "history"])
def test_a_pipe_in_a_site_of_another_s_is_not_waited_for(command: str, name: str, tmp_path: Path) -> None:
    """[A-110]: root may look at a site that an ordinary user has made as she likes."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    planted = ship.site.private / name
    planted.parent.mkdir(exist_ok=True)
    planted.unlink(missing_ok=True)
    os.mkfifo(planted)
    argv = [sys.executable, "-m", "unrep", command, "--site", str(ship.root)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=REPOSITORY)
    assert done.returncode in (0, 3, 5) and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "keygen --out new --passphrase-file pipe",
        "trust init --threshold 1 --key pipe --release pipe --out new",
        "receipt pipe --key pipe",
        "fetch bundle --trust pipe --out new",
        "fetch bundle --trust trust --out new --ca-file pipe",
        "collect release --requirements pipe --out new",
    ],
)
def test_a_pipe_in_the_place_of_a_named_file_is_not_waited_for(line: str, tmp_path: Path) -> None:
    """[A-110]"""
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "release").mkdir()
    (tmp_path / "bundle").write_bytes(tiny_bundle(Shape()).data)
    write_trust(tmp_path / "trust")
    done = subprocess.run(
        [sys.executable, "-m", "unrep", *line.split()],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 2 and "pipe: " in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not list(tmp_path.glob("new*"))

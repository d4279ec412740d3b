"""`unrep trust`, `resign`, `heartbeat`, `hear`, encrypted keys, signing commands, as people run them. spec/trust.md."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from apply.errors import StorageFailed
from bundle.trust.signing import load_private_key, load_public_key, verifying_key
from bundle.trust.trust import load_trust
from tests.support.contents.releases import write_tree
from tests.support.contents.trust import (
    NEXT,
    RELEASE,
    A,
    B,
    C,
    D,
    History,
    begun,
    private,
    raw,
    releases,
    signed_anew,
    signed_by_a_thief,
    write_keys,
)
from tests.support.observers.command import run
from tests.support.observers.command_process import unrep as process
from tests.support.sites.site import Ship, shore

NAMES = {"A": A, "B": B, "C": C, "D": D, "R": RELEASE, "N": NEXT}
DAY_S = 86_400


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with keys A to D, R and N in it."""
    monkeypatch.chdir(tmp_path)
    for name, key in NAMES.items():
        write_keys(tmp_path, name, key)
    return tmp_path


def done(line: str, *more: object) -> str:
    """What a command said on standard output; it must succeed."""
    code, out, err = run(line, *more)
    assert code == 0, err
    return out


def document(line: str, *more: object) -> dict[str, Any]:
    code, out, err = run(line, *more, "--json")
    assert code == 0, err
    return dict(json.loads(out))


def first_root() -> None:
    done("trust init --key A.pub --key B.pub --key C.pub --threshold 2 --release R.pub --out root-1")
    done("trust sign root-1 --key A.key")
    done("trust sign root-1 --key C.key")


def test_each_step_as_json(home: Path) -> None:
    """[A-216]"""
    drafted = document("trust init --key A.pub --release R.pub --out root-1")
    assert (drafted["file"], drafted["version"], len(drafted["missing"])) == ("root-1", 1, 1)
    assert drafted["bytes"] == Path("root-1").stat().st_size
    assert document("trust sign root-1 --key A.key")["missing"] == []
    assert document("trust rotate root-1 --release N.pub --out root-2")["version"] == 2
    assert document("trust revoke root-1 --release R.pub --out root-3")["missing"]
    code, out, err = run("trust sign root-1 --key D.key --json")
    assert code == json.loads(out)["exit_code"] == 2 and json.loads(out)["error"] in err


def test_a_life_of_a_trust_root(home: Path) -> None:
    """Begun, rotated, a key revoked; each step says what it still lacks."""
    told = done("trust init --key A.pub --key B.pub --key C.pub --threshold 2 --release R.pub --out root-1")
    assert "root-1: trust root 1, a draft" in told and "signed by 0 of the 2 keys of trust root 1" in told
    assert run("build none --product p --version 1 --seq 1 --key R.key --trust root-1 --out b")[0] == 3
    assert "signed by 1 of the 2" in done("trust sign root-1 --key A.key")
    assert "complete" in done("trust sign root-1 --key C.key")
    code, _, err = run("trust sign root-1 --key D.key")
    assert code == 2 and "none of the root keys" in err

    done("trust rotate root-1 --drop-key A.pub --key D.pub --release N.pub --out root-2")
    told = done("trust sign root-2 --key B.key")
    assert "signed by 1 of the 2 keys of trust root 1" in told and "1 of the 2 keys of trust root 2" in told
    done("trust sign root-2 --key C.key")
    done("trust revoke root-2 --release R.pub --out root-2r")
    done("trust sign root-2r --key D.key")
    assert "complete" in done("trust sign root-2r --key B.key")
    shown = document("trust show root-2r")
    ids = {name: load_public_key(home / f"{name}.pub").key_id.hex() for name in NAMES}
    assert (shown["version"], shown["first"], shown["threshold"], shown["missing"]) == (2, 1, 2, [])
    assert set(shown["keys"]) == {ids["B"], ids["C"], ids["D"]}
    assert shown["revocations"]["version"] == 1 and shown["revocations"]["keys"] == [ids["R"]]
    code, out, _ = run("trust show root-2r")
    assert code == 0 and f"release key {ids['N']}, expires never" in out and "revocation list 1" in out
    assert load_trust(home / "root-2r").root.version == 2


def test_expiry_and_epoch_by_their_options(home: Path) -> None:
    """[R-3]"""
    done(
        "trust init --key A.pub --release R.pub --release-expires 2027-01-01 --expires 2030-01-01 --epoch 4 --out r",
    )
    done("trust sign r --key A.key")
    root = load_trust(home / "r").root
    assert (root.expires, root.epoch, root.releases[0].expires) == (1_893_456_000, 4, 1_798_761_600)
    done("trust rotate r --epoch 5 --release R.pub --release-expires 2028-01-01 --out s")
    done("trust sign s --key A.key")
    root = load_trust(home / "s").root
    assert (root.expires, root.epoch, root.releases[0].expires) == (0, 5, 1_830_297_600)


def test_what_is_refused_ashore(home: Path) -> None:
    first_root()
    (home / "noise").write_bytes(b"noise")
    for words, arguments in (
        ("root-1: exists already", "trust init --key A.pub --release R.pub --out root-1"),
        ("trust root 1: keys are not 1 to 64", "trust init --release R.pub --out x"),
        ("trust root 1: releases are not 1 to 64", "trust init --key A.pub --out x"),
        ("threshold 2 is not within 1 to its 1 keys", "trust init --key A.pub --threshold 2 --release R.pub --out x"),
        ("noise: trust file: ", "trust show noise"),
        ("no root key of trust root 1", "trust rotate root-1 --drop-key D.pub --out x"),
        ("no release key of trust root 1", "trust rotate root-1 --drop-release N.pub --out x"),
        ("releases are not 1 to 64", "trust rotate root-1 --drop-release R.pub --out x"),
        ("name what to revoke", "trust revoke root-1 --out x"),
        ("name who signs", "trust sign root-1"),
        ("name who signs", "trust sign root-1 --key A.key --sign-with cat --public A.pub"),
        ("name who signs", "trust sign root-1 --sign-with cat"),
        ("noise: not a private key", "trust sign root-1 --key noise"),
    ):
        code, _, err = run(arguments)
        assert code == 2 and words in err, (arguments, err)
    assert not (home / "x").exists()


class TestKeys:
    """[R-18]"""

    def test_an_encrypted_key_and_its_passphrase_in_a_file(self, home: Path) -> None:
        (home / "phrase").write_bytes(b"correct horse\r\n")
        (home / "wrong").write_bytes(b"battery staple\n")
        (home / "none").write_bytes(b"\n")
        done("keygen --out E --passphrase-file phrase")
        assert b"ENCRYPTED PRIVATE KEY" in (home / "E.key").read_bytes()
        done("trust init --key E.pub --release R.pub --out r")
        for words, passphrase in (
            ("E.key: is encrypted; name a file with its passphrase", []),
            ("E.key: not a private key in PEM with that passphrase", ["--passphrase-file", "wrong"]),
            ("none: its first line is empty", ["--passphrase-file", "none"]),
            ("missing: cannot be read", ["--passphrase-file", "missing"]),
        ):
            code, _, err = run("trust sign r --key E.key", *passphrase)
            assert code == 2 and words in err, err
        assert "complete" in done("trust sign r --key E.key --passphrase-file phrase")
        code, _, err = run("trust sign r --key A.key --passphrase-file phrase")
        assert code == 2 and "A.key: is not encrypted" in err

    def test_a_passphrase_at_the_prompt(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        typed = iter(["secret", "secret", "secret"])
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(typed))
        monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: next(typed))
        done("keygen --out E --encrypt")
        done("trust init --key E.pub --release R.pub --out r")
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        assert "complete" in done("trust sign r --key E.key")

    def test_a_command_signs(self, home: Path) -> None:
        script = home / "signs.py"
        script.write_text(
            "import sys\nfrom pathlib import Path\n"
            "from cryptography.hazmat.primitives.serialization import load_pem_private_key\n"
            "key = load_pem_private_key(Path(sys.argv[1]).read_bytes(), None)\n"
            "sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read()))\n"
        )
        command = f'"{sys.executable}" signs.py'
        done("trust init --key A.pub --release R.pub --out r")
        sign = "trust sign r --public A.pub --sign-with"
        for words, bad in (
            ("gave 64 bytes that are no signature by the key of --public", f"{command} B.key"),
            ("gave 0 bytes that are no signature", f'"{sys.executable}" -c pass'),
            ("returned non-zero exit status", f'"{sys.executable}" -c "import sys; sys.exit(3)"'),
            ("no-such-command: cannot be run", "no-such-command"),
            *(() if os.name == "nt" else ((r"is no command: no closing quotation", "a '\x1b"), ("is empty", " "))),
        ):
            code, _, err = run(sign, bad)
            assert code == 2 and words in err, err
        assert "complete" in done(sign, f"{command} A.key")
        by_command = (home / "r").read_bytes()
        made = load_trust(home / "r").chain[0].signed
        assert made.signatures[0].value == A.sign(b"DSSEv1 13 unrep/trust/1 %d %s" % (len(made.payload), made.payload))
        assert by_command


class TestBundles:
    def test_a_bundle_of_a_first_trust_root_is_as_small_as_of_a_plain_key(self, home: Path) -> None:
        """[R-8]: not a byte is spent on a chain that every ship has. A real build, in a process of its own."""
        first_root()
        release = write_tree(home / "release", {"a": b"content"})
        named = ["--product", "p", "--version", "1", "--seq", "1", "--workers", "1", "--key"]
        build = ["build", release, *named, home / "R.key", "--out"]
        assert process(*build, home / "plain")[0] == 0
        assert process(*build, home / "rooted", "--trust", home / "root-1")[0] == 0
        assert (home / "plain").read_bytes() == (home / "rooted").read_bytes()

    def test_a_key_that_ships_would_refuse_does_not_sign(self, home: Path) -> None:
        first_root()
        words = ["--product", "p", "--version", "1", "--seq", "1", "--key", "N.key", "--trust", "root-1", "--out", "b"]
        code, _, err = run("build", shore().release("1.0.0"), *words)
        assert code == 2 and "no release key of trust root 1" in err and not (home / "b").exists()

    def test_signed_anew(self, home: Path) -> None:
        """[R-17]: root and sections stay, byte for byte; sidecars follow."""
        made = shore().bundle("1.0.1", 2, "1.0.0")
        for suffix in ("", ".sha256", ".manifests"):
            shutil.copy(f"{made}{suffix}", f"b{suffix}")
        before = Path("b").read_bytes()
        history = begun().rotated(releases=releases(RELEASE, NEXT)).revoking(RELEASE)
        history.write(home / "t")
        told = document("resign b --key N.key --trust t --out c")
        after = Path("c").read_bytes()
        roots, blocks = (int.from_bytes(before[at : at + 4], "little") for at in (6, 10))
        assert Path("b").read_bytes() == before and told["bytes"] == len(after)
        assert after[14 : 14 + roots] == before[14 : 14 + roots]
        assert after.endswith(before[14 + roots + blocks :])
        assert Path("c.manifests").read_bytes() == Path("b.manifests").read_bytes()
        assert Path("c.sha256").read_text().endswith("  c\n")
        assert run("verify c --trust t")[0] == 0
        code, _, err = run("resign b --key R.key --trust t")
        assert code == 2 and "no release key of trust root 2, or revoked" in err
        assert Path("b").read_bytes() == before
        done("resign b --key N.key")
        assert run("verify b --trust N.pub")[0] == 0

    def test_a_damaged_or_partial_bundle_is_not_signed(self, home: Path) -> None:
        """Also where the only section stands in the root, which has no hash but that of the file."""
        for is_full, said in ((True, "b: "), (False, "b: is not what b.sha256 says")):
            source = shore().bundle("1.0.1", 2, "1.0.0", full=is_full)
            data = bytearray(source.read_bytes())
            data[-1 if is_full else -150] ^= 1
            Path("b").write_bytes(data)
            if not is_full:
                shutil.copy(f"{source}.sha256", "b.sha256")
            code, _, err = run("resign b --key N.key --out c")
            assert code == 3 and said in err and [p.name for p in home.glob("c*")] == []

    def test_a_chain_too_long_to_carry(self, home: Path) -> None:
        history = begun(keys=sorted(raw(private(number)) for number in range(101, 165)))
        for _ in range(32):
            history = history.rotated()
        history.write(home / "t")
        shutil.copy(shore().bundle("1.0.0", 1), "b")
        code, _, err = run("resign b --key R.key --trust t")
        assert code == 2 and "leave out with --trust-from" in err
        done("resign b --key R.key --trust t --trust-from 20")


class TestFetch:
    def test_what_the_site_trusts_is_enough(self, home: Path) -> None:
        """[R-11]; the chain on the way is followed, and kept by `apply` only."""
        ship, first = Ship(home), begun()
        first.write(home / "root-1")
        signed_anew(shore().bundle("1.0.0", 1), home / "b1", RELEASE, first)
        code, _, err = run("fetch b1 --out f1 --site", ship.root)
        assert code == 2 and "has no trust root yet" in err
        code, _, err = run("fetch b1 --out f1")
        assert code == 2 and "name whom to trust" in err
        done("apply b1 --site", ship.root, "--trust", "root-1")
        rotated = first.rotated(releases=releases(NEXT))
        signed_anew(shore().bundle("1.0.1", 2, "1.0.0"), home / "b2", NEXT, rotated)
        before = ship.seen()
        done("fetch b2 --out f2 --site", ship.root)
        assert ship.seen() == before
        done("apply f2 --site", ship.root)
        assert ship.current == "1.0.1"

    def test_a_bundle_that_was_signed_anew_since(self, home: Path) -> None:
        """[T-11], [T-133]: it is the same bundle, so the header that stands there stays, and nothing is refused."""
        plain = signed_anew(shore().bundle("1.0.0", 1), home / "b", RELEASE, None)
        shutil.copy(plain, "f.part")
        longer = signed_anew(plain, home / "c", RELEASE, begun(after=RELEASE))
        done("fetch", longer, "--out", "f", "--trust", "R.pub")
        assert Path("f").read_bytes() == plain.read_bytes()
        figures = document("fetch", longer, "--out", "f", "--trust", "R.pub")
        assert figures["bytes_resumed"] == figures["bytes_needed"]
        assert Path("f").read_bytes() == plain.read_bytes()


class TestKeptBeforeARefusal:
    """[R-11]: by whatever command a site comes to see it."""

    @pytest.fixture
    def stolen(self, home: Path) -> Ship:
        """A site, and a bundle `stolen` by a key that the list in it revokes, which is `plain` without that list."""
        ship, first = Ship(home), begun()
        first.write(home / "root-1")
        signed_anew(shore().bundle("1.0.0", 1), home / "b1", RELEASE, first)
        done("apply b1 --trust root-1 --site", ship.root)
        newer = shore().bundle("1.0.1", 2, "1.0.0")
        signed_by_a_thief(newer, home / "stolen", RELEASE, first.revoking(RELEASE))
        signed_anew(newer, home / "plain", RELEASE, first)
        return ship

    @pytest.mark.parametrize("command", ["apply stolen --site", "fetch stolen --out f --site"])
    def test_what_is_refused_teaches(self, stolen: Ship, command: str) -> None:
        code, _, err = run(command, stolen.root)
        assert code == 3 and "which is revoked" in err
        for again in ("apply plain --site", "fetch plain --out g --site"):
            code, _, err = run(again, stolen.root)
            assert code == 3 and "which is revoked" in err

    def test_the_agent_learns_from_a_header(self, home: Path, stolen: Ship) -> None:
        for source, outcome in (("stolen", "which is revoked"), ("plain", "which is revoked")):
            stolen.configure(f"[agent]\nsources = [{json.dumps(str(home / source))}]\n")
            assert outcome in run("agent --once --site", stolen.root)[2]
        assert stolen.state.current_version == "1.0.0"

    def test_a_fetch_that_may_not_write_there_is_refused_all_the_same(
        self, stolen: Ship, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StorageFailed("chain: cannot be written")

        monkeypatch.setattr("apply.site.trusted.save_trust", full)
        code, _, err = run("fetch stolen --out f --site", stolen.root)
        assert code == 3 and "which is revoked" in err


class TestHeartbeats:
    @pytest.fixture
    def ship(self, home: Path) -> Ship:
        ship, first = Ship(home), begun()
        first.write(home / "root-1")
        signed_anew(shore().bundle("1.0.0", 1), home / "b1", RELEASE, first)
        done("apply b1 --trust root-1 --site", ship.root)
        return ship

    def beat(self, monkeypatch: pytest.MonkeyPatch, at: int, *more: object, seq: int = 1, key: str = "R.key") -> int:
        """Writes the file `beat`, signed at that time; its length in bytes."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(at))
        line = f"heartbeat --product vms --seq {seq} --key {key} --out beat"
        return int(document(line, *more)["bytes"])

    def test_shore_is_heard_and_a_freeze_shows(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        """[R-15], [R-16]"""
        now = int(datetime.now(UTC).timestamp())
        status = document("status --site", ship.root)
        assert (status["heard_days_ago"], status["trust"]) == (0, {"version": 1, "revocations": 0})
        assert "the last news from shore came today" in run("status --site", ship.root)[1]
        begun().rotated().write(ship.root.parent / "root-2")
        assert self.beat(monkeypatch, now - 60, "--trust", "root-2", seq=7) <= 300
        told = document("hear beat --site", ship.root)
        assert told["outcome"] == "nothing-to-do" and "has not come here yet" in told["reason"]
        out = run("status --site", ship.root)[1]
        assert "shore has a newer release, seq 7 (epoch 0)" in out and "shore has trust root 2" in out
        assert document("status --site", ship.root)["shore"]["seq"] == 7
        monkeypatch.setattr("time.time", lambda: float(now + 41 * DAY_S + 100))
        out = run("status --site", ship.root)[1]
        assert "the last news from shore came 41 days ago" in out
        self.beat(monkeypatch, now + 40 * DAY_S, seq=7)
        done("hear beat --site", ship.root)
        assert "the last news from shore came yesterday" in run("status --site", ship.root)[1]

    def test_one_that_is_not_newer_is_refused(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        """[R-15]: who replays an old one cannot make the silence look short."""
        self.beat(monkeypatch, 1_800_000_000)
        done("hear beat --site", ship.root)
        state = ship.state
        code, _, err = run("hear beat --site", ship.root)
        assert code == 3 and "not newer" in err and ship.state == state

    def test_a_new_trust_root_begins_anew(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        """[R-15]: a stolen key that spoke from the year 2099 does not silence shore for good."""
        self.beat(monkeypatch, 4_070_908_800)
        done("hear beat --site", ship.root)
        rotated = begun().rotated(releases=releases(NEXT))
        rotated.write(ship.root.parent / "root-2")
        self.beat(monkeypatch, 1_800_000_000, "--trust", "root-2", key="N.key")
        assert run("hear beat --site", ship.root)[0] == 3
        done("hear beat --site", ship.root, "--trust", "root-2")

    def heard_from_a_thief(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> History:
        """The history so far, with two release keys, one of which is stolen and has spoken from the end of time."""
        both = begun().rotated(releases=releases(RELEASE, NEXT))
        both.write(ship.root.parent / "both")
        signed_anew(shore().bundle("1.0.1", 2, "1.0.0"), Path("b2"), NEXT, both)
        done("apply b2 --site", ship.root)
        self.beat(monkeypatch, 2**53 - 1, "--trust", "both", seq=2**53 - 1)
        done("hear beat --site", ship.root)
        shore_of = ship.state.shore
        assert shore_of and shore_of.time == ship.state.time_floor == both.trust.speaks_until < 2**33
        return both

    def test_what_a_stolen_key_said_ends_with_its_revocation(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        """[R-19]: a heartbeat from the end of time, and the release that it named; the trust root stays as it was."""
        history = self.heard_from_a_thief(ship, monkeypatch)
        self.beat(monkeypatch, 1_800_000_000, "--trust", "both", seq=2, key="N.key")
        assert run("hear beat --site", ship.root)[0] == 3
        signed_anew(shore().bundle("1.0.2", 3, "1.0.1"), Path("b3"), NEXT, history.revoking(RELEASE))
        done("apply b3 --site", ship.root)
        status = document("status --site", ship.root)
        assert status["shore"] is None and status["trust"]["revocations"] == 1
        assert ship.state.time_floor <= 1_800_000_000
        done("hear beat --site", ship.root)

    def test_what_it_said_ends_with_the_trust_root_that_drops_it(
        self, ship: Ship, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """[R-19]"""
        history = self.heard_from_a_thief(ship, monkeypatch).rotated(releases=releases(NEXT))
        history.write(ship.root.parent / "root-3")
        self.beat(monkeypatch, 1_800_000_000, "--trust", "root-3", seq=2, key="N.key")
        done("hear beat --site", ship.root, "--trust", "root-3")
        assert ship.state.time_floor == 1_800_000_000

    def test_an_older_one_of_a_key_that_still_counts_is_refused_after_a_new_list(
        self, ship: Ship, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """[R-15], [R-19]: only what a revoked key said is forgotten."""
        self.beat(monkeypatch, 1_800_000_000)
        shutil.copy("beat", "old")
        self.beat(monkeypatch, 1_800_000_060)
        done("hear beat --site", ship.root)
        signed_anew(shore().bundle("1.0.1", 2, "1.0.0"), Path("b2"), RELEASE, begun().revoking(D))
        done("apply b2 --site", ship.root)
        code, _, err = run("hear old --site", ship.root)
        assert code == 3 and "not newer" in err

    def test_another_plain_key_does_not_answer_for_the_one_before(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """[R-19], [R-20]: a person who names another key takes back what the stolen one said."""
        ship = Ship(home / "plain")
        self.beat(monkeypatch, 2**53 - 1)
        done("hear beat --trust R.pub --site", ship.root)
        self.beat(monkeypatch, 1_800_000_000, key="N.key")
        done("hear beat --trust N.pub --site", ship.root)
        assert ship.state.time_floor == 1_800_000_000

    def test_a_nonce_proves_that_it_is_new(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        """[R-15]"""
        self.beat(monkeypatch, 1_800_000_000, "--nonce", "0011223344556677")
        code, _, err = run("hear beat --site", ship.root, "--nonce", "0011223344556678")
        assert code == 3 and "its nonce is 0011223344556677" in err
        assert run("hear beat --site", ship.root, "--nonce", "0011")[0] == 2
        done("hear beat --site", ship.root, "--nonce", "0011223344556677")

    def test_bad_heartbeats(self, ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
        """[R-2], [R-15]: every flipped bit, another key, another product, too long."""
        before = ship.seen()
        self.beat(monkeypatch, 1_800_000_000, key="N.key")
        assert run("hear beat --site", ship.root)[0] == 3
        assert run("heartbeat --product p/q --seq 1 --key R.key --out x")[0] == 2
        size = self.beat(monkeypatch, 1_800_000_000)
        good = Path("beat").read_bytes()
        for spoiled in [
            bytes(301),
            b"",
            good + b"\0",
            *(good[:n] + bytes([good[n] ^ 4]) + good[n + 1 :] for n in range(size)),
        ]:
            Path("beat").write_bytes(spoiled)
            code, _, err = run("hear beat --site", ship.root)
            assert code == 3 and err.startswith("unrep: beat: ")
        assert run("hear missing --site", ship.root)[0] == 2
        assert ship.seen() == before
        done("heartbeat --product other --seq 1 --key R.key --out beat")
        code, _, err = run("hear beat --site", ship.root)
        assert code == 3 and "'other'" in err

    def test_the_longest_one_is_300_bytes_at_most(self, home: Path) -> None:
        """[R-15]"""
        line = f"heartbeat --product {'p' * 64} --seq {2**53 - 1} --epoch {2**53 - 1} --key R.key --out beat"
        assert document(line)["bytes"] <= 300


def test_verify_tells_what_has_expired(home: Path) -> None:
    """[R-13]"""
    begun(expires=1_700_000_001).write(home / "t")
    signed_anew(shore().bundle("1.0.0", 1), home / "b", RELEASE, None)
    assert "trust root 1 expired on 2023-11-14" in done("verify b --trust t")
    assert "expired" not in done("verify b --trust R.pub")


def test_fifty_rotations_by_the_command_in_under_a_second(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[R-9]: printed, not asserted, for a busy machine is no defect; the process and its imports count."""
    first, history = begun(), begun()
    for _ in range(50):
        history = history.rotated()
    first.write(home / "root-1")
    signed_anew(shore().bundle("1.0.0", 1), home / "b", RELEASE, history)
    assert "sound" in done("verify b --trust root-1")
    assert load_private_key(home / "A.key").sign(b"") == private(101).sign(b"")


def test_a_damaged_trust_file_is_refused_by_each_command(home: Path) -> None:
    """[R-12]: exit code 3 for what was a trust file, 2 for what never was one."""
    signed_anew(shore().bundle("1.0.0", 1), home / "b", RELEASE, begun())
    data = begun().write(home / "t").read_bytes()
    (home / "site").mkdir()
    (home / "t").write_bytes(data[:-1])
    (home / "n").write_bytes(b"a note")
    for command in ("verify b", "apply b --site site", "apply b --site site --dry-run"):
        code, _, err = run(f"{command} --trust t")
        assert code == 3 and "t: trust file: " in err and "take another copy of it" in err
        code, _, err = run(f"{command} --trust n")
        assert code == 2 and "n: not a public key in PEM, nor a trust file" in err


def test_inspect_shows_what_a_bundle_carries(home: Path) -> None:
    """[R-8]"""
    signed_anew(shore().bundle("1.0.0", 1), home / "b", RELEASE, begun().rotated().revoking(D))
    shown = json.loads(run("inspect b --json")[1])["carried"]
    assert shown["signed_by"] == [verifying_key(RELEASE).key_id.hex()]
    assert [(root["version"], root["threshold"]) for root in shown["trust_roots"]] == [(2, 2)]
    assert shown["revocations"] == {"version": 1, "keys": [verifying_key(D).key_id.hex()], "trees": []}
    text = run("inspect b")[1]
    assert "carries   trust root 2: 2 of " in text and "carries   revocation list 1: " in text
    assert "carries" not in run(f"inspect {shore().bundle('1.0.0', 1)}")[1]

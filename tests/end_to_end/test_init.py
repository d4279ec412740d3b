"""`unrep init`: a site that begins, by options and by questions; its mistakes; and the second time."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from apply.site.config import load
from apply.site.layout import Site
from bundle.trust.signing import write_key_pair
from tests.support.observers.command import run
from tests.support.observers.command_process import document
from tests.support.repository import REPOSITORY
from tests.support.sites.site import Ship, shore
from unrep.mate.pin import is_pin

posix_only = pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX, or its modes")


@pytest.fixture
def pin(tmp_path: Path) -> Path:
    file = tmp_path / "pin"
    file.write_text("471102\r\n")
    return file


def by_options(site: Path, *more: object) -> tuple[int, str, str]:
    return run("init", site, "--product", "vms", "--trust", shore().trust_file, "--source", site.parent, "--yes", *more)


def state_of(directory: Path) -> dict[str, tuple[float, bytes]]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_by_options(tmp_path: Path, pin: Path) -> None:
    """[A-176], [A-178], [A-179]"""
    site = tmp_path / "site"
    code, out, err = by_options(site, "--pin-file", pin)
    key_id = shore().trust.keys[0].key_id.hex()
    assert code == 0, err
    assert " ".join(re.findall("....", key_id)) in err and out.splitlines()[-1].startswith(f"{site}: ready for")
    config = load(site / "unrep.toml")
    assert (config.product, config.agent.trust, config.agent.sources) == ("vms", "shore.pub", (str(tmp_path),))
    assert (site / "shore.pub").read_bytes() == shore().trust_file.read_bytes()
    assert is_pin(Site.at(site), "471102")
    applied = run("apply", shore().bundle("1.0.0", 1), "--site", site, "--trust", shore().trust_file)
    assert applied[0] == 0, applied


def test_the_second_time_nothing_changes(tmp_path: Path, pin: Path) -> None:
    """[A-176]"""
    site = tmp_path / "site"
    by_options(site, "--pin-file", pin)
    before = state_of(site)
    for more in ([], ["--pin-file", pin], ["--kind", "command"]):
        code, out, err = by_options(site, *more)
        assert (code, state_of(site)) == (0, before) and "nothing was changed" in out
        assert "is a site already: product 'vms'; shore.pub, with key id" in err
    assert run("init", site, "--yes")[0] == 0 and state_of(site) == before


def test_a_pin_is_changed_when_that_is_asked_for(tmp_path: Path, pin: Path) -> None:
    site = tmp_path / "site"
    by_options(site)
    said = document("init", site, "--yes", "--pin-file", pin)
    assert said["changed"] == ["the PIN of the mate's page"] and said["has_pin"] and not said["is_new"]


def test_what_the_file_says_otherwise(tmp_path: Path) -> None:
    """[A-176]"""
    site = tmp_path / "site"
    by_options(site)
    before = state_of(site)
    write_key_pair(tmp_path / "other")
    for option, value, said in (
        ("--product", "other", "has product 'vms'"),
        ("--trust", tmp_path / "other.pub", "has shore.pub, with key id"),
        ("--source", "https://elsewhere.example/", "has no agent.sources with https://elsewhere"),
        ("--channel", "canary", "has agent.channel = ''"),
        *([("--kind", "linux-service", "has no switch.systemd_unit")] if os.name == "posix" else []),
    ):
        code, _, err = run("init", site, "--yes", option, value)
        assert code == 2 and said in err and "edit it" in err and state_of(site) == before


MISTAKES: list[tuple[list[str], int, str]] = [
    (["site", "--yes"], 2, "--product is missing"),
    (["site", "--product", "vms"], 2, "nobody is there to be asked"),
    (["site", "--product", "a b", "--yes"], 2, "--product: product 'a b'"),
    (["no/site", "--product", "vms", "--yes"], 2, "is no directory; make that first"),
    (["file", "--product", "vms", "--yes"], 2, "is a file; name a directory"),
    (["full", "--product", "vms", "--yes"], 5, "is something else already, for it holds a, b, c and 1 more"),
    (["site", "--product", "vms", "--trust", "file", "--yes"], 2, "not a public key in PEM, nor a trust file"),
    (["site", "--product", "vms", "--trust", "shore.key", "--yes"], 2, "use the .pub file"),
    (["site", "--product", "vms", "--trust", "nothing", "--yes"], 2, "nothing: cannot be read"),
    (["site", "--product", "vms", "--source", "ftp://x/", "--yes"], 2, "is no address of http, https or udp"),
    (["site", "--product", "vms", "--health", "127.0.0.1", "--yes"], 2, "--health: url = '127.0.0.1' must be"),
    (["site", "--product", "vms", "--pin-file", "file", "--yes"], 2, "the PIN must have 6 to 12 digits"),
    (["site", "--product", "vms", "--kind", "boat", "--yes"], 2, "'boat' is not one of"),
    (["site", "--product", "vms", "--channel", "A B", "--yes"], 2, "channel"),
    (["site", "--product", "vms", "--restart", "'", "--yes"], 2, "is no command"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), MISTAKES, ids=[said[:24] for _, _, said in MISTAKES])
def test_mistakes(arguments: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-177], [A-178]"""
    if os.name == "nt" and said == "is no command":
        pytest.skip("Windows closes quotes by itself")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    for name in ("file", "full/a", "full/b", "full/c", "full/d"):
        (tmp_path / name).write_text("something")
    write_key_pair(tmp_path / "shore")
    before = state_of(tmp_path)
    actual, _, err = run("init", *arguments)
    assert (actual, state_of(tmp_path)) == (code, before) and said in err, err
    assert not (tmp_path / "site").exists()


def test_the_kind_of_another_system(tmp_path: Path) -> None:
    kind = "linux-service" if os.name == "nt" else "iis"
    code, _, err = run("init", tmp_path / "site", "--product", "vms", "--kind", kind, "--yes")
    assert code == 2 and "is of another operating system; here it may be" in err


@posix_only
def test_what_the_ship_lacks_is_said_in_the_end(tmp_path: Path) -> None:
    """[A-179]"""
    site = tmp_path / "site"
    said = document("init", site, "--product", "vms", "--kind", "linux-service", "--service", "nosuch", "--yes", code=5)
    assert said["is_new"] and said["faults"][0]["key"] == "switch.systemd_unit"
    checked = document("check", "--site", site, code=5)
    assert checked["faults"] == said["faults"]


def test_a_key_that_lies_in_the_directory_is_no_stranger(tmp_path: Path) -> None:
    """[A-177]"""
    (tmp_path / "site").mkdir()
    write_key_pair(tmp_path / "made")
    key = (tmp_path / "made.pub").rename(tmp_path / "site" / "office.pub")
    assert run("init", tmp_path / "site", "--product", "vms", "--trust", key, "--yes")[0] == 0
    assert load(tmp_path / "site" / "unrep.toml").agent.trust == "shore.pub"


def test_a_site_with_releases_gets_its_configuration(tmp_path: Path) -> None:
    """[A-176]: it has a product already."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    (ship.root / "unrep.toml").unlink()
    assert run("init", ship.root, "--product", "other", "--yes")[0] == 2
    assert run("init", ship.root, "--yes")[0] == 0
    assert ship.config.product == "vms" and ship.current == "1.0.0"


def test_a_call_that_was_killed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[A-176]"""
    site = tmp_path / "site"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("unrep.beginning.begin.load", killed)
        assert by_options(site)[0] == 130
    assert not (site / "unrep.toml").exists()
    assert by_options(site)[0] == 0 and load(site / "unrep.toml").product == "vms"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/sys of Linux")
def test_a_directory_where_one_may_not_write() -> None:
    code, _, err = run("init", "/sys/kernel/site", "--product", "vms", "--yes")
    assert code == 5 and err.startswith("unrep: /sys/kernel/site: ")


@pytest.fixture
def typing(tmp_path: Path) -> Iterator["Typist"]:
    yield Typist(tmp_path)


class Typist:
    """A person at a terminal, who answers each question as it comes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, arguments: list[object], answers: Sequence[tuple[str, object]]) -> tuple[int, str]:
        """Exit code, and all that the terminal showed; each answer to a question that holds those words."""
        import pty  # there is none on Windows

        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(REPOSITORY)
            os.execv(sys.executable, [sys.executable, "-m", "unrep", *map(str, arguments)])  # noqa: S606
        shown, waiting = "", list(answers)
        while True:
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                break
            if waiting and waiting[0][0] in shown.rpartition("\n")[2]:
                shown += "\n"
                os.write(terminal, f"{waiting.pop(0)[1]}\n".encode())
        assert not waiting, f"nobody asked {waiting[0][0]!r}: {shown}"
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


@posix_only
def test_by_questions(typing: Typist, tmp_path: Path) -> None:
    """[A-178]: a wrong answer is asked for again."""
    site, key = tmp_path / "site", shore().trust_file
    code, shown = typing(
        ["init", site],
        [
            ("product's name", "a b"),
            ("product's name", "vms"),
            ("keeps the application running", "iis"),
            ("keeps the application running", "command"),
            ("starts it anew", f"{sys.executable} -V"),
            ("Address", ""),
            ("public key", tmp_path / "nothing"),
            ("public key", key),
            ("what shore has told you", "y"),
            ("Where releases appear", "ftp://x"),
            ("Where releases appear", tmp_path),
            ("A PIN", "123456"),
            ("Repeat", "123456"),
            ("A PIN", "471102"),
            ("Repeat", "471102"),
        ],
    )
    assert code == 0, shown
    assert "471102" not in shown and is_pin(Site.at(site), "471102")
    config = load(site / "unrep.toml")
    assert config.switch.restart == (sys.executable, "-V") and config.agent.sources == (str(tmp_path),)


@posix_only
def test_without_agreement_nothing_is_written(typing: Typist, tmp_path: Path) -> None:
    """[A-178]"""
    answers = [("product's name", "vms"), ("keeps", "command"), ("anew", ""), ("Address", ""), ("has told you", "n")]
    code, shown = typing(["init", tmp_path / "site", "--trust", shore().trust_file], answers)
    assert code == 2 and "ask shore for the fingerprint" in shown and not (tmp_path / "site").exists()

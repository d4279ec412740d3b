"""Each command answers on stdout, and with `--json` with the keys that it declares: `unrep.terminal.answers`.

`tests.support.observers.command.run` holds every answer against its type, here and in all other tests that use it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.links.broadcast_medium import LOOPBACK, a_group, skip_without_multicast
from tests.support.observers.answers import check_answer
from tests.support.observers.command import run
from tests.support.sites.site import Ship, shore
from unrep.cli import cli, every_command
from unrep.terminal.answers import json_options

BY_MULTICAST = {"unrep broadcast", "unrep listen"}
# Until Ctrl-C; a story; whatever the program prints.
ENDLESS = {"unrep serve", "unrep demo", "unrep run", "unrep page", "unrep fleet serve"}
# Of sites, fleets and machines that are begun for their own tests.
ELSEWHERE = {
    "unrep adopt", "unrep stick", "unrep agent install", "unrep fleet pause", "unrep fleet resume",
    "unrep fleet user add", "unrep fleet user remove", "unrep kit",
}  # fmt: skip
LOGGED = {"unrep agent"}  # a line on stderr for each event, as a service writes
DAMAGED = "versions/1.0.0/docs/guide.txt"
COMMANDS = dict(every_command(cli))


def answers(line: str, *more: object) -> list[dict[str, Any]]:
    """What a command printed for --json; it must succeed."""
    code, out, err = run(f"{line} --json", *more)
    assert code == 0, err
    return [json.loads(document) for document in out.splitlines()]


def name(line: str) -> str:
    """The command of a line."""
    return max((known for known in COMMANDS if f"unrep {line} ".startswith(f"{known} ")), key=len)


class Asking:
    """Runs commands that must succeed, and holds where each of them writes what."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.asked: set[str] = set()

    def __call__(self, *lines: str) -> None:
        """Results go to stdout, nothing else does, and stderr stays empty where all is well."""
        for line in lines:
            command = name(line)
            with_json = self.as_json and bool(json_options(COMMANDS[command]))
            code, out, err = run(f"{line} --json" if with_json else line)
            assert code == 0, f"{line}: {err}"
            assert bool(err) == (command in LOGGED), f"{line}: {err}"
            assert bool(out) == (with_json or command not in LOGGED), line
            if with_json:
                assert all(json.loads(document) for document in out.splitlines()), line
            self.asked.add(command)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the source of an application, an agent's site with 1.0.0, places for what is made."""
    monkeypatch.chdir(tmp_path)
    for directory in ("src", "published", "volumes"):
        Path(directory).mkdir()
    Path("src/main.py").write_text("print('ready')\n")
    Path("requirements.txt").touch()
    ship = Ship.sailing(tmp_path, "1.0.0")
    source, trust = json.dumps(str(tmp_path / "published/stable.channel")), json.dumps(str(shore().trust_file))
    ship.configure(f"[agent]\nsources = [{source}]\ntrust = {trust}\n")
    return tmp_path


@pytest.mark.parametrize("as_json", [False, True], ids=["for a person", "for a program"])
def test_every_command_answers_on_stdout(home: Path, as_json: bool) -> None:
    """[A-206]: in the order in which one command uses what another made. Every JSON answer is what was declared."""
    old, new, bundle = shore().release("1.0.0"), shore().release("1.0.1"), shore().bundle("1.0.1", 2, "1.0.0")
    key, trust = f"--key {shore().directory / 'sender.key'}", f"--trust {shore().trust_file}"
    ask = Asking(as_json)
    ask("init begun --product vms --yes --health http://127.0.0.1:9/ --restart true", "check --site begun")
    ask("keygen --out root", "ship-key new --out own", "ship-key new --out ship")
    ask("trust init --key root.pub --release root.pub --out trust.unrep", "trust sign trust.unrep --key root.key")
    ask("trust show trust.unrep")
    ask("collect src --requirements requirements.txt --out collected")
    ask(f"build {new} --product vms --version 1 --seq 2 {key} --base {old} --full --recipient own.pub --out sealed")
    ask(
        "trust rotate trust.unrep --threshold 1 --out trust-2", "trust revoke trust.unrep --bundle sealed --out trust-3"
    )
    ask("inspect sealed --ship-key own.key", f"verify sealed {trust}")
    ask(f"ticket sealed --ship ship.pub --with own.key {key}", f"resign sealed {key}")
    ask(f"heartbeat --product vms --seq 2 {key} --out heartbeat", f"hear heartbeat --site site {trust}")
    sound = (home / "site" / DAMAGED).read_bytes()
    (home / "site" / DAMAGED).write_text("damaged")
    ask("repair-request --site site --out request")
    ask(f"repair request --bundle {bundle} --new {new} --base {old} {key} --out repair")
    (home / "site" / DAMAGED).write_bytes(sound)
    ask(f"publish {bundle} published {key}", f"plan published/stable.channel --site site {trust} --rate 64k")
    ask(f"fetch published/stable.channel --site site {trust} --out fetched")
    ask(f"export {bundle} --volume-size 100k --out volumes", f"fetch volumes {trust} --out joined")
    ask("hold --site site --reason fog", "status --site site", "resume --site site", "agent --site site --once")
    ask("check --site site", f"apply fetched --site site {trust}", "rollback --site site")
    ask("recover --site site", "gc --site site", "metrics --site site")
    receipt = next((home / "site/.unrep/outbox").iterdir())
    ask("history --site site", f"receipt {receipt} --key site/.unrep/site.pub", "selftest --site site --switches 2")
    ask(f"repo init repo --product vms {key} --publish www", f"repo import {old} --version 1.0.0 --repo repo")
    ask(f"release {new} --version 1.0.1 --repo repo", "repo list --repo repo", "repo show 1.0.1 --repo repo")
    ask("repo checkout 1.0.0 there --repo repo", "repo verify --repo repo", "repo prune --repo repo")
    ask("channel list --repo repo", "channel promote 1.0.1 --to stable --repo repo")
    ask("fleet add Mercy --key site/.unrep/site.pub --repo repo", "fleet take site/.unrep/outbox --repo repo")
    ask("fleet status --repo repo", "fleet show Mercy --repo repo", "fleet bases --repo repo")
    ask("fleet export ships --repo repo", "fleet rollout --repo repo", "fleet user list --repo repo")
    ask("completion bash", "completion powershell", "man --out pages")
    if os.name == "posix":
        ask(f"agent install --site site --to {home / 'unit.service'}")
    assert ask.asked | BY_MULTICAST | ENDLESS | ELSEWHERE == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_error_goes_to_stderr(command: str) -> None:
    """[A-206]: one line. With --json the same stands in the answer, which alone is on stdout."""
    line = f"{command.removeprefix('unrep ')} --no-such-option"
    code, out, err = run(line)
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("unrep: ")
    if json_options(COMMANDS[command]):
        code, out, again = run(f"{line} --json")
        assert code == 2 and json.loads(out)["error"] == err.removeprefix("unrep: ").rstrip("\n") and again == err


def test_the_events_of_a_fetch(tmp_path: Path) -> None:
    code, out, err = run(
        "fetch --events --trust", shore().trust_file, "--out", tmp_path / "out", shore().bundle("1.0.0", 1)
    )
    kinds = [json.loads(line)["event"] for line in out.splitlines()]
    assert code == 0 and kinds[0] == "started" and kinds[-2:] == ["progress", "done"], err


def test_the_answers_of_a_broadcast(tmp_path: Path) -> None:
    pytest.importorskip("raptorq", reason="the extra unrep[broadcast] is not installed: no broadcast is tested")
    skip_without_multicast()
    group = a_group()
    listening = ["listen", "--group", group, "--interface", LOOPBACK, "--trust", shore().trust_file]
    argv = [*map(str, listening), "--out", str(tmp_path / "out"), "--timeout", "60", "--json"]
    command = [sys.executable, "-m", "unrep", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listener:
        assert listener.stderr and listener.stdout and "listening on" in listener.stderr.readline()
        bundle = shore().bundle("1.0.0", 1)
        answers("broadcast", bundle, "--group", group, "--interface", LOOPBACK, "--rate", "2M", "--rounds", 4)
        out, _ = listener.communicate()
    assert json.loads(out)["complete"] and check_answer(argv, out)


@pytest.mark.parametrize(
    ("line", "document"),
    [
        ("keygen --out x --json", '{"private": "x.key", "public": "x.pub"}'),
        ("keygen --out x --json", '{"private": "x.key", "public": "x.pub", "key_id": 7}'),
        ("keygen --out x --json", '{"private": "x.key", "public": "x.pub", "key_id": "7", "more": 1}'),
        ("export x --json", '{"volumes": [{"path": "x", "bytes": 1, "more": 1}]}'),
        ("fetch x --events", '{"event": "unheard", "at": "now"}'),
        ("recover --json", '{"error": "no", "exit_code": 5, "more": 1}'),
    ],
)
def test_the_check_finds_what_it_looks_for(line: str, document: str) -> None:
    with pytest.raises(AssertionError):
        check_answer(line.split(), document)

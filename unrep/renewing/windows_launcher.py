r"""What starts unrep on Windows where it is a release at a site of its own [A-237]. On Linux `launchers/` do the same.

`agent install` copies this module and what it imports beside a Python of its own, below HOME\launch. So no update of
unrep touches what runs here, and what runs here keeps no version's files open.

    agent NAME LOG ARGUMENT...        for the service manager: `unrep agent ARGUMENT...` in the version that is current
    renewals NAME LOG SITE SECONDS    for the service manager: a round now and then, as `renew`
    renew SITE SECONDS                one round of HOME; after SECONDS of life a version is good
    unrep ARGUMENT...                 unrep in the version that is current

The round runs in the version that is good, and never in the one on trial: it judges in old code, and what it does
cannot end it. Whatever ends it, the next round goes on.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from bundle.host import presence
from bundle.host.directories import Directory
from bundle.host.durable import write_file
from bundle.host.files import read_plain
from unrep.renewing.service_process import NoService, Service, telling_into

FIRST_ROUND_S: Final = 300.0  # after the system's start
BETWEEN_ROUNDS_S: Final = 900.0
STOP_PATIENCE_S: Final = 45.0  # for an agent that is told to stop
ASKING_PATIENCE_S: Final = 300.0  # for a version that is asked what it is
_NAP_S: Final = 0.5
_MAX_NAME_BYTES: Final = 4096
_UNUSABLE: Final = 5
_DEGRADED: Final = 7
_LOOKED: Final = (0, 8)  # exit codes of a round that found out what there is; 8: nothing leads to it
_MISSES: Final = 3  # rounds in which the agent does not live, after which it goes back


class Home:
    """The site of unrep, as a launcher sees it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.launch = root / "launch"

    def current(self) -> str:
        """The version that `current` names, whether that is a junction or a pointer file; "" for none."""
        place = self.root / "current"
        with suppress(OSError, ValueError):
            named = read_plain(place, _MAX_NAME_BYTES).decode() if presence.is_file(place) else str(place.readlink())
            return _name(re.split(r"[/\\]", named.strip())[-1])
        return ""

    def said(self, name: str) -> str:
        """The first line of a file in `launch`; "" for what is missing, or names no version."""
        with suppress(OSError, ValueError):
            return _name(read_plain(self.launch / name, _MAX_NAME_BYTES).decode().partition("\n")[0].strip())
        return ""

    def say(self, name: str, text: str) -> None:
        """Writes such a file in one step. Raises OSError."""
        write_file(self.launch / name, f"{text}\n".encode())

    def forget_misses(self) -> None:
        """The agent lives. Raises OSError."""
        (self.launch / "misses").unlink(missing_ok=True)

    def argv(self, version: str, *words: str) -> list[str]:
        """The command `unrep WORDS...` of that version, by the directory that it really has. Raises OSError."""
        if not version:
            raise FileNotFoundError(f"{self.root / 'current'}: names no version; apply a release of unrep there")
        return [str(self.root / "versions" / version / "python" / "python.exe"), "-B", "-m", "unrep", *words]

    def ask(self, version: str, *words: str) -> tuple[int, str]:
        """What that version answers, and its exit code. One that does not start, or hangs, is of no use."""
        argv, quiet = self.argv(version, *words), subprocess.DEVNULL
        try:
            with subprocess.Popen(argv, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet) as asked:
                try:
                    return _answered(asked)
                finally:
                    asked.kill()  # which is nothing to one that has ended
        except (OSError, subprocess.TimeoutExpired):
            return _UNUSABLE, ""

    def can(self, version: str, *words: str) -> bool:
        """Whether that version is there, and answers 0."""
        with suppress(OSError):  # a name that no file can have
            mark = self.root / "versions" / version / "kit.json"
            return bool(version) and presence.is_file(mark) and self.ask(version, *words)[0] == 0
        return False


def _answered(asked: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Its exit code, and what it said. In naps, as `_waited`. Raises TimeoutExpired."""
    gives_up_at = time.monotonic() + ASKING_PATIENCE_S
    while True:
        try:
            said = asked.communicate(timeout=_NAP_S)[0]
            return asked.returncode, said.decode(errors="replace")
        except subprocess.TimeoutExpired:
            if time.monotonic() >= gives_up_at:
                raise


def judge(home: Home, now: str, good: str) -> str:
    """The version that makes the round: the good one. If that is lost, spoiled, or names what is gone: any other than
    the one that may be on trial, then that one."""
    if home.can(good, "--version"):
        return good
    with Directory.open(home.root / "versions") as versions:
        names = [name for name, is_directory in versions.entries() if is_directory and _name(name)]
    others = (name for name in sorted(names) if name != now)
    return next((name for name in others if home.can(name, "agent", "--probe")), now)


def renew(home: Home, site: str, seconds: str, tell: Callable[[str], None]) -> int:
    """One round, whose exit code it returns. Raises OSError."""
    now, good = home.current(), home.said("good")
    by = judge(home, now, good)
    code = _waited(subprocess.Popen(home.argv(by, "agent", "--once", "--site", str(home.root)), **_inherited()))
    now = home.current()
    if code not in _LOOKED:
        return code
    if now == good:
        home.forget_misses()
        return code
    # What is stranded (8) runs well. What is on trial is neither good nor bad yet: the next round goes on with it.
    status, shown = home.ask(by, "status", "--site", str(home.root), "--no-health", "--json")
    if status not in _LOOKED:
        return _DEGRADED
    if _state(shown) != "ok":
        return code
    if home.can(now, "agent", "--site", site, "--alive", seconds):
        home.say("good", now)
        home.forget_misses()
    elif home.can(now, "agent", "--site", site, "--alive", "0"):
        home.forget_misses()
    else:
        return _missed(home, now, good if by == good else "", tell) or code
    return code


def _missed(home: Home, now: str, good: str, tell: Callable[[str], None]) -> int:
    """The agent of the current version does not live. Raises OSError."""
    known = home.said("misses")
    misses = int(known) + 1 if known in ("1", "2") else 1
    home.say("misses", str(misses))
    if misses < _MISSES or not good:
        return 0
    tell(f"renew: the agent of {now} does not live; going back to {good}")
    home.forget_misses()
    return _waited(
        subprocess.Popen(home.argv(good, "rollback", "--to", good, "--site", str(home.root)), **_inherited())
    )


def keep_agent(home: Home, words: Sequence[str], output: IO[str]) -> int:
    """The agent, in the version that is current now, until it ends or this process is interrupted: then it is told, by
    the end of its input. Never 0 if it ended by itself. Raises OSError."""
    argv = home.argv(home.current(), "agent", "--until-input-ends", *words)
    agent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=output, stderr=output)
    try:
        return _waited(agent) or 1
    except KeyboardInterrupt:
        assert agent.stdin  # noqa: S101 - a pipe
        agent.stdin.close()
        try:
            agent.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            agent.kill()
        return 0


def keep_renewing(home: Home, site: str, seconds: str, tell: Callable[[str], None]) -> None:
    """Rounds until this process is interrupted. One under way goes on by itself then."""
    pause = FIRST_ROUND_S
    while True:
        time.sleep(pause)
        pause = BETWEEN_ROUNDS_S
        try:
            renew(home, site, seconds, tell)
        except OSError as error:  # a full disk, or what antivirus holds: the next round tries again
            tell(f"renew: {error}")


def _waited(process: "subprocess.Popen[Any]") -> int:
    """Its exit code. In naps, for a wait of Windows is interrupted by nothing."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_NAP_S)


def _inherited() -> dict[str, Any]:
    return {"stdin": subprocess.DEVNULL, "stdout": sys.stdout, "stderr": sys.stderr}


def _name(text: str) -> str:
    """The text if it can be the name of a version, else ""."""
    plain = text.isprintable() and not text.startswith(".") and not any(character in text for character in '/\\:*?"<>|')
    return text if plain else ""


def _state(shown: str) -> str:
    with suppress(ValueError, AttributeError):
        return str(json.loads(shown).get("state", ""))
    return ""


def main(arguments: Sequence[str], home: Home) -> int:
    """See above; the exit code."""
    verb, *words = arguments
    if verb == "unrep":
        return subprocess.run(home.argv(home.current(), *words), check=False).returncode
    if verb == "renew":
        return renew(home, words[0], words[1], _tell)
    name, log, *rest = words
    code = 1

    def work() -> None:
        nonlocal code
        with telling_into(Path(log)), suppress(KeyboardInterrupt):
            if verb == "agent":
                try:
                    code = keep_agent(home, rest, sys.stderr)
                except OSError as problem:  # told here, for a service has no other stderr than its log
                    _tell(f"unrep: {problem}")
                    code = _UNUSABLE
                raise SystemExit(code)
            keep_renewing(home, rest[0], rest[1], _tell)

    with suppress(SystemExit):
        Service(name).run(work)
        code = 0
    return code


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], Home(Path(__file__).resolve().parents[5])))
    except (NoService, OSError) as problem:
        _tell(f"unrep: {problem}")
        sys.exit(_UNUSABLE)

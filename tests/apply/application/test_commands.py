"""Running a site's commands, with real processes: what they get, how they end, and what they may leave behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apply.application.commands import MAX_OUTPUT_BYTES, quoted, run
from apply.errors import StepFailed
from apply.site.layout import StepContext

posix = pytest.mark.skipif(os.name == "nt", reason="signals and process groups of POSIX")
PATIENCE_S = 60.0  # how long a test waits for what must happen; none waits so long when all is well


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    site = tmp_path / "site {version}"  # a directory may well be named so
    tree = site / "versions" / "1.0.1"
    tree.mkdir(parents=True)
    return StepContext(site=site, version="1.0.1", tree=tree)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestWhatACommandGets:
    def test_the_site_the_version_and_the_tree_in_its_environment(self, context: StepContext) -> None:
        code = "import os; print(*(os.environ['UNREP_' + name] for name in ('SITE', 'VERSION', 'TREE')), sep='|')"
        output = run(python(code), context, step="snapshot", timeout_s=PATIENCE_S)
        assert output.strip() == f"{context.site}|1.0.1|{context.tree}"

    def test_the_same_in_its_arguments_and_other_braces_as_they_are(self, context: StepContext) -> None:
        argv = [*python("import sys; print(*sys.argv[1:], sep='|')"), "{site}", "v={version}", "{tree}/x", "{current}"]
        output = run([*argv, "{}", "{other}", "{{version}}"], context, step="snapshot", timeout_s=PATIENCE_S)
        expected = [context.site, "v=1.0.1", f"{context.tree}/x", context.site / "current", "{}", "{other}", "{1.0.1}"]
        assert output.strip() == "|".join(map(str, expected))

    def test_our_environment_and_what_the_step_adds(
        self, context: StepContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OURS", "a")
        code = "import os; print(os.environ['OURS'], os.environ['ADDED'])"
        output = run(python(code), context, step="prepare", timeout_s=PATIENCE_S, environment={"ADDED": "b"})
        assert output.strip() == "a b"

    def test_what_we_were_told_of_pythons_output_is_not_overruled(
        self, context: StepContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """[A-120]"""
        code = "import os; print(repr(os.environ['PYTHONUNBUFFERED']))"
        assert run(python(code), context, step="prepare", timeout_s=PATIENCE_S).strip() == "'1'"
        monkeypatch.setenv("PYTHONUNBUFFERED", "0")
        assert run(python(code), context, step="prepare", timeout_s=PATIENCE_S).strip() == "'0'"

    @pytest.mark.parametrize("place", [None, "tree"])
    def test_it_runs_in_the_site_or_where_the_step_says(self, context: StepContext, place: str | None) -> None:
        cwd = context.tree if place else None
        output = run(python("import os; print(os.getcwd())"), context, step="prepare", timeout_s=PATIENCE_S, cwd=cwd)
        assert Path(output.strip()).samefile(cwd or context.site)

    def test_no_input(self, context: StepContext) -> None:
        output = run(python("import sys; print(repr(sys.stdin.read()))"), context, step="x", timeout_s=PATIENCE_S)
        assert output.strip() == "''"

    def test_no_shell_reads_its_words(self, context: StepContext) -> None:
        argv = [*python("import sys; print(sys.argv[1])"), "$HOME; echo `id` > x"]
        assert run(argv, context, step="x", timeout_s=PATIENCE_S).strip() == "$HOME; echo `id` > x"


class TestHowItEnds:
    def test_its_code_and_its_last_line_are_named(self, context: StepContext) -> None:
        """[A-120] Not what was printed before and came later."""
        code = "import sys; print('first'); print('no space for the dump', file=sys.stderr); print(); sys.exit(3)"
        with pytest.raises(StepFailed) as caught:
            run(python(code), context, step="snapshot", timeout_s=PATIENCE_S)
        assert caught.value.step == "snapshot"
        assert caught.value.reason.startswith(quoted([sys.executable]))
        assert caught.value.reason.endswith("exited with 3, its last line: no space for the dump")

    def test_the_last_line_of_a_python_that_is_killed_is_named(self, context: StepContext) -> None:
        """[A-120] It said so, and waits."""
        code = "import time; print('waiting for the lock'); time.sleep(600)"
        with pytest.raises(StepFailed, match=r"was killed after 3 s, its last line: waiting for the lock"):
            run([sys.executable, "-S", "-c", code], context, step="snapshot", timeout_s=3)

    def test_silence_is_named_too(self, context: StepContext) -> None:
        with pytest.raises(StepFailed, match="exited with 1, and printed nothing"):
            run(python("raise SystemExit(1)"), context, step="snapshot", timeout_s=PATIENCE_S)

    def test_nothing_that_it_prints_can_upset_a_terminal(self, context: StepContext) -> None:
        code = "import sys; sys.stdout.buffer.write(b'\\x1b[2J\\x07\\xff' + b'x' * 5000 + b' the end\\n'); sys.exit(1)"
        with pytest.raises(StepFailed) as caught:
            run(python(code), context, step="x", timeout_s=PATIENCE_S)
        assert str(caught.value).isprintable()
        assert caught.value.reason.endswith("xxx the end")
        assert len(caught.value.reason) < 700

    @posix
    def test_a_signal_is_named(self, context: StepContext) -> None:
        with pytest.raises(StepFailed, match="was killed by signal 9"):
            run(python("import os; os.kill(os.getpid(), 9)"), context, step="x", timeout_s=PATIENCE_S)

    @pytest.mark.parametrize("reason", ["missing", "not executable", "no directory"])
    def test_what_cannot_be_started_is_named(self, context: StepContext, reason: str) -> None:
        program = context.site / "hook"
        if reason == "not executable":
            program.write_text("")
        cwd = context.site / "no" if reason == "no directory" else None
        with pytest.raises(StepFailed, match=r"hook cannot be started in .*site"):
            run([str(program)], context, step="restart", timeout_s=PATIENCE_S, cwd=cwd)

    @posix
    def test_a_letter_that_no_argument_can_hold(self, context: StepContext) -> None:
        """[A-97]: an update goes back for it, and does not end in the middle."""
        with pytest.raises(StepFailed, match=r"cannot be started in .*site"):
            run(["/bin/true", "\ud800"], context, step="restart", timeout_s=PATIENCE_S)

    def test_when_time_is_up_it_is_killed_and_what_it_said_is_told(self, context: StepContext) -> None:
        code = "import time; held = open('held', 'w'); print('waiting for the lock', flush=True); time.sleep(600)"
        with pytest.raises(StepFailed, match=r"was killed after 1\.5 s, its last line: waiting for the lock"):
            run([sys.executable, "-I", "-S", "-c", code], context, step="prepare", timeout_s=1.5)
        (context.site / "held").unlink()  # Windows lets nobody remove what a process has open

    @posix
    def test_its_children_are_killed_with_it(self, context: StepContext, tmp_path: Path) -> None:
        script = f"sleep 600 & echo $! > '{tmp_path}/child'; sleep 600 & wait"
        with pytest.raises(StepFailed, match="was killed after"):
            run(["sh", "-c", script], context, step="prepare", timeout_s=1)
        until(lambda: not lives(int((tmp_path / "child").read_text())))

    @posix
    def test_an_interrupt_kills_it(self, context: StepContext, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from apply.application.commands import run\n"
            "from apply.site.layout import StepContext\n"
            "site = Path(sys.argv[1])\n"
            "hang = ['sh', '-c', f'echo $$ > {site}/pid; sleep 600']\n"
            "run(hang, StepContext(site, '1', site), step='x', timeout_s=600)"
        )
        ours = subprocess.Popen([sys.executable, "-c", code, tmp_path], stderr=subprocess.PIPE)
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        ours.send_signal(signal.SIGINT)
        _, errors = ours.communicate(timeout=PATIENCE_S)
        assert b"KeyboardInterrupt" in errors
        until(lambda: not lives(int((tmp_path / "pid").read_text())))

    @posix
    def test_an_interrupt_at_its_start_kills_it_too(self, context: StepContext, tmp_path: Path) -> None:
        code = (
            "import os, signal, subprocess, sys, time; from pathlib import Path\n"
            "from apply.application.commands import run\n"
            "from apply.site.layout import StepContext\n"
            "class Interrupted(subprocess.Popen):\n"
            "    def __init__(self, *words, **options):\n"
            "        super().__init__(*words, **options)\n"
            "        Path(sys.argv[1], 'pid').write_text(str(self.pid))\n"
            "        os.kill(os.getpid(), signal.SIGINT)\n"
            "        time.sleep(0.2)\n"
            "subprocess.Popen = Interrupted\n"
            "site = Path(sys.argv[1])\n"
            "run(['sleep', '600'], StepContext(site, '1', site), step='x', timeout_s=600)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, timeout=PATIENCE_S, check=False
        )
        assert b"KeyboardInterrupt" in ended.stderr
        until(lambda: not lives(int((tmp_path / "pid").read_text())))


class TestWhatItPrints:
    def test_a_flood_does_not_block_and_its_end_is_kept(self, context: StepContext) -> None:
        code = "import sys; [sys.stdout.write('x' * 100_000) for _ in range(1000)]; print('the end')"
        output = run(python(code), context, step="prepare", timeout_s=PATIENCE_S)
        assert len(output) == MAX_OUTPUT_BYTES
        assert output.rstrip().endswith("the end")

    def test_the_last_line_of_a_flood_is_never_lost(self, context: StepContext) -> None:
        code = "import os; os.write(1, b'x' * 60_000 + b'\\nthe end\\n'); os._exit(1)"  # a pipe full, and gone
        for _ in range(20):
            with pytest.raises(StepFailed, match=r"the end$"):
                run(python(code), context, step="prepare", timeout_s=PATIENCE_S)


DAEMON = """
import os, sys, time
from pathlib import Path
site = Path(sys.argv[1])
(site / "pid").write_text(str(os.getpid()))
while not (site / "stop").exists():
    print("served a request " * 100, flush=True)
    (site / "lines").open("a").write("x")
    time.sleep(float(sys.argv[2]))
"""
# Runs a restart command that leaves the server behind, and ends.
RESTART = """
import sys
from pathlib import Path
from apply.site.layout import StepContext
from apply.application.commands import run
site, daemon = Path(sys.argv[1]), sys.argv[2]
start = f"'{sys.executable}' '{daemon}' '{site}' 0.001 & echo started"
run(["sh", "-c", start], StepContext(site, "1", site), step="restart", timeout_s=60)
"""


@posix
class TestAServerThatARestartLeavesBehind:
    @pytest.fixture
    def daemon(self, tmp_path: Path) -> Iterator[Path]:
        daemon = tmp_path / "daemon.py"
        daemon.write_text(DAEMON)
        yield daemon
        (tmp_path / "stop").touch()
        until(lambda: not lives(int((tmp_path / "pid").read_text())))

    def test_it_does_not_hold_us_up_though_it_holds_our_pipe(self, tmp_path: Path, daemon: Path) -> None:
        argv = ["sh", "-c", f"'{sys.executable}' '{daemon}' '{tmp_path}' 0.01 & echo started"]
        assert "started" in run(argv, StepContext(tmp_path, "1", tmp_path), step="restart", timeout_s=PATIENCE_S)
        until((tmp_path / "lines").exists)
        assert lives(int((tmp_path / "pid").read_text()))

    def test_it_outlives_us_however_much_it_prints(self, tmp_path: Path, daemon: Path) -> None:
        subprocess.run([sys.executable, "-c", RESTART, tmp_path, daemon], check=True, timeout=PATIENCE_S)
        size = (tmp_path / "lines").stat().st_size if (tmp_path / "lines").exists() else 0
        until(lambda: (tmp_path / "lines").stat().st_size > size + 200)  # five pipes full of lines after our end
        assert lives(int((tmp_path / "pid").read_text()))

"""The runner of spec/conformance.md, on sound readers and on such as lie, hang, crash or are not there.

It runs in this process, but for its wheel: readers are processes, and each start of one costs.
"""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import REPOSITORY

PACKAGE = REPOSITORY / "spec" / "conformance"
SECOND = REPOSITORY / "spec" / "reader" / "conformance.py"
UNREP_VERIFY = PACKAGE / "readers" / "unrep_verify.py"
VECTORS = REPOSITORY / "spec" / "vectors"
Ended = subprocess.CompletedProcess[str]
sys.path.insert(0, str(PACKAGE))
CLI = importlib.import_module("unrep_conformance.cli")
sys.path.remove(str(PACKAGE))


def run(*argv: object) -> Ended:
    """The runner, in this process."""
    out, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        try:
            code = CLI.main(list(map(str, argv)))
        except SystemExit as end:  # of argparse
            code = end.code if isinstance(end.code, int) else 1
    return Ended([], code, out.getvalue(), complaints.getvalue())


def run_alone(*argv: object, home: Path) -> Ended:
    """The runner in a process of its own, with its package alone on the path."""
    return subprocess.run(
        [sys.executable, "-m", "unrep_conformance", *map(str, argv)],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(home)},
        cwd=home,
        check=False,
    )


def report(*argv: object, code: int) -> dict[str, Any]:
    """What is told as JSON, and the exit code is that."""
    ended = run("--json", *argv)
    assert ended.returncode == code, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.fixture
def reader(tmp_path: Path) -> Any:
    """Makes a reader: `answer(request)` is the body, which gives an object or does worse."""

    def make(body: str, levels: str = '["verify"]', loop: str = "for line in sys.stdin:") -> list[str]:
        text = f"""\
        import json, os, sys, time
        def tell(request, **said):
            print(json.dumps({{"id": request["id"], **said}}), flush=True)
        {loop}
            request = json.loads(line)
            if request["task"] == "hello":
                tell(request, reader="made up", levels={levels})
                continue
            {body}
        """
        file = tmp_path / "reader.py"
        file.write_text(textwrap.dedent(text), "utf-8")
        return [sys.executable, str(file)]

    return make


def test_the_second_reader_conforms_at_every_level() -> None:
    """[N-1] [N-6] [N-9] [N-10]: it answers every case, and makes what it accepts."""
    listed = json.loads((VECTORS / "vectors.json").read_text("utf-8"))
    told = report(sys.executable, SECOND, code=0)
    images = json.loads((VECTORS / "images.json").read_text("utf-8"))["images"]
    items = [item for value in listed.values() if isinstance(value, list) for item in value]
    assert told["levels"].keys() == listed["levels"].keys() and all(row["conforms"] for row in told["levels"].values())
    asked = sum(row["asked"] for row in told["levels"].values())
    assert asked == sum(row["agreed"] for row in told["levels"].values())
    assert asked == len(items) + len(images) + sum("adopted" in item for item in items)
    assert (told["starts"], told["not_asked"], told["faults"]) == (1, 0, [])


def test_unrep_verify_conforms_where_it_is_asked() -> None:
    """Some of the cases: `make conformance` asks all. Its exit code has no class."""
    command = (sys.executable, UNREP_VERIFY, sys.executable, "-m", "unrep")
    ended = subprocess.run(
        [sys.executable, "-m", "unrep_conformance", "--json", "--only", "inner*", *map(str, command)],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(PACKAGE), str(REPOSITORY)))},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout)
    assert told["levels"]["verify"]["without_class"] > 0 and told["above"]["passed"] > 0


def test_a_reader_that_accepts_all_is_found_out(reader: Any) -> None:
    told = report(*reader('tell(request, verdict="accept")'), code=1)
    row = told["levels"]["verify"]
    assert row["wrong"] > 150 and not row["conforms"] and told["above"]["wrong"] == 0
    assert "it must be refused as" in told["faults"][0]["why"]


def test_a_reader_that_refuses_all_is_found_out(reader: Any) -> None:
    """[N-8]: sound bundles are asked of every reader."""
    told = report(*reader('tell(request, verdict="refuse")'), code=1)
    assert told["levels"]["verify"]["without_class"] > 150 and told["above"]["wrong"] > 100


def test_a_reader_that_makes_nothing_has_not_made_the_release(reader: Any) -> None:
    """[N-9]"""
    told = report("--only", "full", *reader('tell(request, verdict="accept")', '["plain"]'), code=1)
    assert told["faults"][0]["why"].startswith("its content is None, not ")


def test_to_lack_what_was_named_is_wrong(reader: Any) -> None:
    """[N-7] [N-8]"""
    told = report("--only", "full", *reader('tell(request, verdict="lack")', '["plain"]'), code=1)
    assert told["levels"]["plain"]["wrong"] == 1
    above = report("--only", "full", "--level", "verify", *reader('tell(request, verdict="lack")'), code=1)
    assert above["above"] == {"passed": 1, "wrong": 0}, "and no case of the level itself was asked"


def test_another_class_is_wrong_and_none_is_counted_apart(reader: Any) -> None:
    other = report("--only", "cut", *reader('tell(request, **{"verdict": "refuse", "class": "malformed"})'), code=1)
    assert other["levels"]["verify"]["wrong"] == 1
    none = report("--only", "cut", *reader('tell(request, verdict="refuse")'), code=0)
    assert none["levels"]["verify"]["without_class"] == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("time.sleep(60)", "it gave no answer in 0.5 s"),
        ("sys.stderr.write('no more memory'); sys.exit(9)", "it ended with exit code 9 and gave no answer; its last"),
        ("os.abort()", "it ended with exit code"),
        ("print('accept', flush=True)", "it answered b'accept"),
        ("print('[]', flush=True)", "which is no object"),
        ("print('['*100000, flush=True)", "which is no line of JSON"),
        ("sys.stdout.buffer.write(bytes(99) + b'\\n'); sys.stdout.flush()", "which is no line of JSON"),
        ("request['id'] = 1; tell(request, verdict='accept')", "it answered question 1, and"),
        ("request['id'] = True; tell(request, verdict='accept')", "it answered question True, and"),
        ("tell(request, verdict='perhaps')", "its verdict is 'perhaps'"),
        ("tell(request, verdict=['accept'])", "its verdict is ['accept']"),
        ("tell(request, **{'verdict': 'refuse', 'class': 'bad'})", "its class 'bad'"),
        ("os.close(1); time.sleep(60)", "it closed its output and gave no answer"),
    ],
)
def test_a_reader_that_fails_is_told_so(body: str, why: str, reader: Any) -> None:
    """[N-2] [N-5]: its process is ended, and a question costs its time at most."""
    begun = time.monotonic()
    told = report("--timeout", "0.5", "--only", "cut", *reader(body), code=1)
    assert {fault["kind"] for fault in told["faults"]} == {"failed"}
    assert why in told["faults"][0]["why"]
    assert told["levels"]["verify"]["failed"] == 1 and time.monotonic() - begun < 20


def test_a_reader_that_fails_five_times_in_a_row_is_given_up(reader: Any) -> None:
    """[N-5]"""
    told = report("--only", "root-*", *reader("sys.exit(9)"), code=1)
    assert (told["levels"]["verify"]["failed"], told["starts"]) == (5, 5) and told["not_asked"] > 0


def test_one_that_fails_now_and_then_is_asked_on(reader: Any) -> None:
    """[N-5]: one hang or crash costs one question."""
    body = "os.abort() if 'signature-alone' in request['file'] else tell(request, verdict='refuse')"
    told = report("--only", "signature-*", *reader(body), code=1)
    assert [fault["name"] for fault in told["faults"]] == ["signature-alone"]
    assert told["starts"] == 2 and told["not_asked"] == 0


def test_a_reader_may_end_after_each_answer(reader: Any) -> None:
    """[N-4]"""
    once = reader("tell(request, verdict='refuse')", loop="for line in [sys.stdin.readline()]:")
    told = report("--only", "cut", *once, code=0)
    assert told["levels"]["verify"]["conforms"] and told["starts"] == 2


def test_what_the_reader_started_ends_with_it(reader: Any, tmp_path: Path) -> None:
    """[N-5]"""
    mark = tmp_path / "alive"
    child = f"import time; time.sleep(3); open({str(mark)!r}, 'w')"
    body = f"import subprocess; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    report("--timeout", "1", "--only", "cut", *reader(body), code=1)
    time.sleep(3)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/no/such/reader"], "/no/such/reader: the reader cannot be started"),
        ([sys.executable, "-c", "pass"], "the reader does not say who it is: it ended with exit code 0"),
        (["--level", "all", "x"], "there is no level 'all'; the levels are verify, plain"),
        (["--vectors", "/no/such/directory", "x"], "the vectors cannot be read"),
        (["--timeout", "0", "x"], "--timeout is a number of seconds"),
        (["--only", "no such case", sys.executable, str(SECOND)], "no case of these levels has a name like"),
        ([], "name the command that starts the reader"),
    ],
)
def test_a_reader_that_is_not_there_is_no_verdict(argv: list[str], said: str) -> None:
    """[N-3]: exit code 2, and one sentence."""
    ended = run(*argv)
    assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("levels", ['["everything"]', "[]", "3", "[[]]", "[{}]"])
def test_a_reader_of_unknown_levels(levels: str, reader: Any) -> None:
    """[N-3]"""
    ended = run(*reader("", levels))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr and "level" in ended.stderr


def test_vectors_that_are_broken_are_named(tmp_path: Path) -> None:
    for text, said in (("[]", "is not as this program knows it"), ("{", "is not as this program knows it")):
        (tmp_path / "vectors.json").write_text(text, "utf-8")
        (tmp_path / "images.json").write_text('{"images": []}', "utf-8")
        ended = run("--vectors", tmp_path, "x")
        assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr
    (tmp_path / "vectors.json").write_bytes((VECTORS / "vectors.json").read_bytes())
    ended = run("--vectors", tmp_path, "x")
    assert ended.returncode == 2 and "full.unrep: this vector is missing" in ended.stderr


def test_the_list_names_every_requirement_and_case() -> None:
    told = run("--list").stdout
    listed = json.loads((VECTORS / "vectors.json").read_text("utf-8"))
    words = set(told.split())
    assert {vector["name"] for vector in listed["vectors"]} <= words
    assert {"F-53", "S-17", "R-15", "image/pe-x86-64", "chain/adopted"} <= words


def test_the_wheel_is_enough(tmp_path: Path) -> None:
    """It holds the vectors and all that a reader needs, and imports nothing but the standard library."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=PACKAGE,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("unrep_conformance-*.whl")
    home = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
        names = archive.namelist()
    assert {"unrep_conformance/vectors/full.unrep", "unrep_conformance/unicode-14.0.txt"} <= set(names)
    ended = run_alone("--level", "messages", "--json", sys.executable, SECOND, home=home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["levels"]["messages"]["conforms"]

"""keygen, build, inspect and verify as commands: what they print, write and refuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import REPOSITORY

BUILD = "build new --product vms --version 1.0.1 --seq 2 --base old --key k.key --out new.unrep"


def unrep(directory: Path, line: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "unrep", *line.split()]
    return subprocess.run(argv, cwd=directory, capture_output=True, text=True, timeout=120)


def document(directory: Path, line: str) -> dict[str, Any]:
    done = unrep(directory, f"{line} --json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(directory: Path, line: str, code: int, *words: str) -> None:
    """The command ends with that code and one sentence that has these words, and changes nothing."""
    before = snapshot(directory)
    done = unrep(directory, line)
    assert done.returncode == code, done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("unrep: ") and all(word in sentence for word in words), done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot(directory) == before


def snapshot(directory: Path) -> dict[str, bytes | None]:
    """What each file holds; None for a directory, and for what cannot be read."""
    found = (path for path in sorted(directory.rglob("*")) if not path.is_symlink())
    return {str(path): path.read_bytes() if path.is_file() and os.access(path, os.R_OK) else None for path in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases, keys and the delta between them."""
    shore = tmp_path_factory.mktemp("shore")
    for name, line in (("old", "answer = 41\n"), ("new", "answer = 42\n")):
        (shore / name / "package").mkdir(parents=True)
        body = "".join(f"def function_{number}(): return {number}\n" for number in range(500))
        (shore / name / "package" / "module.py").write_text(body + line, encoding="utf-8")
        (shore / name / "package" / "same.py").write_text("same\n", encoding="utf-8")
    (shore / "new" / "added.txt").write_text("added\n", encoding="utf-8")
    for name in ("k", "other"):
        assert unrep(shore, f"keygen --out {name}").returncode == 0
    assert unrep(shore, BUILD).returncode == 0
    return shore


@pytest.fixture
def shore(made: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(made, tmp_path / "shore", symlinks=True))


def test_build_says_what_it_made(shore: Path) -> None:
    built = document(shore, BUILD.replace("new.unrep", "again.unrep"))
    data = (shore / "again.unrep").read_bytes()
    assert built["bytes"] == len(data) == (shore / "new.unrep").stat().st_size
    assert (built["target"]["version"], built["target"]["seq"]) == ("1.0.1", 2)
    assert [base["bytes_needed"] for base in built["bases"]] == [len(data)]
    assert built["recipes"] == {"patch": 2, "literal": 1} and built["seconds"] > 0
    assert data == (shore / "new.unrep").read_bytes(), "the same input gives the same bytes"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
def test_sha256sum_reads_what_build_writes(shore: Path) -> None:
    done = subprocess.run(["sha256sum", "-c", "new.unrep.sha256"], cwd=shore, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "new.unrep: OK\n")


def test_several_bases_and_the_full_release_stand_in_one_bundle(shore: Path) -> None:
    shutil.copytree(shore / "old", shore / "older")
    (shore / "older" / "package" / "same.py").write_text("other\n", encoding="utf-8")
    built = document(shore, f"{BUILD} --base older --full".replace("new.unrep", "all.unrep"))
    assert len(built["bases"]) == 2 and built["full"]
    shown = document(shore, "inspect all.unrep")
    assert [section["kind"] for section in shown["sections"]] == ["delta", "delta", "full"]
    needed = [base["bytes_needed"] for base in built["bases"]]
    assert all(shown["header_bytes"] < count < built["bytes"] for count in needed)
    assert document(shore, "verify all.unrep --trust k.pub")["sound"]


def test_inspect_shows_every_byte_the_largest_first(shore: Path) -> None:
    shown = document(shore, "inspect new.unrep")
    (section,) = shown["sections"]
    costs = [entry["bytes"] for entry in section["objects"]]
    assert costs == sorted(costs, reverse=True)
    assert {entry["path"] for entry in section["objects"]} == {"(tree manifest)", "added.txt", "package/module.py"}
    around = section["index_bytes"] + section["hash_table_bytes"]
    assert abs(sum(costs) + around - section["bytes"]) <= len(costs)
    text = unrep(shore, "inspect new.unrep").stdout
    assert "patch: package/module.py" in text and "literal: added.txt" in text


def test_inspect_shows_what_rebuilding_takes(shore: Path) -> None:
    """[F-64]"""
    assert document(shore, "inspect new.unrep")["sections"][0]["room_bytes"] == 0
    shutil.copy(REPOSITORY / "spec" / "vectors" / "delta.unrep", shore / "made.unrep")
    assert document(shore, "inspect made.unrep")["sections"][0]["room_bytes"] == 108
    assert "bytes; rebuilding takes 108 more on disk for a time\n" in unrep(shore, "inspect made.unrep").stdout
    assert "rebuilding takes" not in unrep(shore, "inspect new.unrep").stdout


def test_inspect_shows_names_that_the_output_cannot_take(shore: Path) -> None:
    """As in a Windows pipe, which takes the letters of one code page by itself, and a release has those of any.

    Besides, no patch of this bundle changes a byte, and the pack for changes is not there.
    """
    (shore / "new" / "Журнал.txt").write_text("a log\n", encoding="utf-8")
    assert unrep(shore, BUILD.replace("new.unrep", "letters.unrep")).returncode == 0
    argv = [sys.executable, "-m", "unrep", "inspect", "letters.unrep"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(argv, cwd=shore, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Журнал.txt".encode() in done.stdout


def test_bad_input_to_build_is_named(shore: Path) -> None:
    refused(shore, BUILD.replace("build new ", "build nowhere "), 2, "nowhere", "not a directory")
    refused(shore, BUILD.replace("--base old", "--base nowhere"), 2, "nowhere")
    refused(shore, BUILD.replace("--base old", "--base new"), 2, "new")
    refused(shore, BUILD.replace("--key k.key", "--key k.pub"), 2, "k.pub")
    refused(shore, BUILD.replace("--key k.key", "--key nowhere.key"), 2, "nowhere.key")
    refused(shore, BUILD.replace("--version 1.0.1", "--version ../1"), 2, "../1")
    refused(shore, BUILD.replace("--product vms", "--product v/s"), 2, "v/s")
    refused(shore, BUILD.replace("--seq 2", "--seq 0"), 2, "--seq")
    refused(shore, BUILD.replace("--out new.unrep", "--out nowhere/x.unrep"), 2, "nowhere: no such directory")
    refused(shore, "build", 2, "NEW")


@pytest.mark.skipif(os.name == "nt", reason="Windows itself refuses such a name")
def test_names_that_windows_reserves_are_told_where_they_can_be_made(shore: Path) -> None:
    (shore / "new" / "nul.txt").write_text("x", encoding="utf-8")
    refused(shore, BUILD.replace("new.unrep", "x.unrep"), 2, "nul.txt", "Windows")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_is_named(shore: Path) -> None:
    (shore / "new" / "added.txt").chmod(0)
    refused(shore, BUILD, 2, "added.txt")


@pytest.mark.skipif(os.name == "nt", reason="named pipes of POSIX")
def test_a_pipe_in_a_release_is_named(shore: Path) -> None:
    os.mkfifo(shore / "new" / "pipe")
    done = unrep(shore, BUILD)
    assert done.returncode == 2 and "new/pipe: neither a file nor a directory" in done.stderr


@pytest.mark.slow
def test_bad_input_to_the_readers_is_named(shore: Path) -> None:
    assert unrep(shore, f"{BUILD} --full".replace("new.unrep", "full.unrep")).returncode == 0
    data = (shore / "full.unrep").read_bytes()
    (shore / "cut.unrep").write_bytes(data[:-1])
    (shore / "flipped.unrep").write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
    (shore / "empty.unrep").write_bytes(b"")
    refused(shore, "verify nowhere.unrep --trust k.pub", 2, "nowhere.unrep")
    refused(shore, "verify new.unrep --trust nowhere.pub", 2, "nowhere.pub")
    refused(shore, "verify new.unrep --trust k.key", 2, "k.key")
    refused(shore, "verify new.unrep --trust other.pub", 3, "new.unrep", "signed by")
    refused(shore, "verify cut.unrep --trust k.pub", 3, "cut.unrep", "cut short")
    refused(shore, "verify flipped.unrep --trust k.pub", 3, "flipped.unrep", "hash")
    refused(shore, "verify empty.unrep --trust k.pub", 3, "empty.unrep", "not an unrep bundle")
    refused(shore, "inspect old/package/module.py", 3, "module.py", "not an unrep bundle")
    refused(shore, "inspect old", 2, "old")
    refused(shore, "keygen --out k", 2, "k.key", "exists already")
    refused(shore, "nonsense", 2, "nonsense")


def test_an_error_is_one_object_for_a_program(shore: Path) -> None:
    done = unrep(shore, "verify new.unrep --trust other.pub --json")
    found = json.loads(done.stdout)
    assert (found["exit_code"], done.returncode) == (3, 3) and "signed by" in found["error"]


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_an_interrupted_build_leaves_nothing(shore: Path) -> None:
    (shore / "new" / "large.bin").write_bytes(os.urandom(8_000_000))
    before = snapshot(shore)
    argv = [sys.executable, "-m", "unrep", *BUILD.replace("new.unrep", "x.unrep").split()]
    process = subprocess.Popen(argv, cwd=shore, stderr=subprocess.PIPE, text=True, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():  # the command is at work once it has workers
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert errors.splitlines()[-1] == "unrep: interrupted; run the same command again, it goes on from there"
    assert snapshot(shore) == before

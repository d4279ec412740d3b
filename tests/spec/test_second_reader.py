"""The second reader of spec/reader, from the specification's text alone, and the product judge every file alike."""

import ast
import gzip
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import REPOSITORY

READER = REPOSITORY / "spec" / "reader"
VECTORS = REPOSITORY / "spec" / "vectors"
Ended = subprocess.CompletedProcess[str]


def run(*argv: object) -> Ended:
    return subprocess.run([str(item) for item in argv], capture_output=True, encoding="utf-8", check=False)


def reader(*argv: object) -> Ended:
    return run(sys.executable, READER / "unrep_reader.py", *argv)


def unrep(*argv: object) -> Ended:
    return run(sys.executable, "-m", "unrep", *argv)


def test_it_shares_nothing_with_the_product() -> None:
    names = set()
    for path in READER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(str(node.module).split(".")[0])
    own = {path.stem for path in READER.glob("*.py")}
    assert (
        names - own - sys.stdlib_module_names == {"cryptography", "zstandard", "compression"} - sys.stdlib_module_names
    )


def words(seed: int, count: int = 4000) -> bytes:
    choice = random.Random(seed)
    return b" ".join(choice.choices([b"%x" % (n * n) for n in range(400)], k=count))


def release(directory: Path, version: int, tool: bytes) -> Path:
    """A tree of every kind: text, an executable image, a wheel, a gzip file, an empty directory."""
    (directory / "lib" / "empty").mkdir(parents=True)
    with zipfile.ZipFile(directory / "lib" / "app.whl", "w") as archive:
        for number in range(4):
            info = zipfile.ZipInfo(f"m{number}.py", (2024, 1, 1, 1, version, 0))
            content = words(number) + (b"changed" if version == 2 and number % 2 else b"")
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, 6)
        archive.writestr(zipfile.ZipInfo("stored.bin"), b"stored")
    (directory / "docs.gz").write_bytes(gzip.compress(words(9) + b"%d" % version, 9, mtime=version))
    text = words(11)
    (directory / "plain.txt").write_bytes(text if version == 1 else text[:5000] + b"inserted" + text[5200:])
    (directory / f"new{version}.bin").write_bytes(random.Random(version).randbytes(3000))
    (directory / "tool").write_bytes(tool)
    (directory / "copy.txt").write_bytes(b"same")
    return directory


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with old, new, k.pub and f.unrep: a delta and a full section, signed."""
    top = tmp_path_factory.mktemp("second-reader")
    listed = json.loads((VECTORS / "images.json").read_text("utf-8"))["images"]
    image = next(bytes.fromhex(item["image"]) for item in listed if item["name"] == "pe-x86-64")
    release(top / "old", 1, image)
    release(top / "new", 2, image[:-3] + b"end")
    assert unrep("keygen", "--out", top / "k").returncode == 0
    named = ("--product", "p", "--version", "2", "--seq", "2", "--key", top / "k.key", "--workers", "1")
    built = unrep("build", top / "new", *named, "--base", top / "old", "--full", "--out", top / "f.unrep")
    assert built.returncode == 0, built.stderr
    return top


def told(ended: Ended) -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_both_verify_a_fresh_bundle(site: Path) -> None:
    """Signature, pieces, and every object of either section."""
    assert unrep("verify", site / "f.unrep", "--trust", site / "k.pub").returncode == 0
    assert "the full section makes all 7 entries" in told(reader("verify", site / "f.unrep", "--trust", site / "k.pub"))
    with_base = reader("verify", site / "f.unrep", "--trust", site / "k.pub", "--base", site / "old")
    assert "the delta section makes all 7 entries" in told(with_base)


def test_its_list_is_the_release(site: Path) -> None:
    lines = told(reader("list", site / "f.unrep", "--base", site / "old")).splitlines()
    files = {str(path.relative_to(site / "new").as_posix()) for path in (site / "new").rglob("*") if path.is_file()}
    assert {line.split()[2] for line in lines[:-1]} == files | {"lib/empty"}
    assert "WHO SIGNED IT WAS NOT JUDGED" in lines[-1]


def test_both_refuse_what_was_changed(site: Path) -> None:
    """One byte anywhere: in the preamble, the root, the signatures, the sections; or missing, or added."""
    data = (site / "f.unrep").read_bytes()
    seed = random.Random().randrange(1 << 32)
    print("seed", seed)
    choice = random.Random(seed)
    places = [3, 40, *(choice.randrange(len(data)) for _ in range(2))]
    spoilt = [data[:at] + bytes([data[at] ^ 1 << choice.randrange(8)]) + data[at + 1 :] for at in places]
    for content in (*spoilt, data[:-1], data + b"\0"):
        (site / "spoilt.unrep").write_bytes(content)
        ours = unrep("verify", site / "spoilt.unrep", "--trust", site / "k.pub")
        other = reader("verify", site / "spoilt.unrep", "--trust", site / "k.pub")
        assert (ours.returncode, other.returncode) == (3, 3), (ours.stderr, other.stderr)
        assert re.fullmatch(r"refused, \w+: .+\n", other.stderr)


def test_both_read_an_encrypted_bundle_with_its_ticket_and_neither_without(site: Path) -> None:
    """[S-6] [S-8] [S-9]"""
    for name in ("ship", "other"):
        assert unrep("ship-key", "new", "--out", site / name).returncode == 0
    named = ("--product", "p", "--version", "2", "--seq", "2", "--key", site / "k.key", "--workers", "1")
    built = unrep(
        "build", site / "new", *named, "--base", site / "old", "--full", "--recipient", site / "ship.pub",
        "--out", site / "e.unrep", "--json",
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (ticket,) = json.loads(built.stdout)["tickets"]
    trusted = ("--trust", site / "k.pub")
    assert "it is encrypted, and there is no --ship-key" in told(reader("verify", site / "e.unrep", *trusted))
    opened = ("--ship-key", site / "ship.key", "--ticket", ticket)
    plain = told(reader("list", site / "f.unrep", *trusted)).splitlines()
    assert told(reader("list", site / "e.unrep", *trusted, *opened)).splitlines() == plain
    with_base = reader("verify", site / "e.unrep", *trusted, "--base", site / "old", *opened)
    assert "the delta section makes all 7 entries" in told(with_base)
    assert unrep("verify", site / "e.unrep", *trusted, *opened).returncode == 0
    for wrong in (("--ship-key", site / "other.key", "--ticket", ticket), ("--ship-key", site / "ship.key")):
        ended = reader("verify", site / "e.unrep", *trusted, *wrong)
        assert (ended.returncode, ended.stderr[:15]) == (3, "refused, sealed")
        assert unrep("verify", site / "e.unrep", *trusted, "--ship-key", site / "other.key").returncode == 3


def test_a_stranger_is_refused(site: Path) -> None:
    assert unrep("keygen", "--out", site / "stranger").returncode == 0
    ended = reader("verify", site / "f.unrep", "--trust", site / "stranger.pub")
    assert (ended.returncode, ended.stderr[:18]) == (3, "refused, untrusted")


@pytest.mark.skipif(os.name == "nt", reason="a link needs a privilege there")
def test_links_and_modes_of_a_posix_bundle(site: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    (new / "bin").mkdir(parents=True)
    (new / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (new / "bin" / "run").chmod(0o755)
    (new / "run").symlink_to("bin/run")
    (new / "aux").write_bytes(b"no device here")
    named: tuple[Any, ...] = ("--product", "p", "--version", "1", "--seq", "1", "--platform", "posix", "--workers", "1")
    built = unrep("build", new, *named, "--key", site / "k.key", "--out", tmp_path / "f.unrep")
    assert built.returncode == 0, built.stderr
    lines = told(reader("list", tmp_path / "f.unrep", "--trust", site / "k.pub")).splitlines()
    assert [line.split()[::2] for line in lines[:3]] == [["file", "aux"], ["executable", "bin/run"], ["link", "run"]]

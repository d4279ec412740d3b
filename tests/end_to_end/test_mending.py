"""A site with damaged files fetches what they need of the full release, and no more: spec/transfer.md [T-41]."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bundle.format.pieces import MIN_PIECE_BYTES
from bundle.read.reader import open_bundle, stored_bytes
from bundle.write import builder, sections
from tests.support.contents.releases import KEY, TRUST, Tree, build_from, write_tree
from tests.support.links.nginx import nginx

SEED = 73
NOISE = random.Random(SEED)
OLD: Tree = {f"charts/{number}.bin": NOISE.randbytes(30_000) for number in range(40)}
NEW: Tree = OLD | {f"charts/{number}.bin": OLD[f"charts/{number}.bin"] + b"changed" for number in range(0, 40, 4)}


def unrep(directory: Path, *argv: object) -> "subprocess.CompletedProcess[str]":
    """Runs the command in a directory."""
    command = [sys.executable, "-m", "unrep", *map(str, argv)]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)


@pytest.fixture
def shore(tmp_path: Path) -> Path:
    """A bundle of the old release, and one of the new with a delta and the full release in frames of few files."""
    directory = tmp_path / "shore"
    write_tree(directory / "old", OLD)
    (directory / "www").mkdir()
    build_from(directory / "old", [], directory / "www" / "old.unrep", version="1.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "FULL_FRAME_BYTES", 100_000)
        patch.setattr(builder, "PIECE_BYTES", MIN_PIECE_BYTES)
        new = write_tree(directory / "new", NEW)
        build_from(new, [directory / "old"], directory / "www" / "new.unrep", full=True, seq=3)
    return directory


@pytest.fixture
def ship(tmp_path: Path, shore: Path) -> Path:
    """A directory with the sender's key and a site that runs the old release."""
    directory = tmp_path / "ship"
    (directory / "site").mkdir(parents=True)
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (directory / "shore.pub").write_bytes(public)
    done = unrep(directory, "apply", shore / "www" / "old.unrep", "--site", "site", "--trust", "shore.pub")
    assert done.returncode == 0, done.stderr
    return directory


def document(run: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(run.stdout)
    return loaded


def test_only_the_frames_of_damaged_files_are_fetched_and_only_if_agreed(
    ship: Path, shore: Path, tmp_path: Path
) -> None:
    """[T-41], [A-41], [F-62]: one file that a recipe reads, and one that stays as it is."""
    for name in ("4.bin", "5.bin"):
        (ship / "site" / "versions" / "1.0" / "charts" / name).write_bytes(b"damaged")
    with open_bundle(shore / "www" / "new.unrep", TRUST) as bundle:
        delta, full = bundle.root.sections
        delta_bytes = bundle.verified.header_bytes + stored_bytes(bundle.root, delta)
        full_bytes = stored_bytes(bundle.root, full)
    with nginx(shore / "www", tmp_path / "nginx") as server:
        line = (
            "fetch",
            server.url("new.unrep"),
            "--trust",
            "shore.pub",
            "--out",
            "new.unrep",
            "--site",
            "site",
            "--json",
        )
        refused, agreed, again = unrep(ship, *line), unrep(ship, *line, "--allow-full"), unrep(ship, *line)
    assert refused.returncode == 4, refused.stderr
    assert "2 files of version 1.0 are damaged: the full release has them, in " in refused.stderr
    assert "--allow-full accepts that, or let 'unrep repair-request' ask ashore for a repair" in refused.stderr
    received = document(refused)["bytes_received"] + document(agreed)["bytes_received"]
    assert agreed.returncode == 0, agreed.stderr
    assert 60_000 < document(agreed)["bytes_received"] < 250_000
    assert received < delta_bytes + 300_000 < full_bytes / 2
    assert again.returncode == 0 and document(again)["bytes_resumed"] == document(again)["bytes_needed"]
    done = unrep(ship, "apply", "new.unrep", "--site", "site", "--trust", "shore.pub", "--json")
    assert done.returncode == 0, done.stderr
    assert "but 2 files from the full release, because of this" in document(done)["reason"]
    current = ship / "site" / "current"
    assert {str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*.bin")} == NEW


def test_a_site_without_damage_costs_the_delta_alone(ship: Path, shore: Path, tmp_path: Path) -> None:
    """[T-5], [T-41]"""
    with nginx(shore / "www", tmp_path / "nginx") as server:
        source = server.url("new.unrep")
        run = unrep(ship, "fetch", source, "--trust", "shore.pub", "--out", "f", "--site", "site", "--json")
    assert run.returncode == 0, run.stderr
    assert document(run)["bytes_needed"] < 5_000

"""[P-12], [P-13], [P-16], [P-20] A repository that publishes to an S3-compatible store, a real server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bundle.host.progress import Quiet
from tests.support.contents.releases import write_tree
from tests.support.contents.repositories import Ashore, content, sound
from tests.support.links.s3_server import S3Server, s3_server
from tests.support.observers.command import run
from transfer.channels.channel import Channel
from transfer.channels.signing import read_unverified
from transfer.errors import Incomplete, OutputRefused
from transfer.publishing.object_store import ObjectStoreBackend

URL = "s3://fleet/vms"
KILLS = 3


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with s3_server(monkeypatch) as running:
        yield running


@pytest.fixture
def ashore(server: S3Server, tmp_path: Path) -> Ashore:
    """With the store and a directory as destinations."""
    made = Ashore(tmp_path)
    made.settle(f"destinations = {json.dumps([URL, str(tmp_path / 'www')])}\nreleases = 1")
    return made


def objects() -> dict[str, int]:
    """Names and lengths of what is in the store."""
    found: list[dict[str, Any]] = ObjectStoreBackend(URL)._store.find("fleet", detail=True).values()
    return {one["name"].removeprefix("fleet/vms/"): one["size"] for one in found}


def in_store() -> Channel | None:
    """What the channel's file says there. Raises AssertionError unless all that it names is there whole."""
    data = ObjectStoreBackend(URL).read("stable.channel", 20_000)
    if data is None:
        return None
    said, there = read_unverified(data), objects()
    assert all(there.get(bundle.file) == bundle.length for bundle in said.bundles), (said, there)
    return said


def test_releases_go_to_a_store_and_a_directory_at_once(ashore: Ashore) -> None:
    for number in range(3):
        report = ashore.release(number)
        assert report.sent == {URL: 1, str(ashore.root / "www"): 1}
    assert in_store() == ashore.channel() and sound(ashore)
    store = ObjectStoreBackend(URL)
    for name in ashore.published():
        assert store.read(name, 1 << 20) == (ashore.root / "www" / name).read_bytes()
    before = objects()
    assert sum(ashore.release(2).sent.values()) == 0 and objects() == before, "nothing happens a second time"


def test_prune_removes_there_what_it_put_there(ashore: Ashore) -> None:
    """[P-16], [P-19]"""
    store = ObjectStoreBackend(URL)
    store.replace("index.html", b"ours")
    store.replace("vms-9.9.9-0123456789abcdef.unrep", b"of somebody else")
    for number in range(3):
        ashore.release(number)
    ashore.prune()
    assert objects().keys() == {"stable.channel", "index.html", "vms-9.9.9-0123456789abcdef.unrep", *ashore.published()}
    assert len(ashore.published()) == 1 and in_store() == ashore.channel()


def test_a_store_that_goes_away_midway_keeps_the_directory_from_nothing(
    ashore: Ashore, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[P-12], [P-20]: it is named, no channel moves, and once it is back, empty, it gets all that it lacks."""
    ashore.release(0)
    start = Quiet.start

    def stops_it(self: Quiet, phase: str, total: int, unit: str) -> None:
        if phase.startswith(f"publishing to {URL}"):
            server.stop()
        start(self, phase, total, unit)

    with monkeypatch.context() as broken, pytest.raises(Incomplete, match=rf"^{URL}/vms-1\.0\.1.*the store"):
        broken.setattr(Quiet, "start", stops_it)
        ashore.release(1)
    stable = ashore.channel()
    assert len(ashore.published()) == 2 and stable and stable.release.version == "1.0.0"
    with pytest.raises(Incomplete, match=URL):
        ashore.release(2)
    with pytest.raises(Incomplete, match=URL):
        ashore.prune()
    server.start()
    assert ashore.release(1).sent == {URL: 2, str(ashore.root / "www"): 0}
    there = in_store()
    assert there == ashore.channel() and there and there.release.version == "1.0.1"


def test_a_bucket_that_is_not_there_is_named_before_anything_is_built(ashore: Ashore) -> None:
    """[P-20]"""
    ashore.settle('destinations = ["s3://nobody/vms"]')
    before = ashore.files()
    with pytest.raises(OutputRefused, match=r"s3://nobody/vms.*check address and rights"):
        ashore.release(0)
    assert ashore.files() == before


def test_a_release_that_is_killed_shows_nothing_of_it_and_goes_on(ashore: Ashore, server: S3Server) -> None:
    """[P-11], [P-20]: a few SIGKILLs at random moments, most of them while the bundle goes up."""
    seed = 20261130
    print(f"seed {seed}")
    random = Random(seed)
    assert run("keygen --out", ashore.root / "k")[0] == 0
    ashore.settle(f"key = {str(ashore.root / 'k.key')!r}")
    source = write_tree(ashore.root / "big", content(0) | {"data.bin": random.randbytes(20_000_000)})
    argv = [sys.executable, "-m", "unrep", "release", str(source), "--version", "1"]
    argv += ["--repo", str(ashore.root / "repo")]
    for _ in range(KILLS):
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ) as process:
            until = time.monotonic() + 60
            while process.poll() is None and not list((ashore.root / "repo" / "bundles").glob("1-1.unrep")):
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(random.uniform(0, 1.0))
            process.send_signal(signal.SIGKILL)
        in_store()
        assert not ashore.verify().faults
    ended = subprocess.run(argv, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    said = in_store()
    assert said and said == ashore.channel() and sound(ashore)
    (name,) = ashore.published()
    assert ObjectStoreBackend(URL).read(name, 1 << 26) == (ashore.root / "www" / name).read_bytes()

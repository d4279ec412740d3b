"""Publishing: what readers see at every moment, and what is refused."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bundle.errors import Corrupt, InputError, Untrusted
from bundle.format import canonical
from bundle.host.progress import Quiet
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, TinyBundle, tiny_bundle, write_trust
from tests.support.links.nginx import nginx
from transfer.channels.channel import Channel, ChannelBundle
from transfer.channels.signing import compose, verify_channel
from transfer.disk.lock import output_lock
from transfer.errors import OutputBusy, OutputRefused
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.publish import ChannelMove, Published, publish
from unrep.cli import main

OLD = tiny_bundle(Shape(version="1.0.0", seq=1, full_bytes=30_000))
NEW = tiny_bundle(Shape(version="1.0.1+b", seq=2, full_bytes=40_000, delta_bytes={"old": 9_000}))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


STABLE, BACK = ChannelMove([KEY]), ChannelMove([KEY], go_back=True)


@dataclass
class Shore:
    """A directory to publish from, and one to publish to."""

    directory: Path

    @property
    def www(self) -> Path:
        return self.directory / "www"

    def file(self, bundle: TinyBundle) -> Path:
        path = self.directory / f"{bundle.root.version}.unrep"
        path.write_bytes(bundle.data)
        return path

    def publish(self, bundle: TinyBundle, move: ChannelMove | None = STABLE) -> Published:
        return publish(self.file(bundle), DirectoryBackend(self.www), move, Quiet())

    def channel(self, name: str = "stable") -> Channel:
        return verify_channel((self.www / f"{name}.channel").read_bytes(), TRUST).channel

    def stock(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.www.iterdir()}


@pytest.fixture
def shore(tmp_path: Path) -> Shore:
    (tmp_path / "www").mkdir()
    return Shore(tmp_path)


def test_the_channel_leads_to_the_newest_and_the_same_again_changes_nothing(shore: Shore) -> None:
    """[T-50], [T-52], [T-139]"""
    first, second = shore.publish(OLD), shore.publish(NEW)
    assert first.added and first.moved and second.added and second.moved
    found = shore.channel()
    assert (found.product, found.release.version, found.release.mark) == ("vms", "1.0.1+b", (0, 2))
    newest, older = found.bundles
    assert newest.root == NEW.verified.root_hash and newest.length == len(NEW.data)
    assert (shore.www / newest.file).read_bytes() == NEW.data and newest == second.bundle
    assert (shore.www / older.file).read_bytes() == OLD.data and older == first.bundle
    before, dates = shore.stock(), {path: path.stat().st_mtime_ns for path in shore.www.iterdir()}
    again = shore.publish(NEW)
    assert not again.added and not again.moved
    assert shore.stock() == before and {path: path.stat().st_mtime_ns for path in shore.www.iterdir()} == dates


def test_without_a_key_channels_stay(shore: Shore) -> None:
    """[T-50]"""
    shore.publish(OLD)
    before = shore.stock()["stable.channel"]
    published = shore.publish(NEW, None)
    assert published.added and not published.moved and published.made is None
    assert shore.stock()["stable.channel"] == before and (shore.www / published.bundle.file).read_bytes() == NEW.data


def test_channels_move_by_themselves_and_each_counter_grows(shore: Shore) -> None:
    """[T-139], [T-141]"""
    shore.publish(OLD)
    shore.publish(NEW, ChannelMove([KEY], "canary"))
    stable, canary = shore.channel(), shore.channel("canary")
    assert (stable.release.seq, canary.release.seq, len(canary.bundles)) == (1, 2, 1)
    shore.publish(NEW)
    assert shore.channel().counter > stable.counter and shore.channel("canary") == canary
    with pytest.raises(InputError, match="lower-case"):
        shore.publish(NEW, ChannelMove([KEY], "../x"))


def test_it_does_not_go_back_unless_told(shore: Shore) -> None:
    """[T-53]"""
    shore.publish(NEW)
    before = shore.stock()
    for bundle in (OLD, tiny_bundle(Shape(version="1.0.2", seq=2, full_bytes=41_000), seed=9)):
        with pytest.raises(OutputRefused, match=r"names vms 1\.0\.1\+b \(seq 2\) already.*--go-back"):
            shore.publish(bundle)
        assert shore.stock() == before
    counter = shore.channel().counter
    assert shore.publish(OLD, BACK).moved and shore.channel().release.seq == 1
    assert shore.channel().counter > counter, "a channel that moves back is newer all the same"
    assert shore.publish(tiny_bundle(Shape(seq=1, epoch=1, full_bytes=100))).moved, "a new epoch counts more"


def test_another_bundle_of_the_release_stands_beside_the_first(shore: Shore) -> None:
    """[T-53]: shore sends what a stranded ship needs."""
    shore.publish(NEW)
    shore.publish(tiny_bundle(Shape(version="1.0.1+b", seq=2, delta_bytes={"older": 900}), seed=9))
    assert [len(bundle.bases) for bundle in shore.channel().bundles] == [1, 1] and shore.channel().release.seq == 2


def test_another_products_place_is_not_taken(shore: Shore) -> None:
    """[T-53]"""
    shore.publish(tiny_bundle(Shape(product="ecdis", full_bytes=100)))
    for move in (STABLE, BACK):
        with pytest.raises(OutputRefused, match="names ecdis"):
            shore.publish(NEW, move)
    (shore.www / "stable.channel").write_bytes(b"a file of somebody's\n")
    with pytest.raises(OutputRefused, match="is no channel file"):
        shore.publish(NEW, BACK)
    assert (shore.www / "stable.channel").read_bytes() == b"a file of somebody's\n"


def test_what_a_stranger_wrote_there_is_not_signed_again(shore: Shore) -> None:
    """[T-53]: whoever may write to the place must not have shore sign what they like."""
    said = ChannelBundle.of(OLD.verified, "evil.unrep")
    forged = Channel("vms", "stable", canonical.MAX_INTEGER, said.release, [said])
    (shore.www / "stable.channel").write_bytes(compose(forged, [STRANGER]).data)
    published = shore.publish(NEW)
    assert "are not in the new one" in published.forgot
    found = shore.channel()
    assert [bundle.release.seq for bundle in found.bundles] == [2] and found.counter < 2**40


@pytest.mark.parametrize("damage", ["flipped", "short", "holes"])
def test_a_bundle_that_is_not_whole_is_not_published(shore: Shore, damage: str) -> None:
    """[T-50]"""
    shore.publish(OLD)
    before = shore.stock()
    path = shore.file(NEW)
    bad = bytearray(NEW.data)
    bad[-5_000] ^= 1
    spoilt = {"flipped": bytes(bad), "short": NEW.data[:-1], "holes": NEW.holding(NEW.root.sections[0])}
    path.write_bytes(spoilt[damage])
    with pytest.raises(Corrupt, match=re.escape(str(path))):
        publish(path, DirectoryBackend(shore.www), STABLE, Quiet())
    assert shore.stock() == before


def test_a_key_that_did_not_sign_the_bundle_is_refused(shore: Shore) -> None:
    """Ships would take the channel file and refuse the bundle."""
    with pytest.raises(Untrusted):
        shore.publish(NEW, ChannelMove([STRANGER]))
    assert shore.stock() == {}


def test_what_is_there_is_never_written_over(shore: Shore) -> None:
    """[T-52]"""
    name = shore.publish(NEW).bundle.file
    (shore.www / "stable.channel").unlink()
    (shore.www / name).write_bytes(NEW.data[:100])
    with pytest.raises(OutputRefused, match=rf"{name.replace('+', '.')} is there with 100 bytes"):
        shore.publish(NEW)
    assert (shore.www / name).read_bytes() == NEW.data[:100] and not (shore.www / "stable.channel").exists()


def test_two_at_once_into_one_directory(shore: Shore) -> None:
    """[T-50]"""
    with output_lock(shore.www / "publishing"), pytest.raises(OutputBusy, match="is publishing to it"):
        shore.publish(NEW)


KILLED = """
import pathlib, sys, time
from bundle.host.progress import Quiet
from bundle.trust.signing import load_private_key
from transfer.publishing.publish import ChannelMove, publish
from transfer.publishing.directory import DirectoryBackend
class Slow(Quiet):
    def advance(self, amount):
        print("piece", flush=True)
        time.sleep(0.02)
file, www, key = map(pathlib.Path, sys.argv[1:])
publish(file, DirectoryBackend(www), ChannelMove([load_private_key(key)]), Slow())
print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("pieces", [1, 7, 13, 16])
def test_a_kill_leaves_the_old_channel_and_the_next_run_finishes(shore: Shore, pieces: int) -> None:
    """[T-50]"""
    shore.publish(OLD)
    key = write_key(shore.directory / "shore.key")
    command = [sys.executable, "-c", KILLED, str(shore.file(NEW)), str(shore.www), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(pieces):
            assert process.stdout.readline(), "it ended before it was killed"
        process.send_signal(signal.SIGKILL)
    found = shore.channel()
    newest = found.bundles[0]
    assert found.release.seq in (1, 2) and len((shore.www / newest.file).read_bytes()) == newest.length
    assert pieces == 16 or found.release.seq == 1
    shore.publish(NEW)
    found = shore.channel()
    assert found.release.seq == 2 and (shore.www / found.bundles[0].file).read_bytes() == NEW.data
    assert not list(shore.www.glob("*.part"))


def write_key(path: Path) -> Path:
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def unrep(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict[str, object], str]:
    """Exit code, document and messages of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in (*argv, "--json")])
    said = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(said.out), said.err


def test_the_commands(shore: Shore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-50], [T-142], [T-145]: publish, fetch by the channel, and a server that has another bundle under the name."""
    key, trust, out = write_key(tmp_path / "k.key"), write_trust(tmp_path / "k.pub"), tmp_path / "got.unrep"
    code, document, said = unrep(capsys, "publish", shore.file(NEW), shore.www, "--key", key)
    assert code == 0 and document["channel_moved"] is True, said
    code, document, said = unrep(capsys, "publish", shore.file(OLD), shore.www, "--key", key)
    assert code == 2 and "--go-back" in said and document["exit_code"] == 2
    code, _, said = unrep(capsys, "publish", shore.file(OLD), tmp_path / "nowhere", "--key", key)
    assert code == 2 and "nowhere: no such directory" in said
    name = shore.channel().bundles[0].file
    with nginx(shore.www, tmp_path / "nginx") as server:
        for address in ("stable.channel", ""):
            code, _, said = unrep(capsys, "fetch", server.url(address), "--trust", trust, "--out", out)
            assert code == 0 and out.read_bytes() == NEW.data, said
            out.unlink()
        shutil.copy(shore.file(OLD), shore.www / name)
        code, _, said = unrep(capsys, "fetch", server.url("stable.channel"), "--trust", trust, "--out", out)
        assert code == 3 and "not the bundle that the channel file names" in said
        (shore.www / name).unlink()
        code, _, said = unrep(capsys, "fetch", server.url("stable.channel"), "--trust", trust, "--out", out)
        assert code == 2 and name.replace("+", "%2B") in said and "404" in said

"""Publishing: what readers see at every moment, what is refused, and where a pointer leads."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bundle.errors import Corrupt, Malformed, Untrusted
from bundle.format import canonical
from bundle.host.progress import Quiet
from bundle.trust.signing import Signed, sign_payload, verifying_key
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, TinyBundle, tiny_bundle, write_trust
from tests.support.links.bad_server import BadServer
from tests.support.links.nginx import nginx
from transfer.config import TransferConfig
from transfer.disk.lock import output_lock
from transfer.errors import Incomplete, OutputBusy, OutputRefused
from transfer.publishing.directory import DirectoryBackend
from transfer.publishing.latest import PAYLOAD_TYPE, POINTER_NAME, Pointer, sign_pointer, verify_pointer
from transfer.publishing.publish import Published, publish
from transfer.publishing.resolve import resolve
from unrep.cli import main

OLD = tiny_bundle(Shape(version="1.0.0", seq=1, full_bytes=30_000))
NEW = tiny_bundle(Shape(version="1.0.1+b", seq=2, full_bytes=40_000, delta_bytes={"old": 9_000}))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


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

    def publish(self, bundle: TinyBundle, go_back: bool = False, key: Ed25519PrivateKey | None = KEY) -> Published:
        return publish(self.file(bundle), DirectoryBackend(self.www), key, go_back, Quiet())

    def latest(self) -> Pointer:
        return verify_pointer((self.www / POINTER_NAME).read_bytes(), TRUST).pointer

    def stock(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.www.iterdir()}


@pytest.fixture
def shore(tmp_path: Path) -> Shore:
    (tmp_path / "www").mkdir()
    return Shore(tmp_path)


def test_the_pointer_names_the_newest_bundle_and_the_same_again_changes_nothing(shore: Shore) -> None:
    """[T-50], [T-51], [T-52]"""
    first, second = shore.publish(OLD), shore.publish(NEW)
    assert first.added and first.moved and second.added and second.moved
    latest = shore.latest()
    assert (latest.product, latest.version, latest.seq, latest.epoch) == ("vms", "1.0.1+b", 2, 0)
    assert latest.root == NEW.verified.root_hash and latest.length == len(NEW.data)
    assert (shore.www / latest.file).read_bytes() == NEW.data
    assert (shore.www / first.pointer.file).read_bytes() == OLD.data
    before, dates = shore.stock(), {path: path.stat().st_mtime_ns for path in shore.www.iterdir()}
    again = shore.publish(NEW)
    assert not again.added and not again.moved
    assert shore.stock() == before and {path: path.stat().st_mtime_ns for path in shore.www.iterdir()} == dates


def test_without_a_key_the_pointer_stays(shore: Shore) -> None:
    """[T-50]"""
    shore.publish(OLD)
    before = shore.stock()[POINTER_NAME]
    published = shore.publish(NEW, key=None)
    assert published.added and not published.moved
    assert shore.stock()[POINTER_NAME] == before and (shore.www / published.pointer.file).read_bytes() == NEW.data


def test_it_does_not_go_back_unless_told(shore: Shore) -> None:
    """[T-53]"""
    shore.publish(NEW)
    before = shore.stock()
    twin = tiny_bundle(Shape(version="1.0.1+b", seq=2, full_bytes=41_000), seed=9)
    for bundle in (OLD, twin):
        with pytest.raises(OutputRefused, match=r"names vms 1\.0\.1\+b \(seq 2\) already.*--go-back"):
            shore.publish(bundle)
        assert shore.stock() == before
    assert shore.publish(OLD, go_back=True).moved and shore.latest().seq == 1
    assert shore.publish(tiny_bundle(Shape(seq=1, epoch=1, full_bytes=100))).moved, "a new epoch counts more"


def test_another_products_place_is_not_taken(shore: Shore) -> None:
    """[T-53]"""
    shore.publish(tiny_bundle(Shape(product="ecdis", full_bytes=100)))
    for go_back in (False, True):
        with pytest.raises(OutputRefused, match="names ecdis"):
            shore.publish(NEW, go_back)
    (shore.www / POINTER_NAME).write_bytes(b"a file of somebody's\n")
    with pytest.raises(OutputRefused, match="no pointer of unrep"):
        shore.publish(NEW, go_back=True)
    assert (shore.www / POINTER_NAME).read_bytes() == b"a file of somebody's\n"


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
        publish(path, DirectoryBackend(shore.www), KEY, False, Quiet())
    assert shore.stock() == before


def test_a_key_that_did_not_sign_the_bundle_is_refused(shore: Shore) -> None:
    """Ships would take the pointer and refuse the bundle."""
    with pytest.raises(Untrusted):
        shore.publish(NEW, key=STRANGER)
    assert shore.stock() == {}


def test_what_is_there_is_never_written_over(shore: Shore) -> None:
    """[T-52]"""
    name = shore.publish(NEW).pointer.file
    (shore.www / POINTER_NAME).unlink()
    (shore.www / name).write_bytes(NEW.data[:100])
    with pytest.raises(OutputRefused, match=rf"{name.replace('+', '.')} is there with 100 bytes"):
        shore.publish(NEW)
    assert (shore.www / name).read_bytes() == NEW.data[:100] and not (shore.www / POINTER_NAME).exists()


def test_two_at_once_into_one_directory(shore: Shore) -> None:
    """[T-50]"""
    with output_lock(shore.www / POINTER_NAME), pytest.raises(OutputBusy, match="is publishing to it"):
        shore.publish(NEW)


KILLED = """
import pathlib, sys, time
from bundle.host.progress import Quiet
from bundle.trust.signing import load_private_key
from transfer.publishing.publish import publish
from transfer.publishing.directory import DirectoryBackend
class Slow(Quiet):
    def advance(self, amount):
        print("piece", flush=True)
        time.sleep(0.02)
file, www, key = map(pathlib.Path, sys.argv[1:])
publish(file, DirectoryBackend(www), load_private_key(key), False, Slow())
print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("pieces", [1, 7, 13, 16])
def test_a_kill_leaves_the_old_pointer_and_the_next_run_finishes(shore: Shore, pieces: int) -> None:
    """[T-50]"""
    shore.publish(OLD)
    key = write_key(shore.directory / "shore.key")
    command = [sys.executable, "-c", KILLED, str(shore.file(NEW)), str(shore.www), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(pieces):
            assert process.stdout.readline(), "it ended before it was killed"
        process.send_signal(signal.SIGKILL)
    latest = shore.latest()
    assert latest.seq in (1, 2) and len((shore.www / latest.file).read_bytes()) == latest.length
    assert pieces == 16 or latest.seq == 1
    shore.publish(NEW)
    latest = shore.latest()
    assert latest.seq == 2 and (shore.www / latest.file).read_bytes() == NEW.data
    assert not list(shore.www.glob("*.part"))


def write_key(path: Path) -> Path:
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


# -- the pointer's bytes

GOOD = Pointer("vms", "1.0.1", 2, 0, "vms-1.0.1.unrep", 1000, bytes(32))


def test_a_pointer_is_what_was_signed(shore: Shore) -> None:
    """[T-51]"""
    data = sign_pointer(GOOD, KEY)
    assert verify_pointer(data, TRUST).pointer == GOOD and len(data) < 300
    with pytest.raises(Untrusted):
        verify_pointer(data, Trust((verifying_key(STRANGER),)))
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1
        with pytest.raises((Malformed, Untrusted)):
            verify_pointer(bytes(bad), TRUST)


def test_a_root_signature_is_none_for_a_pointer() -> None:
    """[T-51]: the payload type keeps them apart."""
    payload = canonical.encode(GOOD)
    data = canonical.encode(Signed(payload, sign_payload(payload, b"unrep/root/1", [KEY])))
    with pytest.raises(Untrusted):
        verify_pointer(data, TRUST)


@pytest.mark.parametrize(
    "changed",
    [
        {"file": "../vms.unrep"},
        {"file": "a/b"},
        {"file": ".hidden"},
        {"file": "http:x"},
        {"file": ""},
        {"file": "a" * 201},
        {"root": bytes(31)},
        {"seq": 0},
        {"seq": -1},
        {"epoch": -1},
        {"length": 0},
        {"length": 2**53},
    ],
)
def test_a_signed_pointer_out_of_bounds_is_refused(changed: dict[str, object]) -> None:
    """[T-51]"""
    payload = canonical.encode(msgspec.structs.replace(GOOD, **changed))
    data = canonical.encode(Signed(payload, sign_payload(payload, PAYLOAD_TYPE, [KEY])))
    with pytest.raises(Malformed, match=next(iter(changed))):
        verify_pointer(data, TRUST)
    with pytest.raises(Malformed):
        verify_pointer(data + bytes(20_000), TRUST)


# -- where it leads

QUICK = TransferConfig(patience_s=1.0)


def test_a_pointer_is_followed_from_a_server_a_file_and_a_directory(shore: Shore, tmp_path: Path) -> None:
    """[T-54]"""
    name = shore.publish(NEW).pointer.file
    out = tmp_path / "out"
    with nginx(shore.www, tmp_path / "nginx") as server:
        found = resolve(server.url("latest"), TRUST, out, QUICK)
        assert found.source == server.url(name.replace("+", "%2B")) and found.pointer == shore.latest()
        assert len(server.requests(1)) == 1
    for source in (shore.www, shore.www / "latest"):
        assert resolve(str(source), TRUST, out, QUICK).source == str(shore.www / name)
    for other in ("http://127.0.0.1:9/bundle.unrep", str(shore.www / name), str(tmp_path)):
        assert resolve(other, TRUST, out, QUICK) == resolve(other, TRUST, out, QUICK)
        assert resolve(other, TRUST, out, QUICK).source == other


def test_a_pointer_that_the_link_damages_is_asked_for_again(shore: Shore, tmp_path: Path) -> None:
    """[T-54]"""
    shore.publish(NEW)
    data = (shore.www / POINTER_NAME).read_bytes()
    with BadServer(data, ["wrong_bytes", "honest"]) as server:
        assert resolve(server.url("latest"), TRUST, tmp_path / "out", QUICK).pointer == shore.latest()
    with BadServer(data[:-1], ["honest"]) as server, pytest.raises(Malformed, match="latest"):
        resolve(server.url("latest"), TRUST, tmp_path / "out", QUICK)
    with BadServer(data, ["closed_for_today"]) as server, pytest.raises(Incomplete):
        resolve(server.url("latest"), TRUST, tmp_path / "out", QUICK)


def unrep(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict[str, object], str]:
    """Exit code, document and messages of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in argv])
    said = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(said.out or "{}"), said.err


def test_the_commands(shore: Shore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-50], [T-54], [T-55]: publish, fetch by the pointer, and a server that has another bundle under the name."""
    key, trust, out = write_key(tmp_path / "k.key"), write_trust(tmp_path / "k.pub"), tmp_path / "got.unrep"
    code, document, said = unrep(capsys, "publish", shore.file(NEW), shore.www, "--key", key, "--json")
    assert code == 0 and document["latest_moved"] is True and "'latest' names it now" in said
    code, document, said = unrep(capsys, "publish", shore.file(OLD), shore.www, "--key", key, "--json")
    assert code == 2 and "--go-back" in said and document["exit_code"] == 2
    code, _, said = unrep(capsys, "publish", shore.file(OLD), tmp_path / "nowhere", "--key", key)
    assert code == 2 and "nowhere: no such directory" in said
    with nginx(shore.www, tmp_path / "nginx") as server:
        code, _, said = unrep(capsys, "fetch", server.url("latest"), "--trust", trust, "--out", out)
        assert code == 0 and out.read_bytes() == NEW.data, said
        out.unlink()
        shutil.copy(shore.file(OLD), shore.www / shore.latest().file)
        code, _, said = unrep(capsys, "fetch", server.url("latest"), "--trust", trust, "--out", out)
        assert code == 3 and "not the vms 1.0.1+b (seq 2) that 'latest' names" in said

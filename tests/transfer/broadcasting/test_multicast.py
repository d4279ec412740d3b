"""A broadcast over real sockets, with the commands: multicast over the loopback interface, through a lossy relay."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.support.contents.tiny_bundle import Shape, TinyBundle, tiny_bundle, write_trust
from tests.support.links.broadcast_medium import LOOPBACK, a_group, lossy_relay, skip_without_multicast
from tests.support.observers.command import run
from transfer.broadcasting.multicast import Group, MulticastReceiver, MulticastSender, parse_group
from transfer.disk.partial import partial_path, symbols_path
from transfer.errors import OutputRefused, SourceRefused

pytest.importorskip("raptorq", reason="the extra unrep[broadcast] is not installed: no broadcast is tested")

BUNDLE = tiny_bundle(Shape(full_bytes=1_500_000, delta_bytes={"old": 40_000}, piece_bytes=65_536))
OTHER = tiny_bundle(Shape(product="ecdis", full_bytes=400_000, piece_bytes=65_536), seed=2)
RATE = 2_000_000
DEADLINE_S = 60


@pytest.fixture(scope="module", autouse=True)
def multicast() -> None:
    skip_without_multicast()


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "unrep", *map(str, words)]


class Shore:
    """`unrep broadcast --forever` in a process of its own; a context manager."""

    def __init__(self, directory: Path, group: Group, *bundles: TinyBundle) -> None:
        self.processes: list[subprocess.Popen[str]] = []
        for number, bundle in enumerate(bundles):
            path = directory / f"shore{number}.unrep"
            path.write_bytes(bundle.data)
            argv = command("broadcast", path, "--group", group, "--interface", LOOPBACK, "--rate", RATE, "--forever")
            pipe = subprocess.PIPE
            self.processes.append(subprocess.Popen([*argv, "--json"], stdout=pipe, stderr=pipe, text=True))

    def __enter__(self) -> "Shore":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def listener(group: Group, directory: Path, name: str, *more: object) -> "subprocess.Popen[str]":
    trust = write_trust(directory / "shore.pub")
    argv = command("listen", "--group", group, "--interface", LOOPBACK, "--trust", trust, "--out", directory / name)
    return subprocess.Popen(
        [*argv, "--json", *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end_of(process: "subprocess.Popen[str]") -> tuple[int, dict[str, object], str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    assert "Traceback" not in err, err
    return process.returncode, json.loads(out), err


def test_thirty_percent_lost_and_nothing_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """[T-126], [T-129]: broadcast, lossy air, listen; complete, and the overhead printed."""
    spoken, heard, seed = a_group(), a_group(), 11
    with lossy_relay(spoken, heard, 0.3, seed) as air, Shore(tmp_path, spoken, BUNDLE) as shore:
        code, figures, said = end_of(listener(heard, tmp_path, "out.unrep", "--timeout", DEADLINE_S))
        passed, lost = air.passed, air.lost
        if sys.platform != "win32":
            shore.processes[0].send_signal(signal.SIGINT)
            code_of_shore, sent, _ = end_of(shore.processes[0])
            assert code_of_shore == 0 and int(str(sent["datagrams"])) > passed, "Ctrl-C ends a broadcast for ever"
    assert code == 0 and figures["complete"], said
    assert (tmp_path / "out.unrep").read_bytes() == BUNDLE.data and not symbols_path(tmp_path / "out.unrep").exists()
    received = int(str(figures["bytes_received"]))
    share = received / len(BUNDLE.data)
    with capsys.disabled():
        print(
            f"\nreal sockets, seed {seed}, {lost / (lost + passed):.1%} lost: received {share:.3f} times the bundle, "
            f"sent {air.sent_bytes[int(str(figures['datagrams'])) - 1] / len(BUNDLE.data):.3f}"
        )
    assert share < 1.5, "the system's buffers lose some too"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_and_listens_again_then_fetches_the_rest(tmp_path: Path) -> None:
    """[T-131], [T-132]: SIGKILL at moments that a seed picks, then Ctrl-C, time running out, and a stick."""
    group, seed = a_group(), 12
    print(f"seed {seed}")
    random, out = Random(seed), tmp_path / "out.unrep"
    with Shore(tmp_path, group, BUNDLE):
        waited = time.monotonic() + DEADLINE_S
        for _ in range(2):
            process = listener(group, tmp_path, "out.unrep")
            while not symbols_path(out).exists() and process.poll() is None and time.monotonic() < waited:
                time.sleep(0.01)
            time.sleep(random.uniform(0.02, 0.1))
            process.kill()
            process.communicate()
    assert out.exists() or partial_path(out).exists()
    code, figures, said = end_of(listener(group, tmp_path, "out.unrep", "--timeout", 0.5))
    if not out.exists():
        assert code == 4 and "exit" not in said and not figures["complete"]
    process = listener(group, tmp_path, "out.unrep")
    assert process.stderr and process.stderr.readline().startswith("listening")
    process.send_signal(signal.SIGINT)
    assert end_of(process)[0] in (0, 130)
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "b.unrep").write_bytes(BUNDLE.data)
    code, printed, _ = run("fetch --json", stick, "--trust", tmp_path / "shore.pub", "--out", out)
    assert code == 0 and json.loads(printed)["complete"] and out.read_bytes() == BUNDLE.data
    assert not symbols_path(out).exists()


def test_two_bundles_on_one_group_and_a_flood(tmp_path: Path) -> None:
    """[T-127], [T-128]: each of two listeners has one of them in the end, whole."""
    group = a_group()
    is_over = threading.Event()

    def flood() -> None:
        random = Random(13)
        with MulticastSender(group, LOOPBACK, 1, print) as sender:
            while not is_over.wait(0.001):
                sender.send(random.randbytes(random.randrange(1, 1400)))
                sender.send(b"UNRB\x01" + random.randbytes(1380))

    noise = threading.Thread(target=flood)
    noise.start()
    try:
        with Shore(tmp_path, group, BUNDLE, OTHER):
            listeners = [listener(group, tmp_path, name, "--timeout", DEADLINE_S) for name in ("one", "two")]
            ends = [end_of(process) for process in listeners]
    finally:
        is_over.set()
        noise.join()
    assert [code for code, _, _ in ends] == [0, 0]
    for name in ("one", "two"):
        assert (tmp_path / name).read_bytes() in (BUNDLE.data, OTHER.data)


def test_time_runs_out_over_silence(tmp_path: Path) -> None:
    """[T-132]: exit code 4, one sentence, and nothing written."""
    code, figures, said = end_of(listener(a_group(), tmp_path, "out", "--timeout", "0.3"))
    assert code == 4 and "no bundle was heard in 0 s; check group" in said and figures["bytes_received"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["shore.pub"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("listen --group 10.0.0.1:4000", "no multicast group"),
        ("listen --group 239.1.2.3", "no multicast group"),
        ("listen --group 239.1.2.3:70000", "no multicast group"),
        ("listen --group 239.1.2.3:4000 --interface eth0", "no address of an interface"),
        ("listen --group 239.1.2.3:4000 --interface 203.0.113.9", "cannot be joined"),
        ("broadcast F --group 239.1.2.3:4000 --rate 64k --interface 203.0.113.9", "cannot be sent to"),
        ("broadcast F --group 239.1.2.3:4000 --rate fast", "no rate"),
        ("broadcast nowhere --group 239.1.2.3:4000 --rate 64k", "nowhere: cannot be read"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, line: str, said: str) -> None:
    """[T-125]"""
    bundle, trust = tmp_path / "b.unrep", write_trust(tmp_path / "k.pub")
    bundle.write_bytes(OTHER.data)
    more = ["--trust", trust, "--out", tmp_path / "out"] if line.startswith("listen") else []
    first, *words = line.replace(" F ", f" {bundle} ").split(" ")
    code, _, err = run(first, *words, *more)
    assert code == 2 and said in err.splitlines()[-1]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Exit code 2, before anything else."""
    blocked = "import sys; sys.modules['raptorq'] = None; from unrep.cli import main; main(sys.argv[1:])"
    trust = write_trust(tmp_path / "k.pub")
    for words in (
        ["listen", "--group", "239.1.2.3:4000", "--trust", trust, "--out", tmp_path / "o"],
        ["broadcast", tmp_path / "nowhere", "--group", "239.1.2.3:4000", "--rate", "64k"],
    ):
        argv = [sys.executable, "-c", blocked, *map(str, words)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 2 and done.stderr.strip().endswith("pip install 'unrep[broadcast]'"), done.stderr


def test_a_datagram_that_the_system_does_not_take_is_lost_and_said_once() -> None:
    """[T-125]: refused if it is the first."""
    said: list[str] = []
    with MulticastSender(a_group(), LOOPBACK, 1, said.append) as sender:
        with pytest.raises(OutputRefused, match="--interface"):
            sender.send(bytes(100_000))
        sender.send(b"well")
        sender.send(bytes(100_000))
        sender.send(bytes(100_000))
        assert len(said) == 1 and "datagrams are lost" in said[0]
        sender.send(b"well again")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets several have a port")
def test_a_port_that_is_taken_is_refused() -> None:
    group = parse_group("239.1.2.3:4000")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("" if sys.platform == "win32" else group.address, 0))
        with pytest.raises(SourceRefused, match="cannot be joined"):
            MulticastReceiver(Group(group.address, taken.getsockname()[1]), LOOPBACK)

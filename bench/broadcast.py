"""What a broadcast costs at a given loss: bytes sent and heard until a ship has the whole bundle.

    python bench/broadcast.py [BUNDLE] [--loss 0 10 30 50] [--seeds 1 2 3] [--rate 1000000] [--json]

`unrep broadcast --forever` and `unrep listen` are processes of their own; a relay between their two multicast groups on
the loopback interface loses what a seed picks. Nothing goes back. Without BUNDLE, a first install of the modules of
Python's standard library is built. "heard" is bytes of datagrams, with their heads, that the ship took in until it
was done, over bytes of the bundle; "sent" is what had been sent when so many datagrams had been passed on; "ideal" is
what no code could do with less: 1 / (1 - loss).
"""

import argparse
import json
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.read.reader import open_for_display
from tests.support.contents.releases import build_from, write_tree
from tests.support.contents.tiny_bundle import write_trust
from tests.support.links.broadcast_medium import LOOPBACK, a_group, lossy_relay
from transfer.broadcasting.multicast import Group

MOST_S = 600
SETTLE_S = 1.5  # until both listen


@dataclass(frozen=True)
class Row:
    """One run; all but `seconds` are shares."""

    loss: float
    seed: int
    heard: float
    sent: float
    ideal: float
    seconds: float


def default_bundle(directory: Path) -> Path:
    """A first install of Python's own modules, some megabytes."""
    library = Path(sysconfig.get_path("stdlib"))
    names = [path.relative_to(library) for path in library.rglob("*.py")]
    kept = [name for name in names if not {"test", "tests", "site-packages", "dist-packages"} & set(name.parts)]
    tree = write_tree(directory / "new", {name.as_posix(): (library / name).read_bytes() for name in kept})
    build_from(tree, [], directory / "bundle.unrep", version="1.0")
    return directory / "bundle.unrep"


@contextmanager
def broadcast(bundle: Path, group: Group, rate: int) -> Iterator[None]:
    """`unrep broadcast` until the block ends."""
    words = ["--group", str(group), "--interface", LOOPBACK, "--rate", str(rate), "--forever"]
    shore = subprocess.Popen([sys.executable, "-m", "unrep", "broadcast", str(bundle), *words], stderr=subprocess.PIPE)
    try:
        yield
    finally:
        shore.send_signal(signal.SIGINT)
        shore.communicate()


def run(bundle: Path, trust: Path, loss: float, seed: int, rate: int) -> Row:
    """One ship that hears one broadcast to its end."""
    length, spoken, heard = bundle.stat().st_size, a_group(), a_group()
    with TemporaryDirectory() as directory, lossy_relay(spoken, heard, loss, seed) as air:
        out = Path(directory) / "out"
        words = ["--group", str(heard), "--interface", LOOPBACK, "--trust", str(trust), "--out", str(out)]
        argv = [sys.executable, "-m", "unrep", "listen", *words, "--timeout", str(MOST_S), "--json"]
        ship = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(SETTLE_S)
        began = time.monotonic()
        with broadcast(bundle, spoken, rate):
            printed, _ = ship.communicate()
            took = time.monotonic() - began
        figures = json.loads(printed)
        assert figures["complete"] and out.read_bytes() == bundle.read_bytes(), figures
    sent = air.sent_bytes[figures["datagrams"] - 1]
    return Row(loss, seed, figures["bytes_received"] / length, sent / length, 1 / (1 - loss), took)


def main() -> None:
    """Parses the arguments and prints a row for each loss and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--trust", type=Path, help="who signed BUNDLE")
    parser.add_argument("--loss", type=float, nargs="+", default=[0, 10, 30, 50], help="percent")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rate", type=int, default=1_000_000, help="bytes per second")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.bundle and not options.trust:
        parser.error("BUNDLE needs --trust")
    with TemporaryDirectory() as directory:
        bundle = options.bundle or default_bundle(Path(directory))
        trust = options.trust or write_trust(Path(directory) / "shore.pub")
        with open_for_display(bundle) as opened:
            what = f"{opened.root.product} {opened.root.version}, {opened.verified.total_bytes:,} bytes"
        print(f"{what}, {options.rate:,} bytes per second", file=sys.stderr)
        if not options.json:
            print(f"{'loss':>6} {'seed':>5} {'heard':>7} {'sent':>7} {'ideal':>7} {'seconds':>8}")
        for loss in options.loss:
            for seed in options.seeds:
                row = run(bundle, trust, loss / 100, seed, options.rate)
                if options.json:
                    print(json.dumps({"bytes": bundle.stat().st_size} | asdict(row)), flush=True)
                else:
                    shares = f"{row.heard:>7.3f} {row.sent:>7.3f} {row.ideal:>7.3f}"
                    print(f"{loss:>5.0f}% {seed:>5} {shares} {row.seconds:>8.1f}", flush=True)


if __name__ == "__main__":
    main()

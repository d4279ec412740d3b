"""`unrep fetch`, killed again and again at moments that a seed picks, and what each kill costs on the link.

For tests/end_to_end/test_fetch.py and bench/fetch_kills.py. What stands at the output after a kill is read from the
file, piece by piece against the bundle; what was paid is counted by the link, not by the command.
"""

import json
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.support.contents.tiny_bundle import TinyBundle, write_trust
from tests.support.links.bad_link import Weather, weather
from tests.support.links.bad_server import BadServer

DEADLINE_S = 60.0
POLL_S = 0.002
ANSWER_HEAD_BYTES = 400  # of HTTP, once for each request


@dataclass(frozen=True)
class LinkRate:
    """A satellite link without weather of its own."""

    bits_per_s: int = 8_000_000
    round_trip_s: float = 0.04


@dataclass(frozen=True)
class Kill:
    """One run that was killed, in bytes.

    received            what the link had delivered in it, when it was killed
    in_flight           what the link had taken in and not delivered by then, or took in before it noticed
    kept_before         what stood at the output before the run, verified, or of an unfinished piece
    kept_after          ... and after it
    unfinished_before   what of that was of unfinished pieces
    """

    received: int
    in_flight: int
    kept_before: int
    kept_after: int
    unfinished_before: int

    @property
    def again(self) -> int:
        """Received, and to be received once more."""
        return self.received - (self.kept_after - self.kept_before)


class KilledFetch:
    """A bundle behind a link, and a command that fetches it into `output`."""

    def __init__(self, directory: Path, bundle: TinyBundle, link: Weather) -> None:
        self.bundle = bundle
        self.output = directory / "new.unrep"
        self._directory = directory
        self._link = link
        self.arguments = ["fetch", link.url("new.unrep"), "--json", "--out", self.output.name]
        self.arguments += ["--trust", write_trust(directory / "shore.pub").name]

    def kept_bytes(self) -> int:
        """The bytes of header, pieces and unfinished pieces at the output that are those of the bundle."""
        return sum(self.kept())

    def kept(self) -> tuple[int, int]:
        """Those of header and pieces, and of unfinished pieces."""
        return kept_at(self.output, self.bundle)

    def start(self) -> subprocess.Popen[bytes]:
        """Runs the command and does not wait."""
        command = [sys.executable, "-m", "unrep", *self.arguments]
        return subprocess.Popen(command, cwd=self._directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def stop_at(self, delivered_bytes: int, interrupt: bool = False) -> tuple[Kill, dict[str, Any]]:
        """Runs the command until the link has delivered so much to it, and kills it, or presses Ctrl-C.

        Returns what that cost, and what the command printed, if it still could.
        """
        before, (kept, unfinished) = self._link.stats(), self.kept()
        with self.start() as process:
            until = time.monotonic() + DEADLINE_S
            while (received := self._link.stats()["delivered_down"] - before["delivered_down"]) < delivered_bytes:
                assert process.poll() is None, f"it ended before it was killed: {process.communicate()}"
                assert time.monotonic() < until, "the link has stopped"
                time.sleep(POLL_S)
            process.send_signal(signal.SIGINT) if interrupt else process.kill()
            printed, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 130 if interrupt else process.returncode not in (0, 130)
        paid = self._settled() - before["link_down"]
        return Kill(received, paid - received, kept + unfinished, self.kept_bytes(), unfinished), json.loads(
            printed or b"{}"
        )

    def finish(self) -> dict[str, Any]:
        """Runs the command to its end and returns its figures."""
        with self.start() as process:
            printed, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, errors.decode()
        figures: dict[str, Any] = json.loads(printed)
        return figures

    def kill_often(self, kills: int, random: Random) -> Iterator[Kill]:
        """So many kills at random moments, early and late ones, none so late that the fetch would be over."""
        for _ in range(kills):
            missing = len(self.bundle.data) - self.kept_bytes()
            yield self.stop_at(random.randrange(min(missing // 2, 2 * len(self.bundle.data) // kills)))[0]

    def _settled(self) -> int:
        """The bytes on the link, once it has noticed that nobody takes them any more."""
        sent = -1
        while sent != (now := self._link.stats()["link_down"]):
            sent = now
            time.sleep(0.1)
        return sent


def kept_at(output: Path, bundle: TinyBundle) -> tuple[int, int]:
    """The bytes at an output that are those of the bundle: of header and pieces, and of unfinished pieces."""
    path = output if output.exists() else output.with_name(f"{output.name}.part")
    data = path.read_bytes() if path.exists() else b""
    kept = len(bundle.header) if data.startswith(bundle.header) else 0
    unfinished = 0
    for section in bundle.root.sections:
        for offset, piece in bundle.verified.pieces(section):
            end = offset + piece.length
            whole = data[offset:end] == bundle.data[offset:end]
            kept += piece.length if whole else 0
            unfinished += 0 if whole else _unfinished_bytes(output, bundle, offset)
    return kept, unfinished


def _unfinished_bytes(output: Path, bundle: TinyBundle, piece_offset: int) -> int:
    """How much of a piece waits beside the partial file [T-12]."""
    path = output.with_name(f"{output.name}.state")
    state = path.read_bytes() if path.exists() else b""
    for at in range(64, len(state), 16 + bundle.root.piece_size):
        offset, length = struct.unpack_from("<QQ", state, at)
        if length and offset == piece_offset and state[at + 16 : at + 16 + length] == bundle.data[offset:][:length]:
            return int(length)
    return 0


@contextmanager
def killed_fetch(directory: Path, bundle: TinyBundle, rate: LinkRate) -> Iterator[KilledFetch]:
    """Serves the bundle behind such a link."""
    options = {"rate_kbps": rate.bits_per_s // 1000, "delay_ms": rate.round_trip_s * 500}
    with BadServer(bundle.data, ["honest"]) as server, weather(server.port, **options) as link:
        yield KilledFetch(directory, bundle, link)

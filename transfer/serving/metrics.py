"""What a server did, for a monitoring system: a file that a collector reads, written anew every few seconds [T-186]."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

from bundle.names.exposition import Family, Sample, exposition, single
from transfer.disk.atomic_write import write_atomically
from transfer.errors import TransferError
from transfer.pull.answering import PullCounts
from transfer.serving.server import BundleServer

INTERVAL_S = 15.0


class MetricsFile:
    """Writes figures of the servers to `path` until it is closed, and once more then.

    Raises OutputRefused or DiskFull if it cannot be written at first. Later failures pass: a server goes on serving.
    """

    def __init__(self, path: Path, http: BundleServer, pull: PullCounts | None, interval_s: float = INTERVAL_S) -> None:
        self._path = path
        self._http = http
        self._pull = pull
        self._interval_s = interval_s
        self._is_closed = Event()
        self._write()
        self._thread = Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes the last figures."""
        self._is_closed.set()
        self._thread.join()
        with contextlib.suppress(TransferError):
            self._write()

    def _run(self) -> None:
        while not self._is_closed.wait(self._interval_s):
            with contextlib.suppress(TransferError):
                self._write()

    def _write(self) -> None:
        families = [*_of_http(self._http), *(_of_pull(self._pull) if self._pull else ())]
        write_atomically(self._path, [exposition(families).encode()])


def _of_http(server: BundleServer) -> Iterator[Family]:
    yield "unrep_serve_http_connections", "gauge", "Open connections.", single(len(server.connections))
    answers, sent_bytes = server.counts.read()
    by_status: list[Sample] = [("", {"status": str(int(status))}, count) for status, count in sorted(answers.items())]
    yield "unrep_serve_http_answers_total", "counter", "Answers over HTTP, by their status.", by_status
    yield "unrep_serve_http_sent_bytes_total", "counter", "Of files, over HTTP, without heads.", single(sent_bytes)


def _of_pull(counts: PullCounts) -> Iterator[Family]:
    for name, text, count in (
        ("requests", "Requests over UDP that were understood.", counts.requests),
        ("malformed", "Datagrams that were not understood.", counts.malformed),
        ("unproven", "Requests from addresses that had to prove themselves first.", counts.unproven),
        ("refused", "Requests for what there is not.", counts.refused),
        ("dropped", "Requests beyond what may wait for an answer, and answers that could not be sent.", counts.dropped),
        ("answers", "Datagrams with bytes of files.", counts.answers),
    ):
        yield f"unrep_serve_udp_{name}_total", "counter", text, single(count)
    both: list[Sample] = [
        ("", {"direction": "in"}, counts.received_bytes),
        ("", {"direction": "out"}, counts.sent_bytes),
    ]
    yield "unrep_serve_udp_bytes_total", "counter", "On the wire, with heads of IP and UDP, by direction.", both

"""What comes before the bytes that were asked for is paid for like them, and has an end. [T-134]."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle, write_trust
from tests.support.links.bad_server import BadServer
from tests.support.links.large_headers import HeavyHeads
from tests.support.observers.command import run
from transfer.config import TransferConfig
from transfer.disk.state_file import StateFile
from transfer.errors import BadAnswer, BudgetSpent, Dropped, Incomplete, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures
from transfer.fetch.request import FetchRequest
from transfer.links.budget import Budget, Meter
from transfer.links.http import HttpReader
from transfer.links.http_connections import MAX_HEAD_BYTES, MAX_INTERIM
from transfer.links.opening import open_sources

BUNDLE = tiny_bundle(Shape(full_bytes=900_000))
BUDGET = 300_000
FLIGHT_BYTES = 64 * 1024  # in buffers of both sides of one connection, as they are set here
QUICK = {"retry_floor_s": 0.01, "retry_ceiling_s": 0.1}


def fetch(url: str, output: Path, **options: int) -> Figures:
    config = TransferConfig(**{"patience_s": 10.0, **QUICK, **options})  # type: ignore[arg-type]
    opened = open_sources([url], output, config)
    try:
        return Fetch(FetchRequest(links=opened, trust=TRUST, output=output, config=config)).run()
    finally:
        opened.close()


@pytest.mark.parametrize("head_bytes", [300, 4_000, 15_000, 60_000, 95 * 60_000])
def test_a_budget_is_for_all_that_comes(tmp_path: Path, head_bytes: int) -> None:
    """[T-134], [T-94]: `unrep fetch --max-bytes 300000`, with heads that are cheap, dear, and too long."""
    trust = write_trust(tmp_path / "trust.pub")
    with HeavyHeads(BUNDLE.data, head_bytes) as server:
        code, out, err = run(
            "fetch", server.url, "--trust", trust, "--out", tmp_path / "f", "--max-bytes", BUDGET, "--json"
        )
        sent = server.sent_bytes
    figures = json.loads(out)
    assert code == (4 if head_bytes < MAX_HEAD_BYTES else 2), err
    assert figures["bytes_paid"] <= BUDGET
    assert sent <= 1.05 * BUDGET + FLIGHT_BYTES, "with what one connection had in flight"
    if head_bytes < MAX_HEAD_BYTES:
        assert figures["bytes_paid"] > 0.9 * BUDGET and sent <= figures["bytes_paid"] + FLIGHT_BYTES


def test_every_byte_counts_and_over_all_runs(tmp_path: Path) -> None:
    """[T-134], [T-94], [T-30]: what left the server is what is counted; the second run has nothing left."""
    with HeavyHeads(BUNDLE.data, 9_000) as server:
        with pytest.raises(BudgetSpent):
            fetch(server.url, tmp_path / "f", max_bytes=BUDGET)
        first = server.sent_bytes
        assert abs(first - StateFile(tmp_path / "f").paid_bytes) <= FLIGHT_BYTES
        with pytest.raises(BudgetSpent):
            fetch(server.url, tmp_path / "f", max_bytes=BUDGET)
        assert server.sent_bytes - first <= 0.05 * BUDGET
        figures = fetch(server.url, tmp_path / "f", max_bytes=4 * BUDGET)
        assert (tmp_path / "f").read_bytes() == BUNDLE.data and figures.complete
    with HeavyHeads(BUNDLE.data, 9_000) as server:
        figures = fetch(server.url, tmp_path / "g")
        assert (
            figures.bytes_received
            == figures.bytes_paid
            == server.sent_bytes
            == len(BUNDLE.data) + 9_000 * server.answers
        )


@pytest.mark.parametrize("behaviour", ["endless_trailer", "heavy_chunks"])
def test_what_frames_a_body_has_an_end(tmp_path: Path, behaviour: str) -> None:
    """[T-134], [T-16]: gigabytes came for a bundle of 0.9 MB, beside which nothing was wrong with the ranges."""
    with BadServer(BUNDLE.data, ["honest", behaviour]) as server:
        opened = open_sources([server.url()], tmp_path / "f", TransferConfig(**QUICK))  # type: ignore[arg-type]
        fetching = Fetch(FetchRequest(links=opened, trust=TRUST, output=tmp_path / "f", config=TransferConfig(**QUICK)))  # type: ignore[arg-type]
        with pytest.raises(SourceRefused, match="sends much more than was asked for, 3 times"):
            fetching.run()
        opened.close()
    assert fetching.figures().bytes_received < 6 * len(BUNDLE.data)  # three answers and what was in flight


@pytest.mark.parametrize("behaviour", ["one_byte", "slow_head", "long_header"])
def test_who_sends_next_to_nothing_keeps_nothing_from_the_others(tmp_path: Path, behaviour: str) -> None:
    """[T-20], [T-90]: one mirror of two had a range, and its next connections, for ever."""
    config = TransferConfig(first_answer_s=0.5, turn_s=0.5, idle_floor_s=0.5, patience_s=8.0, retry_floor_s=0.01)
    with BadServer(BUNDLE.data, [behaviour]) as bad, BadServer(BUNDLE.data, ["honest"]) as good:
        opened = open_sources([bad.url(), good.url()], tmp_path / "f", config)
        try:
            figures = Fetch(FetchRequest(links=opened, trust=TRUST, output=tmp_path / "f", config=config)).run()
        finally:
            opened.close()
    assert (tmp_path / "f").read_bytes() == BUNDLE.data
    assert figures.sources[0].bytes_received < 0.1 * len(BUNDLE.data)


def test_a_limited_rate_is_for_heads_too(tmp_path: Path) -> None:
    """[T-134], [T-27]"""
    small = tiny_bundle(Shape(full_bytes=20_000))
    with HeavyHeads(small.data, 15_000) as server:
        figures = fetch(server.url, tmp_path / "f", limit_bytes_per_s=50_000, request_ceiling_bytes=4096)
        assert figures.bytes_received == server.sent_bytes > 4 * 15_000
    assert figures.seconds > (figures.bytes_received - 4 * 15_000) / 50_000


@contextmanager
def told(*answers: bytes) -> Iterator[str]:
    """A server that sends each of these for one request, as it stands."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/b"


PLACE = b"Content-Range: bytes 0-9/10\r\nContent-Length: 10\r\n"
RANGE = b"HTTP/1.1 206 Partial\r\n" + PLACE


def padded(head: bytes, length: int) -> bytes:
    return head + b"X-Pad: " + b"p" * (length - len(head) - 11) + b"\r\n\r\n"


def test_a_head_has_16_kib_and_not_a_byte_more() -> None:
    """[T-134]: in one line or in many, and nothing behind that is taken."""
    meter = Meter()
    with told(padded(RANGE, MAX_HEAD_BYTES) + b"0123456789") as url:
        assert HttpReader(url, 5, idle_s=5.0, meter=meter).open(0, 10).read(10) == b"0123456789"
    assert (meter.head_bytes, meter.received_bytes) == (MAX_HEAD_BYTES, MAX_HEAD_BYTES + 10)
    many = RANGE + b"X: y\r\n" * 90 + b"Z: " + b"z" * MAX_HEAD_BYTES
    for head in (padded(RANGE, MAX_HEAD_BYTES + 1) + b"0123456789", many, b"HTTP/1.1 206 " + b"r" * 20_000):
        meter = Meter()
        with told(head) as url, pytest.raises(BadAnswer, match="more than 16,384 bytes before its answer"):
            HttpReader(url, 5, idle_s=5.0, meter=meter).open(0, 10)
        assert meter.received_bytes == MAX_HEAD_BYTES


def test_what_lies_unread_when_a_connection_is_given_up_came_all_the_same() -> None:
    """[T-134]: where the system tells how much."""
    meter = Meter()
    with told(padded(RANGE, MAX_HEAD_BYTES + 1000)) as url:
        reader = HttpReader(url, 5, idle_s=5.0, meter=meter)
        with pytest.raises(BadAnswer):
            reader.open(0, 10)
        reader.close()
    assert meter.received_bytes in (MAX_HEAD_BYTES, MAX_HEAD_BYTES + 1000)


@pytest.mark.parametrize("line", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
def test_a_few_answers_come_before_the_one_that_counts(line: bytes) -> None:
    """[T-134]"""
    with told(line * MAX_INTERIM + RANGE + b"\r\n0123456789") as url:
        assert HttpReader(url, 5, idle_s=5.0).open(0, 10).read(10) == b"0123456789"
    with told(line * (MAX_INTERIM + 1) + RANGE + b"\r\n0123456789") as url, pytest.raises(BadAnswer, match="16,384"):
        HttpReader(url, 5, idle_s=5.0).open(0, 10)


def test_nothing_is_taken_from_the_socket_once_the_budget_is_spent() -> None:
    """[T-134]: whoever asked for it, and whatever it is."""
    meter = Meter()
    meter.budget = Budget(200)
    with told(padded(RANGE, 195) + b"0123456789") as url:
        reader = HttpReader(url, 5, idle_s=5.0, meter=meter)
        answer = reader.open(0, 10)
        assert answer.read(10) == b"01234" and meter.budget.left_bytes == 0
        with pytest.raises(Dropped, match="no more may be received"):
            answer.read(10)


def test_redirects_and_refusals_count(tmp_path: Path) -> None:
    """[T-134]: heads and bodies, of the answers that are of no use."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nsorry"
    meter = Meter()
    with told(moved, missing) as url, pytest.raises(SourceRefused, match="404"):
        HttpReader(url, 5, idle_s=5.0, meter=meter).open(0, 10)
    assert meter.received_bytes == len(moved) + len(missing)


def test_channel_files_and_plans_count_too(tmp_path: Path) -> None:
    """[T-134], [T-94]: a channel file that is none has three heads, and they are of the budget."""
    trust = write_trust(tmp_path / "trust.pub")
    with HeavyHeads(b"no channel" * 100, 15_000) as server:
        url = server.url.removesuffix("b") + "stable.channel"
        code, _, err = run("fetch", url, "--trust", trust, "--out", tmp_path / "f", "--max-bytes", 20_000)
        assert code == 4 and "--max-bytes 20,000: " in err and server.sent_bytes <= 20_000 + FLIGHT_BYTES, err
    with HeavyHeads(BUNDLE.data, 9_000) as server:
        code, out, err = run("plan", server.url, "--trust", trust, "--json")
        assert code == 0 and json.loads(out)["bytes_received"] == server.sent_bytes > 18_000, err


def test_a_source_of_nothing_but_heads_ends_by_patience(tmp_path: Path) -> None:
    """[T-134], [T-22]: heads are no progress."""
    with HeavyHeads(BUNDLE.data, 2_000, status="503 Busy") as server, pytest.raises(Incomplete, match="no progress"):
        fetch(server.url, tmp_path / "f", patience_s=1)

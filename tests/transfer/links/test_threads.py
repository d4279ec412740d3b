"""Connections that block, each on its own thread, as one queue of events."""

import threading
import time

import pytest

from transfer.errors import Dropped
from transfer.links.contract import Answered, Arrived, Ended, Event, Failed, Opened
from transfer.links.threads import CHUNKS_AHEAD, Threads


class Answer:
    """So many bytes, in chunks as large as they may be."""

    total_bytes = 10_000

    def __init__(self, length: int) -> None:
        self._left = length
        self.reads = 0

    def read(self, max_bytes: int) -> bytes:
        data = bytes(min(max_bytes, self._left))
        self._left -= len(data)
        self.reads += 1
        return data


class Reader:
    """A connection that works, or one whose connecting blocks until it is aborted."""

    def __init__(self, blocks: bool = False) -> None:
        self.aborted = threading.Event()
        self.closed = threading.Event()
        self.answer = Answer(0)
        self._blocks = blocks

    def connect(self) -> None:
        if self._blocks:
            self.aborted.wait(10)
            raise Dropped("aborted")

    def open(self, offset: int, length: int) -> Answer:
        self.answer = Answer(length)
        return self.answer

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        self.closed.set()


def events(threads: Threads, count: int) -> list[Event]:
    found: list[Event] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        if event := threads.wait(0.5):
            found.append(event)
    return found


def test_a_range_comes_as_events_in_order() -> None:
    threads = Threads()
    connection = threads.dial(Reader)
    connection.ask(0, 2500, 1000)
    found = events(threads, 6)
    assert [type(event) for event in found] == [Opened, Answered, Arrived, Arrived, Arrived, Ended]
    assert [len(event.data) for event in found if isinstance(event, Arrived)] == [1000, 1000, 500]
    threads.close()


def test_no_more_is_read_ahead_than_a_few_chunks() -> None:
    """[T-27]: the network's flow control holds the sender back, and a closed connection has cost no more."""
    threads, reader = Threads(), Reader()
    threads.dial(lambda: reader).ask(0, 9000, 100)
    assert len(events(threads, 2)) == 2
    deadline = time.monotonic() + 5
    while reader.answer.reads < CHUNKS_AHEAD and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert reader.answer.reads == CHUNKS_AHEAD
    threads.close()
    assert reader.closed.wait(5)


def test_a_connection_that_blocks_can_be_closed() -> None:
    """[T-20]"""
    threads, reader = Threads(), Reader(blocks=True)
    threads.dial(lambda: reader).close()
    assert reader.aborted.is_set() and reader.closed.wait(5)


@pytest.mark.parametrize("fault", [Dropped("reset"), ValueError("a mistake in a link")])
def test_what_a_reader_raises_is_handed_over(fault: Exception) -> None:
    class Failing(Reader):
        def connect(self) -> None:
            raise fault

    threads = Threads()
    connection = threads.dial(Failing)
    assert events(threads, 1) == [Failed(connection, fault)]


def test_waiting_ends_without_an_event() -> None:
    began = time.monotonic()
    assert Threads().wait(0.01) is None and time.monotonic() - began < 5

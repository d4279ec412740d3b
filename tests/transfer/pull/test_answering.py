"""The server keeps nothing, amplifies little, and gives every address its share [T-159] to [T-162]."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from tests.support.packets.simulated import SECRET, MemoryFiles
from transfer.pull.answering import MAX_PENDING_PACKETS, Address, Answerer
from transfer.pull.cookies import PERIOD_S, CookieJar, neighbourhood
from transfer.pull.datagrams import (
    MAX_DATAGRAM_BYTES,
    PACKET_BYTES,
    WIRE_BYTES,
    Ask,
    Data,
    Grant,
    Open,
    Reason,
    Refusal,
    read_answer,
)

CONTENT = Random(3).randbytes(100_000)
SHIP: Address = ("192.0.2.1", 4000)
OTHER: Address = ("192.0.2.2", 4000)


class Desk:
    """A server at a moment."""

    def __init__(self, bytes_per_s: float | None = None, secret: bytes = SECRET) -> None:
        self.now = 10_000.0
        self.files = MemoryFiles(bundle=CONTENT)
        self.answerer = Answerer(self.files, secret, lambda: self.now, bytes_per_s)

    def answers(self, datagram: bytes, address: Address = SHIP) -> list[bytes]:
        self.answerer.take(datagram, address)
        return [sent for sent, _ in self.sent()]

    def sent(self) -> Iterator[tuple[bytes, Address]]:
        while found := self.answerer.next(self.now):
            yield found

    def grant(self, address: Address = SHIP) -> Grant:
        found = read_answer(self.answers(Open(1, 1, PACKET_BYTES, (0, 1), "/bundle").pack(), address)[0])
        assert isinstance(found, Grant)
        return found

    def ask(self, grant: Grant, *ranges: tuple[int, int], packet: int = PACKET_BYTES) -> bytes:
        return Ask(1, 2, grant.cookie, grant.handle, packet, ranges).pack()


def read_data(datagram: bytes) -> Data:
    found = read_answer(datagram)
    assert isinstance(found, Data)
    return found


def payload(answers: list[bytes]) -> bytes:
    found = [read_answer(one) for one in answers]
    return b"".join(one.data for one in found if isinstance(one, Data))


def test_a_granted_file_is_read_in_ranges() -> None:
    desk = Desk()
    grant = desk.grant()
    assert (grant.session, grant.number, grant.total_bytes) == (1, 1, len(CONTENT))
    answers = desk.answers(desk.ask(grant, (50, 3000), (99_990, 500), packet=1000))
    assert payload(answers) == CONTENT[50:3050] + CONTENT[99_990:]
    assert [len(one) for one in answers] == [1020, 1020, 1020, 30]


@pytest.mark.parametrize("padded", [0, 100, 400, 1000, 1472])
@pytest.mark.parametrize("path", ["/bundle", "/none", "/" + "x" * 900])
def test_no_answer_without_a_cookie_is_longer_than_three_times_the_request(path: str, padded: int) -> None:
    """[T-159]"""
    desk = Desk()
    for request in (
        Open(1, 1, PACKET_BYTES, (0, 4_000_000), path).pack(padded),
        Ask(1, 1, bytes(8), desk.grant().handle, PACKET_BYTES, ((0, 4_000_000),)).pack(),
        Ask(1, 1, desk.grant(OTHER).cookie, desk.grant().handle, PACKET_BYTES, ((0, 4_000_000),)).pack(),
    ):
        answers = desk.answers(request)
        assert answers
        assert sum(len(one) + WIRE_BYTES for one in answers) <= 3 * (len(request) + WIRE_BYTES)


def test_a_padded_open_brings_the_first_bytes() -> None:
    answers = Desk().answers(Open(1, 1, PACKET_BYTES, (0, 4096), "/bundle").pack(1412))
    assert payload(answers) == CONTENT[:4096]


def test_a_cookie_is_of_an_address_and_of_two_hours_at_most() -> None:
    """[T-160]"""
    jar, other = CookieJar(b"a" * 16), CookieJar(b"b" * 16)
    cookie = jar.cookie("192.0.2.1", 5 * PERIOD_S)
    assert jar.is_valid(cookie, "192.0.2.1", 5 * PERIOD_S) and jar.is_valid(cookie, "192.0.2.1", 6.9 * PERIOD_S)
    assert not jar.is_valid(cookie, "192.0.2.1", 7 * PERIOD_S)
    assert not jar.is_valid(cookie, "192.0.2.3", 5 * PERIOD_S)
    assert not other.is_valid(cookie, "192.0.2.1", 5 * PERIOD_S)
    with pytest.raises(ValueError, match="secret"):
        CookieJar(b"short")


def test_an_old_cookie_is_refused_with_a_new_one() -> None:
    """[T-160]"""
    desk = Desk()
    grant = desk.grant()
    desk.now += 3 * PERIOD_S
    refusal = read_answer(desk.answers(desk.ask(grant, (0, 10)))[0])
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.COOKIE
    again = Grant(1, 1, refusal.cookie, grant.handle, grant.total_bytes)
    assert payload(desk.answers(desk.ask(again, (0, 10)))) == CONTENT[:10]


def test_what_cannot_be_answered_is_refused_by_reason() -> None:
    """[T-158], [T-162]"""
    desk = Desk()
    grant = desk.grant()
    unknown = Ask(1, 2, grant.cookie, b"another!", PACKET_BYTES, ((0, 1),)).pack()
    asked = {
        Reason.NO_FILE: Open(1, 1, PACKET_BYTES, (0, 1), "/none").pack(),
        Reason.HANDLE: unknown,
        Reason.PAST_END: desk.ask(grant, (len(CONTENT), 1)),
    }
    for reason, datagram in asked.items():
        refusal = read_answer(desk.answers(datagram)[0])
        assert isinstance(refusal, Refusal) and refusal.reason is reason


def test_who_asks_for_everything_gets_a_share_and_no_more() -> None:
    """[T-161]"""
    desk = Desk(bytes_per_s=150_000)
    greedy, modest = desk.grant(), desk.grant(OTHER)
    desk.now += 1
    for _ in range(2000):
        desk.answerer.take(desk.ask(greedy, (0, len(CONTENT))), SHIP)
    assert desk.answerer.counts.dropped > 1900
    for at in range(10):
        desk.answerer.take(desk.ask(modest, (at * PACKET_BYTES, PACKET_BYTES)), OTHER)
    got: Counter[Address] = Counter()
    for _ in range(24):
        for sent, address in desk.sent():
            got[address] += len(sent)
        desk.now += 0.01
    assert got[OTHER] == 10 * (PACKET_BYTES + 20)
    assert got[SHIP] <= got[OTHER] * 2
    assert sum(got.values()) <= 150_000 * 0.27
    pending = sum(place.packets for place in desk.answerer._places.values())
    assert pending <= MAX_PENDING_PACKETS


def test_everything_asked_for_a_million_times_costs_no_memory() -> None:
    """[T-161]: in a few datagrams a second, or in very many at once."""
    desk = Desk(bytes_per_s=150_000)
    datagram = desk.ask(desk.grant(), *[(0, len(CONTENT))] * 16)
    for _ in range(1_000_000 // 16):
        desk.answerer.take(datagram, SHIP)
    (place,) = desk.answerer._places.values()
    assert place.packets <= MAX_PENDING_PACKETS and len(place.due) <= MAX_PENDING_PACKETS
    assert desk.answerer.counts.dropped > 990_000


@pytest.mark.parametrize("kind", ["replayed", "replayed from elsewhere", "reordered", "oversized"])
def test_bad_requests_bring_nothing_that_was_not_due(kind: str) -> None:
    """[T-158], [T-159], [T-161]: each request stands by itself, whenever and how often it comes."""
    desk = Desk()
    grant = desk.grant()
    asks = [desk.ask(grant, (at, 1000)) for at in range(0, 10_000, 1000)]
    if kind == "replayed":
        assert payload([one for ask in asks * 2 for one in desk.answers(ask)]) == CONTENT[:10_000] * 2
    elif kind == "replayed from elsewhere":
        answers = [one for ask in asks for one in desk.answers(ask, OTHER)]
        assert not payload(answers) and sum(map(len, answers)) <= sum(map(len, asks))
    elif kind == "reordered":
        assert payload([one for ask in reversed(asks) for one in desk.answers(ask)])[-1000:] == CONTENT[:1000]
    else:
        for more in (MAX_DATAGRAM_BYTES + 1, 60_000):
            assert not desk.answers(asks[0].ljust(more, b"x"))
            assert not desk.answers(Open(1, 1, PACKET_BYTES, (0, 1), "/bundle").pack().ljust(more, b"\0"))
        assert desk.answerer.counts.malformed == 4
    assert desk.answerer.addresses == 0


def test_what_waits_already_is_not_queued_again() -> None:
    """[T-189]: for another request; the same one may have been sent twice on purpose."""
    desk = Desk(bytes_per_s=1e6)
    grant = desk.grant()
    desk.now += 1
    twice = [Ask(1, number, grant.cookie, grant.handle, 1000, ((0, 8000),)).pack() for number in (2, 2)]
    later = Ask(1, 3, grant.cookie, grant.handle, 1000, ((2000, 3000), (7000, 4500))).pack()
    other = Ask(9, 3, grant.cookie, grant.handle, 1000, ((0, 1000),)).pack()
    for datagram in (*twice, later, other):
        desk.answerer.take(datagram, SHIP)
    got: Counter[tuple[int, int, int]] = Counter()
    while desk.answerer.addresses:
        desk.now += 1
        got.update((one.session, one.number, one.offset) for one in map(read_data, (sent for sent, _ in desk.sent())))
    assert got == Counter(
        {(1, 2, at): 2 for at in range(0, 8000, 1000)}
        | {(1, 3, at): 1 for at in (8000, 9000, 10_000, 11_000)}
        | {(9, 3, 0): 1}
    )
    assert payload(desk.answers(later)) == CONTENT[2000:5000] + CONTENT[7000:11_500], "it waits no more"


@pytest.mark.parametrize("hours", [-100, -1, 3, 10_000])
def test_a_clock_that_jumps_costs_one_refusal(hours: int) -> None:
    """[T-160]"""
    desk = Desk()
    desk.now = 1e9
    grant = desk.grant()
    desk.now += hours * PERIOD_S
    refusal = read_answer(desk.answers(desk.ask(grant, (0, 10)))[0])
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.COOKIE
    again = Grant(1, 1, refusal.cookie, grant.handle, grant.total_bytes)
    assert payload(desk.answers(desk.ask(again, (0, 10)))) == CONTENT[:10]


def test_neighbours_in_one_network_of_ipv6_share() -> None:
    """[T-161]"""
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1") != neighbourhood("192.0.2.2")
    assert neighbourhood("fe80::1%eth0") == neighbourhood("fe80::2%eth0")


def test_garbage_is_counted_and_not_answered() -> None:
    desk = Desk()
    random = Random(5)
    for _ in range(1000):
        assert not desk.answers(random.randbytes(random.randrange(1600)))
    assert desk.answerer.counts.malformed == 1000 and desk.answerer.counts.answers == 0
    assert desk.answerer.due_in(desk.now) is None


def test_a_file_that_shrinks_while_it_is_due_does_no_harm() -> None:
    desk = Desk()
    grant = desk.grant()
    desk.answerer.take(desk.ask(grant, (0, 50_000), (50_000, 1000)), SHIP)
    desk.files.files["/bundle"].content = CONTENT[:5000]
    assert payload([sent for sent, _ in desk.sent()]) == CONTENT[:5000]
    assert desk.answerer.addresses == 0 and desk.answerer.due_in(desk.now) is None

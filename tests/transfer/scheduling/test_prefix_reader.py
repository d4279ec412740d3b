"""The first bytes of a file at a source, and no others."""

from collections.abc import Callable

import pytest

from bundle.errors import Malformed
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import TRUST, Shape, tiny_bundle
from tests.support.links.simulated_link import Behaviour, SimulatedLink, then_honest
from transfer.config import TransferConfig
from transfer.scheduling.prefix_reader import PrefixReader

BUNDLE = tiny_bundle(Shape(full_bytes=500_000))


def reader(link: SimulatedLink, trust: Trust = TRUST) -> PrefixReader:
    return PrefixReader(link, trust, TransferConfig(), lambda line: None)


def test_a_header_and_not_a_byte_behind_it() -> None:
    """[T-80]"""
    link = SimulatedLink(BUNDLE.data)
    found = reader(link)
    assert found.header().root == BUNDLE.root
    assert found.received_bytes == link.delivered == len(BUNDLE.header)
    assert all(connection.is_closed for connection in link.open)


def taken(found: PrefixReader) -> bytes:
    """What its reader takes of a file that must be a ticket."""

    def checked(data: bytes) -> bytes:
        if data != b"ticket":
            raise Malformed("no ticket")
        return data

    return found.first(1000, checked)


@pytest.mark.parametrize("read", [PrefixReader.header, taken])
def test_what_is_neither_is_refused_with_its_name(read: Callable[[PrefixReader], object]) -> None:
    """[T-3]: and the connections are closed."""
    link = SimulatedLink(b"neither a header nor a ticket" * 100)
    with pytest.raises(Malformed, match=r"^sim://ship/bundle: "):
        read(reader(link))
    assert all(connection.is_closed for connection in link.open)


def test_what_arrives_damaged_is_asked_for_again() -> None:
    """[T-3], [T-58]"""
    link = SimulatedLink(b"ticket", script=then_honest(Behaviour(flips=(2,))))
    assert taken(reader(link)) == b"ticket" and len(link.requests) == 2

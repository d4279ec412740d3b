"""The first bytes of a file at a source, and no others."""

from collections.abc import Callable

import pytest

from bundle.errors import Malformed, Untrusted
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, tiny_bundle
from tests.support.links.simulated_link import Behaviour, SimulatedLink, then_honest
from transfer.config import TransferConfig
from transfer.publishing.latest import Pointer, sign_pointer
from transfer.publishing.prefix_reader import PrefixReader

BUNDLE = tiny_bundle(Shape(full_bytes=500_000))
POINTER = Pointer("vms", "1.0.1", 2, 0, "vms-1.0.1.unrep", len(BUNDLE.data), BUNDLE.verified.root_hash)
DAMAGED = Behaviour(flips=(30,))


def reader(link: SimulatedLink, trust: Trust = TRUST) -> PrefixReader:
    return PrefixReader(link, trust, TransferConfig(), lambda line: None)


def test_a_header_and_not_a_byte_behind_it() -> None:
    """[T-80]"""
    link = SimulatedLink(BUNDLE.data)
    found = reader(link)
    assert found.header().root == BUNDLE.root
    assert found.received_bytes == link.delivered == len(BUNDLE.header)
    assert all(connection.is_closed for connection in link.open)


def test_a_pointer_that_arrives_damaged_is_asked_for_again() -> None:
    """[T-54], [T-3]"""
    link = SimulatedLink(sign_pointer(POINTER, KEY), script=then_honest(DAMAGED))
    assert reader(link).pointer() == POINTER and len(link.requests) == 2


@pytest.mark.parametrize("read", [PrefixReader.header, PrefixReader.pointer])
def test_what_is_neither_is_refused_with_its_name(read: Callable[[PrefixReader], object]) -> None:
    """[T-3], [T-54]: and the connections are closed."""
    link = SimulatedLink(b"neither a header nor a pointer" * 100)
    with pytest.raises(Malformed, match=r"^sim://ship/bundle: "):
        read(reader(link))
    assert all(connection.is_closed for connection in link.open)


def test_a_pointer_of_a_stranger_is_refused() -> None:
    """[T-54]"""
    link = SimulatedLink(sign_pointer(POINTER, KEY))
    with pytest.raises(Untrusted):
        reader(link, Trust.of_maker(())).pointer()


def test_a_ticket_is_what_its_reader_takes() -> None:
    """[T-58]"""

    def checked(data: bytes) -> bytes:
        if data != b"ticket":
            raise Malformed("no ticket")
        return data

    link = SimulatedLink(b"ticket", script=then_honest(Behaviour(flips=(2,))))
    assert reader(link).ticket(checked) == b"ticket"

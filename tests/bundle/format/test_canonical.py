"""One encoding for one value: bundle.format.canonical."""

import struct

import msgspec
import pytest

from bundle.errors import Malformed
from bundle.format import canonical


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    count: int
    blob: bytes = b""


SOUND = canonical.encode(Thing("a", 5, b"x"))


def test_what_is_quoted_from_bytes_is_one_printable_line() -> None:
    """Unsigned bytes must not write on a terminal, nor fill a log."""

    class Empty(msgspec.Struct, forbid_unknown_fields=True):
        pass

    name = "a\n\x1b[31munrep: sound" + "x" * 10_000
    with pytest.raises(Malformed) as caught:
        canonical.decode(msgspec.msgpack.encode({name: 1}), Empty, "block")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_what_was_encoded_is_read_again() -> None:
    assert canonical.decode(SOUND, Thing, "thing") == Thing("a", 5, b"x")
    assert SOUND == b"\x83\xa4name\xa1a\xa5count\x05\xa4blob\xc4\x01x"
    assert canonical.encode(Thing("a", 5)) == b"\x82\xa4name\xa1a\xa5count\x05", "defaults are left out"


@pytest.mark.parametrize(
    "data",
    [
        SOUND + b"\0",
        SOUND[:-1],
        b"",
        b"\x82\xa5count\x05\xa4name\xa1a",
        b"\x82\xa4name\xa1a\xa5count\xcc\x05",
        b"\x82\xa4name\xd9\x01a\xa5count\x05",
        b"\x82\xa4name\xa1a\xa5count\xca" + struct.pack(">f", 5),
        b"\x82\xa4name\xa1a\xa5count\xc3",
        b"\x83\xa4name\xa1a\xa4name\xa1a\xa5count\x05",
        b"\x83\xa4name\xa1a\xa5count\x05\xa1x\x05",
        b"\x83\xa4name\xa1a\xa5count\x05\xa4blob\xc4\x00",
        b"\xde\x00\x02\xa4name\xa1a\xa5count\x05",
        b"\x82\xa4name\xa1\xff\xa5count\x05",
        b"\x82\xa4name\xa3\xed\xa0\x80\xa5count\x05",
        b"\x81\xa4name\xa1a",
        b"\xc0",
        b"\xc1",
        b"\x91" * 100_000,
    ],
    ids=[
        "trailing byte",
        "cut",
        "nothing",
        "key order",
        "wide integer",
        "wide string",
        "float",
        "boolean",
        "key twice",
        "unknown key",
        "default written",
        "wide map",
        "not UTF-8",
        "lone surrogate",
        "key missing",
        "nil",
        "no MessagePack",
        "nested deep",
    ],
)
def test_every_other_spelling_is_refused_by_name(data: bytes) -> None:
    """[F-3]"""
    with pytest.raises(Malformed, match=r"^thing: "):
        canonical.decode(data, Thing, "thing")

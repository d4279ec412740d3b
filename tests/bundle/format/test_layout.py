"""The preamble and what is signed: bundle.format.layout."""

import struct

import pytest

from bundle.errors import Malformed, Unsupported
from bundle.format.layout import (
    MAX_ROOT_BYTES,
    MAX_SIGNATURES_BYTES,
    Preamble,
    pre_authentication_encoding,
    read_preamble,
)


def test_the_preamble_is_14_bytes() -> None:
    """[F-1], [F-2]"""
    data = Preamble(0x010203, 0x0405).pack()
    assert data == b"UNREP\x01\x03\x02\x01\x00\x05\x04\x00\x00"
    assert read_preamble(data + b"more") == Preamble(0x010203, 0x0405)
    assert Preamble(100, 20).header_bytes == 134


@pytest.mark.parametrize("data", [b"", b"UNREP", Preamble(1, 1).pack()[:-1], b"\0" * 14, b"unrep" + bytes(9)])
def test_what_does_not_begin_like_a_bundle_is_none(data: bytes) -> None:
    """[F-1]"""
    with pytest.raises(Malformed, match="not an unrep bundle"):
        read_preamble(data)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_format_version_is_named(version: int) -> None:
    """[F-1]"""
    with pytest.raises(Unsupported, match=f"format version {version};"):
        read_preamble(b"UNREP" + struct.pack("<BII", version, 1, 1))


@pytest.mark.parametrize(
    ("root", "signatures", "word"),
    [
        (0, 1, "root"),
        (MAX_ROOT_BYTES + 1, 1, "root"),
        (0xFFFFFFFF, 1, "root"),
        (1, 0, "signature"),
        (1, MAX_SIGNATURES_BYTES + 1, "signature"),
        (1, 0x80000000, "signature"),
    ],
)
def test_lengths_have_bounds(root: int, signatures: int, word: str) -> None:
    """[F-2]"""
    with pytest.raises(Malformed, match=f"preamble: {word}"):
        read_preamble(Preamble(root, signatures).pack())
    assert (MAX_ROOT_BYTES, MAX_SIGNATURES_BYTES) == (262_144, 65_536)
    read_preamble(Preamble(MAX_ROOT_BYTES, MAX_SIGNATURES_BYTES).pack())


def test_the_pre_authentication_encoding_is_that_of_dsse() -> None:
    """[F-10], with the example of the DSSE protocol, version 1."""
    encoded = pre_authentication_encoding(b"hello world", b"http://example.com/HelloWorld")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pre_authentication_encoding(b"") == b"DSSEv1 12 unrep/root/1 0 "

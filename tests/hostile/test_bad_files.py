"""Bad inputs 1 to 4 and 11 to 20, of the attack list: the file, its signatures, and MessagePack that is not canonical.

Each: its class, exit code 3, one sentence, and the site the same to the byte. 5 to 10 are in
tests/end_to_end/test_bad_trust.py, beside what trust roots and lists add to 11 to 19.
"""

import struct
from typing import Any

import pytest

from bundle.errors import Malformed
from tests.support.contents.raw_bundles import full, raw, vector, with_paths, with_root
from tests.support.sites.attacked_site import Besieged


def integer(data: bytes) -> Any:
    return raw.Raw(data)


def test_bad_input_01_an_empty_file_and_a_wrong_magic(site: Besieged) -> None:
    site.refuses_vectors("empty", "magic", "magic-case", "preamble-cut")
    site.refuses(b"PK\3\4" + bytes(100), Malformed, "this is not an unrep bundle")


def test_bad_input_02_every_length_that_is_too_short(site: Besieged) -> None:
    data = vector("delta").read_bytes()
    with site.unchanged():
        for length in range(len(data)):
            site.refuses_quickly(data[:length])
    site.refuses_vectors("cut", "header-cut")


def test_bad_input_03_a_byte_too_many(site: Besieged) -> None:
    site.refuses_vectors("trailing")
    site.refuses(vector("delta").read_bytes() * 2, Malformed, "bytes too many")


@pytest.mark.slow
def test_bad_input_04_every_bit_of_root_and_signatures(site: Besieged) -> None:
    """[F-4] [F-10]"""
    data = vector("delta").read_bytes()
    root, block = struct.unpack_from("<II", data, 6)
    with site.unchanged():
        for bit in range(8 * (14 + root + block)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            site.refuses_quickly(bytes(changed))


def test_bad_input_11_a_format_and_features_that_nobody_knows(site: Besieged) -> None:
    site.refuses_vectors("format-2", "format-0", "root-format", "root-format-missing", "features", "features-unsorted")


def test_bad_input_12_keys_twice(site: Besieged) -> None:
    site.refuses_vectors("manifest-key-twice", "chain-field-twice")
    site.refuses(full(signatures=lambda e: (("s", e), ("s", e))), Malformed, "signature block")


def test_bad_input_13_not_a_number_infinity_and_floats(site: Besieged) -> None:
    site.refuses_vectors("seq-nan", "seq-float")
    for value in (float("inf"), float("-inf"), 1e300, 0.5):
        site.refuses(with_root("size", integer(b"\xcb" + struct.pack(">d", value))), Malformed, "root")
    site.refuses(with_root("seq", integer(b"\xca" + struct.pack(">f", 2.0))), Malformed, "root")


def test_bad_input_14_nested_100000_deep(site: Besieged) -> None:
    site.refuses_vectors("root-deep")
    deep = b"\x91" * 60_000 + b"\0"
    site.refuses(full(signature_bytes=lambda block: deep), Malformed, "signature block")
    index = raw.full(index=lambda data: b"\x91" * 100_000 + b"\0")
    site.refuses(raw.write(raw.Bundle([index])), Malformed, "index")
    listing = b"\x91" * 100_000 + b"\0"
    site.refuses(raw.write(raw.Bundle([raw.full(listing=listing)], manifest=listing)), Malformed, "tree manifest")


def test_bad_input_15_huge_integers(site: Besieged) -> None:
    site.refuses_vectors("seq-2-53", "seq-2-63", "varint-huge", "varint-nine", "chain-version-2-53")
    for key in ("seq", "created", "size", "entries", "piece_log", "manifest_size"):
        site.refuses(with_root(key, integer(b"\xcf" + b"\xff" * 8)), Malformed, key)


def test_bad_input_16_sizes_that_are_none(site: Besieged) -> None:
    site.refuses_vectors("seq-negative", "seq-bool", "size-negative", "entries-negative", "manifest-size-negative")
    site.refuses_vectors("sizes-negative", "section-length-negative", "section-index-negative", "base-objects-negative")
    for key in ("size", "entries", "manifest_size"):
        for value in (-1, 1 << 53):
            site.refuses(with_root(key, value), Malformed, key)
        site.refuses(with_root(key, True), Malformed, "root")
    too_large = raw.manifest(raw.TARGET, sizes=[1 << 53] * 7)
    site.refuses(raw.write(raw.Bundle([raw.full(listing=too_large)], manifest=too_large)), Malformed, "2^53")


def test_bad_input_17_lone_surrogates_and_bytes_that_are_no_text(site: Besieged) -> None:
    site.refuses_vectors("product-surrogate")
    site.refuses(with_paths("a\udc80"), Malformed, "tree manifest")
    for data in (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        site.refuses(with_root("version", integer(bytes([0xA0 | len(data)]) + data)), Malformed, "root")


def test_bad_input_18_fields_that_nobody_knows(site: Besieged) -> None:
    site.refuses_vectors("root-more", "section-more", "manifest-key", "signature-block-key", "chain-field")
    site.refuses_vectors("revocations-field", "frame-seven")


def test_bad_input_19_every_other_spelling(site: Besieged) -> None:
    site.refuses_vectors("root-order", "section-order", "manifest-key-order", "root-less", "root-trailing")
    site.refuses_vectors("seq-wide", "seq-signed", "string-wide", "bytes-wide", "array-wide", "root-array-wide")
    site.refuses_vectors("index-wide", "index-trailing", "manifest-size-wide", "manifest-order", "varint-padded")


def test_bad_input_20_nul_in_a_string(site: Besieged) -> None:
    site.refuses_vectors("path-07", "link-4")
    for key in ("product", "version"):
        site.refuses(with_root(key, "a\0b"), Malformed, "a\\x00b")
    site.refuses(with_paths("a\0b", platform="posix"), Malformed, "NUL")

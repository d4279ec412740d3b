"""Packed files that are not opened are told by name."""

import bz2
import lzma
import random

import pytest

from bundle.archives.foreign import LEAST_BYTES, why_closed
from tests.support.contents.containers import as_ar, as_gzip, as_zip

NOISE = random.Random(25).randbytes(9000)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (lzma.compress(NOISE, preset=9), "xz"),
        (bz2.compress(NOISE), None),
        (b"\x28\xb5\x2f\xfd" + NOISE, "zstandard"),
        (b"7z\xbc\xaf\x27\x1c" + NOISE, "7-Zip"),
        (b"LZIP\1" + NOISE, "lzip"),
        (as_ar({"debian-binary": b"2.0\n", "data.tar.xz": lzma.compress(NOISE, preset=7)}), "xz"),
        (as_ar({"debian-binary": b"2.0\n", "data.tar.gz": as_gzip(NOISE)}), None),
        (as_ar({"text": b"about \xfd7zXZ\0" + NOISE}), None),
        (lzma.compress(NOISE)[: LEAST_BYTES - 1], None),
        (as_gzip(NOISE), None),
        (as_zip({"a": NOISE}), None),
        (b"", None),
    ],
)
def test_the_format_is_named(data: bytes, name: str | None) -> None:
    said = why_closed(data, len(data))
    assert said is None if name is None else said and said.startswith(f"{name} is not opened: ")

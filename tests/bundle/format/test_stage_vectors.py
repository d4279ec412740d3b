"""The stage vectors of numbers and packed descriptions through our own functions."""

import json
from typing import Any

import pytest

from bundle.errors import Malformed
from bundle.format.canonical import decode
from bundle.format.codecs import Packed, check_packed
from bundle.format.varints import read_varints, unfold, write_varints
from tests.support.repository import REPOSITORY

DOCUMENT = json.loads((REPOSITORY / "spec" / "vectors" / "vectors.json").read_text("utf-8"))
NUMBERS = [item for item in DOCUMENT["stages"] if item["stage"] in ("varint", "seek") and item["data"]]
PACKED = [item for item in DOCUMENT["stages"] if item["stage"] == "packed"]


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item["name"])
def test_number(item: dict[str, Any]) -> None:
    """[F-40]"""
    data = bytes.fromhex(item["data"])
    if item["expect"] == "accept":
        (number,) = read_varints(data)
        assert write_varints([number]) == data
        assert (unfold(number) if item["stage"] == "seek" else number) == item["result"]
        return
    with pytest.raises(Malformed):
        list(read_varints(data))


@pytest.mark.parametrize("item", PACKED, ids=lambda item: item["name"])
def test_packed(item: dict[str, Any]) -> None:
    """[F-24]"""

    def judged() -> Packed:
        packed = decode(bytes.fromhex(item["data"]), Packed, "the array")
        check_packed(packed, "the array")
        return packed

    if item["expect"] == "accept":
        found = judged()
        assert [found.codec, found.length, found.size] == item["result"]
        return
    with pytest.raises(Malformed):
        judged()

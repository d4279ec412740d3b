"""The bytes of pull's datagrams: those of the vectors, and nothing else [T-156] to [T-158]."""

import json
from dataclasses import asdict
from random import Random
from typing import Any

import pytest

from bundle.errors import Malformed
from tests.support.repository import REPOSITORY
from transfer.pull.datagrams import (
    MAX_DATAGRAM_BYTES,
    PACKET_BYTES,
    Answer,
    Ask,
    Data,
    Grant,
    Open,
    Reason,
    Refusal,
    Request,
    read_answer,
    read_request,
)

VECTORS = json.loads((REPOSITORY / "spec" / "vectors" / "pull.json").read_text("utf-8"))
CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["datagrams"]]
KINDS = {"open": Open, "ask": Ask, "grant": Grant, "data": Data, "refusal": Refusal}


def read(case: dict[str, Any]) -> Request | Answer:
    data = bytes.fromhex(case["hex"])
    return read_request(data) if case["from"] == "ship" else read_answer(data)


def as_json(one: Request | Answer) -> dict[str, Any]:
    return {
        key: value.hex() if isinstance(value, bytes) else json.loads(json.dumps(value))
        for key, value in asdict(one).items()
    }


@pytest.mark.parametrize("case", CASES)
def test_vectors(case: dict[str, Any]) -> None:
    if case["expect"] == "refuse":
        with pytest.raises(Malformed):
            read(case)
        return
    found = read(case)
    assert isinstance(found, KINDS[case["kind"]])
    assert as_json(found) == case["fields"]
    data = bytes.fromhex(case["hex"])
    padded = {"padded_bytes": len(data)} if isinstance(found, Open) else {}
    assert found.pack(**padded) == data


def test_there_are_more_refusals_than_acceptances_and_every_kind() -> None:
    expected = [case["expect"] for case in VECTORS["datagrams"]]
    assert expected.count("refuse") > expected.count("accept")
    assert {case["kind"] for case in VECTORS["datagrams"] if case["expect"] == "accept"} == set(KINDS)


def test_garbage_is_malformed_and_nothing_else() -> None:
    seed = 20
    random = Random(seed)
    heads = [b"", b"UP\x01", *(b"UP\x01" + bytes([kind]) for kind in range(7))]
    for _ in range(5000):
        data = random.choice(heads) + random.randbytes(random.choice((0, 3, 8, 24, 40, 60, 1400, 1500, 70)))
        for reader in (read_request, read_answer):
            try:
                found = reader(data)
            except Malformed:
                continue
            assert len(data) <= MAX_DATAGRAM_BYTES, f"seed {seed}"
            assert found.pack() == data.rstrip(b"\0")[: len(found.pack())].ljust(len(found.pack()), b"\0")


def test_every_flipped_bit_is_read_or_malformed() -> None:
    for one in (
        Open(1, 2, PACKET_BYTES, (0, 4096), "/bundle"),
        Ask(1, 2, b"c" * 8, b"h" * 8, 1000, ((0, 5), (9, 3))),
        Grant(1, 2, b"c" * 8, b"h" * 8, 10**9),
        Data(1, 2, 77, b"data"),
        Refusal(1, 2, Reason.COOKIE, b"c" * 8),
    ):
        data = one.pack()
        for bit in range(len(data) * 8):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            for reader in (read_request, read_answer):
                try:
                    assert reader(bytes(flipped)) != one
                except Malformed:
                    continue

"""Receipts: their bytes, their bounds, whose word they are [C-1] to [C-7]."""

from itertools import pairwise
from random import Random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.errors import Malformed, Refused, Untrusted
from bundle.format.canonical import MAX_INTEGER
from bundle.receipts import meanings
from bundle.receipts.receipt import (
    MAX_RECEIPT_BYTES,
    Opened,
    Receipt,
    UnknownSite,
    claimed_site,
    fitted,
    open_receipt,
    sign_receipt,
)
from bundle.trust.signing import verifying_key
from tests.support.repository import REPOSITORY

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SITE = verifying_key(KEY)
APPLIED = Receipt(
    number=1, outcome=1, reason="every required check passed", product="vms", to="1.0.1", time=1_800_000_000
)
LARGEST = Receipt(
    number=2**40,
    before=bytes(8),
    record=2**40,
    head=bytes(16),
    outcome=127,
    code=127,
    reason="r" * 900,
    product="p" * 64,
    origin="o" * 64,
    to="t" * 64,
    tree=bytes(8),
    serving=bytes(8),
    held=bytes(4 * 30),
    deploy_ms=2**60,
    outage_ms=2**60,
    paid=2**60,
    hold=1,
    free_mib=2**60,
    program="0.1.0.dev1234+g0123456789",
    time=2**60,
)


def opened(data: bytes) -> Opened:
    return open_receipt(data, {SITE.key_id: SITE}, "r.receipt")


def test_a_receipt_there_and_back() -> None:
    data = sign_receipt(APPLIED, KEY)
    assert opened(data).receipt == APPLIED and opened(data).site == SITE.key_id == claimed_site(data, "r")
    said = opened(data).document()
    assert (said["kind"], said["outcome"], said["code"], said["to"]) == ("outcome", "applied", "none", "1.0.1")
    assert len(data) < 200


def test_the_largest_receipt_fits() -> None:
    """[C-4]: all names and numbers at their most; the reason gives way, and nothing else does."""
    data = sign_receipt(fitted(LARGEST), KEY)
    said = opened(data).receipt
    assert len(data) == MAX_RECEIPT_BYTES and said == msgspec.structs.replace(fitted(LARGEST), reason=said.reason)
    assert said.reason and set(said.reason) == {"r"} and len(said.held_trees) == 7 and said.paid == MAX_INTEGER
    usual = msgspec.structs.replace(fitted(LARGEST), product="vms", origin="1.0.0", to="1.0.1", paid=5809, time=2**31)
    assert len(opened(sign_receipt(usual, KEY)).receipt.reason) == 40


def test_texts_are_cut_between_characters() -> None:
    """[C-4]"""
    said = fitted(msgspec.structs.replace(APPLIED, reason="\u00e4" * 60, to="\u3042" * 9))
    assert (said.reason, said.to) == ("\u00e4" * 20, "\u3042" * 7)
    assert fitted(msgspec.structs.replace(APPLIED, reason="a\nb\x1b", time=-4)).reason == "a\\nb\\x1b"
    data = sign_receipt(msgspec.structs.replace(fitted(LARGEST), reason="\u00e4" * 20), KEY)
    assert MAX_RECEIPT_BYTES - 2 < len(data) <= MAX_RECEIPT_BYTES and set(opened(data).receipt.reason) == {"\u00e4"}


def test_any_bit_that_flips_is_noticed() -> None:
    data = sign_receipt(APPLIED, KEY)
    for place in range(len(data) * 8):
        bent = bytearray(data)
        bent[place // 8] ^= 1 << place % 8
        with pytest.raises(Refused, match=r"^r\.receipt: "):
            opened(bytes(bent))


def test_any_length_but_the_right_one_is_refused() -> None:
    """[C-1]"""
    data = sign_receipt(APPLIED, KEY)
    for wrong in (*(data[:size] for size in range(len(data))), data + b"\0", data + bytes(300)):
        with pytest.raises(Malformed):
            opened(wrong)


def test_whose_word_it_is() -> None:
    """[C-2]: a site that is not known differs from a known one that did not sign this."""
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(UnknownSite, match=rf"signed by site {verifying_key(stranger).key_id.hex()}, whose key is not"):
        opened(sign_receipt(APPLIED, stranger))
    with pytest.raises(Untrusted, match=r"^r\.receipt: its signature is not by the key of site"):
        open_receipt(sign_receipt(APPLIED, KEY), {SITE.key_id: verifying_key(stranger)}, "r.receipt")


@pytest.mark.parametrize(
    "changes",
    [{"number": 0}, {"outcome": 0}, {"time": -1}, {"tree": bytes(4)}, {"reason": "r" * 41}, {"held": bytes(5)}],
)
def test_what_is_out_of_bounds_is_not_signed(changes: dict[str, object]) -> None:
    """[C-4]"""
    with pytest.raises(Malformed):
        sign_receipt(msgspec.structs.replace(APPLIED, **changes), KEY)


def test_meanings_are_those_of_the_page() -> None:
    """[C-6] [C-7]: the tables of spec/receipts.md, and numbers that no table has."""
    page = (REPOSITORY / "spec" / "receipts.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    pairs = set(pairwise(cell.strip() for row in rows for cell in row))
    assert not [name for number, name in meanings.CODES.items() if (str(number), name) not in pairs]
    assert list(meanings.OUTCOMES.values())[:3] == ["applied", "already-current", "rolled-back"]
    kinds = {name: meanings.kind_of(name) for name in meanings.OUTCOMES.values()}
    assert set(kinds.values()) == {
        *("outcome", "refusal", "stranded", "drifted", "config-broken", "unhealthy", "alive")
    }
    assert kinds["interrupted"] == kinds["degraded"] == "outcome" and kinds["refused"] == "refusal"
    said = opened(sign_receipt(msgspec.structs.replace(APPLIED, outcome=99, code=98), KEY)).receipt
    assert (said.outcome_name, said.code_name, said.kind) == ("outcome-99", "code-98", "outcome")
    assert meanings.code_number("what no table has") == meanings.code_number("other")


def test_random_bytes_are_no_receipt() -> None:
    seed = Random().randrange(1_000_000)
    print(f"seed {seed}")
    random = Random(seed)
    for _ in range(2000):
        with pytest.raises(Refused):
            opened(random.randbytes(random.randrange(300)))

"""What has come of each site: gaps, forks, wrong keys, in any order and number [C-8] to [C-10]."""

import time
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.receipts.chains import Chain, Ledger
from bundle.receipts.receipt import Receipt, mark_of, sign_receipt
from bundle.trust.signing import verifying_key

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {verifying_key(key).key_id: verifying_key(key) for key in (KEY, OTHER)}


def chain(count: int, key: Ed25519PrivateKey = KEY, after: tuple[bytes, ...] = (), story: int = 0) -> list[bytes]:
    """So many receipts, behind those given; `story` tells chains apart."""
    made = list(after)
    for number in range(len(made) + 1, len(made) + count + 1):
        before = mark_of(made[-1]) if made else b""
        made.append(sign_receipt(Receipt(number=number, before=before, outcome=11, time=number, paid=story), key))
    return made


def read(receipts: list[bytes]) -> tuple[Ledger, list[Chain]]:
    ledger = Ledger(KEYS)
    for place, data in enumerate(receipts):
        ledger.read(f"{place}.receipt", data)
    return ledger, ledger.chains()


def test_a_whole_chain_in_any_order_and_twice() -> None:
    """[C-8] [C-9]"""
    seed = Random().randrange(1_000_000)
    print(f"seed {seed}")
    receipts = chain(40) * 2
    Random(seed).shuffle(receipts)
    ledger, (found,) = read(receipts)
    assert [one.receipt.number for one in found.receipts] == list(range(1, 41))
    assert (found.missing, found.forks, ledger.wrong, ledger.repeated) == ([], [], {}, 40)
    assert found.latest.receipt.number == 40


def test_gaps_are_named_from_the_first_that_came() -> None:
    """[C-9]"""
    receipts = chain(12)
    _, (found,) = read([receipts[at - 1] for at in (3, 4, 6, 10, 12)])
    assert found.missing == [(5, 5), (7, 9), (11, 11)] and not found.forks


def test_two_receipts_with_one_number_fork() -> None:
    """[C-10]: a site that was put back from a backup after number 4."""
    first = chain(7)
    second = chain(4, after=tuple(first[:4]), story=1)
    _, (found,) = read(first + second)
    assert found.forks == [5, 6, 7] and found.latest.receipt.number == 8


def test_a_receipt_that_does_not_follow_forks_though_its_twin_is_lost() -> None:
    """[C-10]"""
    first = chain(5)
    second = chain(3, after=tuple(first[:4]), story=1)
    _, (found,) = read([*first, *second[5:]])
    assert found.forks == [6]


def test_a_record_that_was_lost_forks_at_its_beginning() -> None:
    """[C-10]"""
    _, (found,) = read([*chain(3), *chain(2, story=1)])
    assert found.forks == [1, 2]


def test_sites_do_not_mix_and_what_is_none_is_named() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    ledger, chains = read([*chain(2), *chain(3, OTHER), *chain(1, stranger), b"", b"x" * 301])
    assert sorted(len(found.receipts) for found in chains) == [2, 3]
    assert list(ledger.wrong) == ["5.receipt", "6.receipt", "7.receipt"]
    assert "whose key is not among those given" in str(ledger.wrong["5.receipt"])


def test_thousands_take_seconds() -> None:
    """500 ships, 20 receipts each."""
    keys = [Ed25519PrivateKey.from_private_bytes(number.to_bytes(32)) for number in range(500)]
    ledger = Ledger({verifying_key(key).key_id: verifying_key(key) for key in keys})
    receipts = [data for key in keys for data in chain(20, key)]
    begun = time.perf_counter()
    for data in receipts:
        ledger.read("r", data)
    assert len(ledger.chains()) == 500 and not ledger.wrong
    print(f"{len(receipts):,} receipts in {time.perf_counter() - begun:.2f} s")

"""Bad inputs about trust, each under its number in the list of attacks: exit code 3, one sentence, the site untouched.

The site follows trust root 1, two of A, B, C. All numbers but 5 to 10 are validly signed, so that they reach what
judges them; the vectors named `chain-` and `revocations-` hold more of each. spec/trust.md
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.format import canonical
from bundle.format.layout import PAYLOAD_TYPE, Preamble, read_preamble
from bundle.trust.signing import Links, Signature, SignatureBlock, Signed, sign_payload, verifying_key
from bundle.trust.trust_root import TRUST_TYPE, Revocations
from tests.support.contents.trust import NEXT, RELEASE, A, B, C, D, History, begun, private, raw, releases, signed_anew
from tests.support.observers.command import run
from tests.support.sites.site import Ship, shore

FIRST = begun()
BOTH = FIRST.rotated(releases=releases(RELEASE, NEXT))
SMALL_ORDER = b"\1" + bytes(31)

Block = Callable[[bytes], SignatureBlock]


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    """A site where trust root 2 and revocation list 1 were followed, by way of 1.0.0 and 1.0.1."""
    ship = Ship(tmp_path)
    FIRST.write(tmp_path / "root-1")
    signed_anew(shore().bundle("1.0.0", 1), tmp_path / "b", RELEASE, FIRST)
    assert run("apply", tmp_path / "b", "--site", ship.root, "--trust", tmp_path / "root-1")[0] == 0
    signed_anew(shore().bundle("1.0.1", 2, "1.0.0"), tmp_path / "b", RELEASE, BOTH.revoking(D))
    assert run("apply", tmp_path / "b", "--site", ship.root)[0] == 0
    return ship


def refused(ship: Ship, bundle: Path, words: str) -> None:
    """The bundle is refused with those words, and not a byte at the site changes."""
    before = ship.seen()
    code, out, err = run("apply", bundle, "--site", ship.root)
    assert (code, out) == (3, "") and words in err and err.count("\n") == 1, err
    assert ship.seen() == before


def with_block(ship: Ship, make: Block, name: str = "1.0.2", seq: int = 3) -> Path:
    """A full bundle of that release whose signature block is what `make` gives for its root."""
    data = shore().bundle(name, seq).read_bytes()
    preamble = read_preamble(data)
    root = data[14 : 14 + preamble.root_bytes]
    block = canonical.encode(make(root))
    path = ship.root.parent / "bad.unrep"
    path.write_bytes(Preamble(len(root), len(block)).pack() + root + block + data[preamble.header_bytes :])
    return path


def signed_by(*keys: Ed25519PrivateKey) -> Block:
    return lambda root: SignatureBlock(sign_payload(root, PAYLOAD_TYPE, keys))


def leading_to(*roots: Signed, first: int = 3, key: Ed25519PrivateKey = RELEASE) -> Block:
    """A good signature beside those trust roots."""
    return lambda root: SignatureBlock(sign_payload(root, PAYLOAD_TYPE, [key]), Links(first, list(roots)))


def third(*keys: Ed25519PrivateKey, **changes: object) -> Signed:
    """Trust root 3, changed and signed by those keys."""
    root = msgspec.structs.replace(BOTH.trust.root, version=3, **changes)
    payload = canonical.encode(root)
    return Signed(payload, sign_payload(payload, TRUST_TYPE, keys))


def test_bad_input_05_duplicate_signatures_and_ids_to_fake_a_threshold(ship: Ship) -> None:
    once = third(A)
    by_a = once.signatures[0]
    twice = Signed(once.payload, [by_a, by_a])
    refused(ship, with_block(ship, leading_to(twice)), "trust root 3: two signatures by one key")
    other_id = Signature(verifying_key(B).key_id, by_a.value)
    refused(
        ship, with_block(ship, leading_to(Signed(once.payload, [by_a, other_id]))), "signed by 1 keys of trust root 2"
    )
    doubled = third(A, B, keys=sorted([raw(A), raw(A), raw(B)]))
    refused(ship, with_block(ship, leading_to(doubled)), "keys are not 1 to 64, sorted, each once")


def test_bad_input_06_the_id_of_another_key(ship: Ship) -> None:
    def borrowed(root: bytes) -> SignatureBlock:
        made = sign_payload(root, PAYLOAD_TYPE, [D])[0]
        return SignatureBlock([Signature(verifying_key(RELEASE).key_id, made.value)])

    refused(ship, with_block(ship, borrowed), "0 of them trusted and valid")


def test_bad_input_07_a_key_of_small_order(ship: Ship) -> None:
    small = third(A, B, keys=sorted([raw(A), raw(B), SMALL_ORDER]))
    refused(ship, with_block(ship, leading_to(small)), "not a canonical Ed25519 point of large order")
    bad = msgspec.structs.replace(BOTH.trust.root.releases[0], key=SMALL_ORDER)
    refused(
        ship,
        with_block(ship, leading_to(third(A, B, releases=[bad, *releases(RELEASE)]))),
        "not a canonical Ed25519 point of large order",
    )


def test_bad_input_08_a_gap_and_a_root_that_its_predecessor_did_not_sign(ship: Ship) -> None:
    refused(ship, with_block(ship, leading_to(third(A, B), first=4)), "those after 2 are missing")
    strangers = sorted(map(raw, (D, private(7), private(8))))
    taken_over = third(D, private(7), keys=strangers, releases=releases(D))
    refused(ship, with_block(ship, leading_to(taken_over, key=D)), "signed by 0 keys of trust root 2, 2 needed")
    refused(ship, with_block(ship, leading_to(third(A))), "signed by 1 keys of trust root 2, 2 needed")
    handed_on = third(A, B, keys=strangers)
    refused(ship, with_block(ship, leading_to(handed_on)), "signed by 0 keys of trust root 3, 2 needed")
    other_second = FIRST.rotated(releases=releases(NEXT)).file.links.roots[1]
    refused(ship, with_block(ship, leading_to(other_second, first=2, key=NEXT)), "trust root 2: not the one")


def test_bad_input_09_a_signature_block_over_64_kib(ship: Ship) -> None:
    many = leading_to(*[third(A, B, expires=number) for number in range(1, 200)])
    refused(ship, with_block(ship, many), "is not within 1 to 65536 bytes")


def test_bad_input_10_a_signature_for_another_payload_type(ship: Ship) -> None:
    def as_trust(root: bytes) -> SignatureBlock:
        return SignatureBlock(sign_payload(root, TRUST_TYPE, [RELEASE]))

    refused(ship, with_block(ship, as_trust), "0 of them trusted and valid")
    payload = third().payload
    as_bundle = Signed(payload, sign_payload(payload, PAYLOAD_TYPE, [A, B]))
    refused(ship, with_block(ship, leading_to(as_bundle)), "signed by 0 keys of trust root 2")


def test_bad_input_11_a_trust_root_of_an_unknown_format(ship: Ship) -> None:
    refused(ship, with_block(ship, leading_to(third(A, B, trust=2))), "trust root 3: format 2 is not 1")


@pytest.mark.parametrize(
    ("number", "bend"),
    [
        (12, lambda payload: b"\x87" + payload[1:] + b"\xa9threshold\x02"),
        (13, lambda payload: payload.replace(b"\xa9threshold\x02", b"\xa9threshold\xcb\x40" + bytes(7))),
        (14, lambda payload: b"\x91" * 10_000 + payload),
        (15, lambda payload: payload.replace(b"\xa9threshold\x02", b"\xa9threshold\xcf" + b"\xff" * 8)),
        (16, lambda payload: payload.replace(b"\xa9threshold\x02", b"\xa9threshold\xff")),
        (18, lambda payload: b"\x87" + payload[1:] + b"\xa1x\x01"),
        (19, lambda payload: payload.replace(b"\xa9threshold\x02", b"\xa9threshold\xcc\x02")),
    ],
    ids=lambda value: f"{value:02}" if isinstance(value, int) else "",
)
def test_bad_input_12_to_19_trust_roots_that_are_not_canonical(
    ship: Ship, number: int, bend: Callable[[bytes], bytes]
) -> None:
    """Duplicate and unknown fields, floats, depth, huge and negative integers, wide encodings: all validly signed."""
    payload = bend(third().payload)
    assert payload != third().payload
    bad = Signed(payload, sign_payload(payload, TRUST_TYPE, [A, B]))
    refused(ship, with_block(ship, leading_to(bad)), "trust root 3: ")


def test_bad_input_57_a_bundle_and_a_heartbeat_for_another_product(ship: Ship) -> None:
    path = signed_anew(shore().bundle("1.0.2", 3, product="pms"), ship.root.parent / "bad", RELEASE, None)
    judged(ship, path, "'pms'; this site has 'vms'")


def test_bad_input_58_a_seq_at_or_below_the_high_water_mark(ship: Ship) -> None:
    place = ship.root.parent / "bad"
    judged(ship, signed_anew(shore().bundle("1.0.2", 1), place, RELEASE, None), "older than seq 2")
    judged(ship, signed_anew(shore().bundle("1.0.2", 2), place, RELEASE, None), "another release with this seq")


def test_bad_input_59_an_older_revocation_list(ship: Ship) -> None:
    newer = BOTH.revoking(D).revoking(C)
    assert run("apply", anew(ship, newer, "1.0.2", 3), "--site", ship.root)[0] == 0
    refused(ship, anew(ship, BOTH.revoking(D), "1.0.0", 4), "version 1 is older than the known version 2")
    other = BOTH.revoking(D).revoking(B)
    refused(ship, anew(ship, other, "1.0.0", 4), "version 2 is another one than the known version 2")
    listed = Revocations(1, 3, 0)
    unsigned = Signed(canonical.encode(listed), sign_payload(canonical.encode(listed), TRUST_TYPE, [A, B]))

    def with_list(root: bytes) -> SignatureBlock:
        return SignatureBlock(sign_payload(root, PAYLOAD_TYPE, [RELEASE]), None, unsigned)

    refused(ship, with_block(ship, with_list, "1.0.0", 4), "revocation list: signed by 0 keys of trust root 2")


def test_bad_input_64_a_revoked_key_and_a_revoked_release(ship: Ship) -> None:
    tree = bytes.fromhex(shore().tree("1.0.0"))
    newer = BOTH.revoking(D).revoking(RELEASE, trees=[tree])
    signed_anew(shore().bundle("1.0.2", 3), ship.root.parent / "b", NEXT, newer)
    assert run("apply", ship.root.parent / "b", "--site", ship.root)[0] == 0
    refused(ship, with_block(ship, signed_by(RELEASE), "1.0.1", 4), "which is revoked")
    refused(ship, with_block(ship, signed_by(NEXT), "1.0.0", 4), "revoked by shore, revocation list 2")


def judged(ship: Ship, bundle: Path, words: str) -> None:
    """Refused for what it is, not for who signed it: the run goes on record, and nothing else at the site changes."""
    names = ("versions", "current", ".unrep/manifests", ".unrep/trust", "unrep.toml")
    before, state = ship.seen(*names), ship.state
    code, _, err = run("apply", bundle, "--site", ship.root)
    assert code == 3 and words in err, err
    assert (ship.seen(*names), ship.state) == (before, state)


def anew(ship: Ship, history: History, name: str, seq: int) -> Path:
    """A full bundle with that history, signed by RELEASE."""
    copy = ship.root.parent / "anew"
    copy.with_name("anew.sha256").unlink(missing_ok=True)
    shutil.copy(shore().bundle(name, seq), copy)
    return signed_anew(copy, copy, RELEASE, history)

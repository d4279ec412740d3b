"""Tickets: which open what, and that no other does. spec/sealing.md [S-7] to [S-13]."""

from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bundle.errors import BundleError, InputError, Malformed, Sealed, Unsupported, Untrusted
from bundle.format.section_cipher import ContentKey
from bundle.recipients.ship_key import ShipPublicKey, load_ship_key, load_ship_public_key, write_ship_key_pair
from bundle.recipients.ticket import decode_ticket, issue_ticket, open_ticket, sign_ticket_anew, verify_ticket
from bundle.trust.signing import verifying_key, write_key_pair
from bundle.trust.trust import Trust
from tests.support.contents.releases import KEY, TRUST
from tests.support.contents.sealed import ALPHA, BETA
from tests.support.faults.wrong_tickets import try_every_wrong_ticket

CONTENT = ContentKey(bytes(range(16)))
ROOT, OTHER = sha256(b"root").digest(), sha256(b"other").digest()
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
GOOD = issue_ticket(CONTENT, ALPHA.public, ROOT, [KEY])


def opened(data: bytes, root_hash: bytes = ROOT, trust: Trust = TRUST) -> ContentKey:
    ticket = decode_ticket(data)
    verify_ticket(ticket, root_hash, trust)
    return open_ticket(ticket, ALPHA, root_hash)


def test_a_ticket_opens_its_bundle_for_its_ship() -> None:
    """[S-8] [S-9]"""
    assert opened(GOOD) == CONTENT
    assert len(GOOD) == 145
    assert issue_ticket(CONTENT, ALPHA.public, ROOT, [KEY]) != GOOD, "sealed with another ephemeral key each time"


def test_another_ship_or_another_bundle() -> None:
    """[S-10] [S-11]"""
    with pytest.raises(Sealed, match="the ticket of another ship"):
        open_ticket(decode_ticket(GOOD), BETA, ROOT)
    for check in (lambda t: verify_ticket(t, OTHER, TRUST), lambda t: open_ticket(t, ALPHA, OTHER)):
        with pytest.raises(Sealed, match="a ticket for another bundle"):
            check(decode_ticket(GOOD))


def test_what_binds_is_the_seal_and_not_the_hints() -> None:
    """[S-9] [S-11] A ticket whose hints were made to suit, and which was signed for that."""
    hinted = GOOD[:1] + OTHER[:4] + BETA.public.key_id[:4] + GOOD[9:73]
    forged = decode_ticket(sign_ticket_anew(hinted + GOOD[73:], OTHER, [KEY]))
    verify_ticket(forged, OTHER, TRUST)
    with pytest.raises(Sealed, match="does not open with this ship's key"):
        open_ticket(forged, BETA, OTHER)
    with pytest.raises(Untrusted):
        verify_ticket(decode_ticket(hinted + GOOD[73:]), OTHER, TRUST)


@pytest.mark.parametrize("at", range(145))
def test_every_flipped_byte_is_refused(at: int) -> None:
    """[S-8] [S-10]"""
    for bit in range(8):
        with pytest.raises(BundleError) as caught:
            opened(GOOD[:at] + bytes([GOOD[at] ^ 1 << bit]) + GOOD[at + 1 :])
        assert isinstance(caught.value, Sealed | Untrusted | Malformed | Unsupported)


def test_every_length_but_its_own_is_refused() -> None:
    """[S-8]"""
    for size in range(145):
        with pytest.raises(Malformed):
            opened(GOOD[:size])
    for more in (b"\0", bytes(72), bytes(64 * 72)):
        with pytest.raises((Malformed, Untrusted)):
            opened(GOOD + more)


def test_signatures_of_others_and_of_several() -> None:
    """[S-8] [S-10]"""
    with pytest.raises(Untrusted):
        opened(issue_ticket(CONTENT, ALPHA.public, ROOT, [STRANGER]))
    both = issue_ticket(CONTENT, ALPHA.public, ROOT, [STRANGER, KEY])
    assert opened(both) == CONTENT
    needs_both = Trust((verifying_key(KEY), verifying_key(STRANGER)), 2)
    assert opened(both, trust=needs_both) == CONTENT
    with pytest.raises(Untrusted):
        opened(GOOD, trust=needs_both)
    with pytest.raises(Malformed, match="ascend"):
        opened(both[:73] + both[145:] + both[73:145])
    with pytest.raises(Malformed, match="two signatures by one key"):
        opened(GOOD + GOOD[73:])


def test_new_signatures_on_an_old_seal() -> None:
    """[S-13]"""
    anew = sign_ticket_anew(GOOD, ROOT, [STRANGER])
    assert anew[:73] == GOOD[:73]
    assert opened(anew, trust=Trust((verifying_key(STRANGER),))) == CONTENT
    with pytest.raises(Sealed):
        sign_ticket_anew(GOOD, OTHER, [STRANGER])


def test_no_wrong_ticket_of_a_fleet_opens() -> None:
    """[S-11] A sample; `make tickets` tries a thousand ships."""
    tried = try_every_wrong_ticket(25)
    print(tried)
    assert (tried.wrong, tried.opened, tried.accepted) == (25 * 24 + 25, 0, 0)
    assert tried.right == 25


def test_ship_keys_on_disk(tmp_path: Path) -> None:
    """[S-7]"""
    public = write_ship_key_pair(tmp_path / "ship")
    key = load_ship_key(tmp_path / "ship.key")
    assert load_ship_public_key(tmp_path / "ship.pub") == key.public == public
    assert "private" not in repr(key)
    with pytest.raises(InputError, match="exists already"):
        write_ship_key_pair(tmp_path / "ship")
    write_key_pair(tmp_path / "signer")
    (tmp_path / "junk").write_bytes(Random(1).randbytes(100))
    for wrong in ("signer.key", "ship.pub", "junk", "nowhere"):
        with pytest.raises(InputError, match=wrong):
            load_ship_key(tmp_path / wrong)
    for wrong in ("signer.pub", "ship.key", "junk", "nowhere"):
        with pytest.raises(InputError, match=wrong):
            load_ship_public_key(tmp_path / wrong)


def test_public_keys_that_nothing_may_be_sealed_to() -> None:
    """[S-7]"""
    prime = 2**255 - 19
    good = X25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert ShipPublicKey(good).raw == good
    masked = int.from_bytes(good, "little") | 1 << 255
    for number in (0, 1, prime - 1, prime, prime + 1, masked):
        with pytest.raises(Malformed):
            ShipPublicKey(number.to_bytes(32, "little"))
    for raw in (good[:-1], good + b"\0", b""):
        with pytest.raises(Malformed):
            ShipPublicKey(raw)

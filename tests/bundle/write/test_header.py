"""What a bundle's header says of whom to trust: bundle.write.header."""

import pytest

from bundle.errors import InputError
from bundle.format.layout import MAX_SIGNATURES_BYTES, PREAMBLE_BYTES, read_preamble
from bundle.trust.signing import decode_block, verifying_key
from bundle.trust.trust import Trust
from bundle.write import header
from bundle.write.header import signed_header, trust_to_prove_under
from tests.support.contents.trust import RELEASE, A, B

ROOT = b"the bytes of a root"


def test_a_header_is_preamble_root_and_signatures() -> None:
    """[F-2]"""
    data = signed_header(ROOT, [A], None)
    preamble = read_preamble(data)
    assert preamble.header_bytes == len(data) and data[PREAMBLE_BYTES:].startswith(ROOT)
    block = decode_block(data[PREAMBLE_BYTES + preamble.root_bytes :])
    assert [signature.key_id for signature in block.signatures] == [verifying_key(A).key_id]
    assert block.trust is None and block.revocations is None


def test_without_a_trust_the_signers_own_keys_are_proven_by() -> None:
    trust = trust_to_prove_under(None, [A, B])
    assert {verifying_key(A), verifying_key(B)} == set(trust.release_keys)


def test_a_signer_that_ships_would_not_count_is_refused() -> None:
    trust = Trust((verifying_key(RELEASE),))
    assert trust_to_prove_under(trust, [RELEASE]) is trust
    with pytest.raises(InputError, match=f"key {verifying_key(B).key_id.hex()}: no release key of trust root"):
        trust_to_prove_under(trust, [RELEASE, B])


def test_a_chain_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out is named: `--trust-from`."""
    monkeypatch.setattr(header, "sign", lambda *_: bytes(MAX_SIGNATURES_BYTES + 1))
    with pytest.raises(InputError, match="65,537 bytes, a bundle holds 65,536; leave out with --trust-from"):
        signed_header(ROOT, [A], None)

"""Chains of trust, revocation, epochs and expiry, and their drafts: spec/trust.md.

The vectors prove each refusal of bytes; here is what a reader makes of what it knew before, and what ashore is refused.
"""

import re
import time
from base64 import b64decode, b64encode
from pathlib import Path
from random import Random

import msgspec
import pytest

from bundle.errors import InputError, Malformed, Refused, Revoked, Untrusted
from bundle.format import canonical
from bundle.format.root import Root
from bundle.trust.drafting import first_root, missing, newest_root, revoked, signed, succeeded
from bundle.trust.signing import Signed, sign, sign_payload, verifying_key
from bundle.trust.trust import Trust, given_trust, load_trust, trust_of
from bundle.trust.trust_file import MAX_TRUST_FILE_BYTES, TrustFile, decode_trust_file
from bundle.trust.trust_root import REVOCATIONS_TYPE, TRUST_FORMAT, Revocations, TrustRoot
from tests.support.contents.trust import MADE, NEXT, RELEASE, A, B, C, D, History, begun, raw, releases, write_keys

PAYLOAD = b"a bundle's root"
FIRST = begun()
SECOND = FIRST.rotated(keys=sorted(map(raw, (B, C, D))), releases=releases(NEXT), signers=(B, C))


def block_of(history: History, since: int = 0, key=RELEASE) -> bytes:  # type: ignore[no-untyped-def]
    return sign(PAYLOAD, [key], *history.trust.carried(since))


def learned(trust: Trust, block: bytes) -> Trust:
    return trust.verify(PAYLOAD, block)[0]


def flipped(data: bytes, at: int, random: Random) -> bytes:
    spoiled = bytearray(data)
    spoiled[at] ^= 1 << random.randrange(8)
    return bytes(spoiled)


def test_a_reader_follows_from_where_it_is() -> None:
    """[R-9]: links that it knows are passed over, those that are new are kept."""
    third = SECOND.rotated(signers=(B, C))
    for known in (FIRST, SECOND, third):
        assert learned(known.trust, block_of(third, key=NEXT)).root.version == 3
    only_last = Trust(chain=third.trust.chain[-1:])
    assert learned(only_last, block_of(third, key=NEXT)) == only_last
    assert learned(third.trust, block_of(SECOND, key=NEXT)) == third.trust


def test_08_a_gap_is_refused_though_the_signature_is_good() -> None:
    """[R-9]"""
    third = SECOND.rotated(signers=(B, C))
    assert learned(SECOND.trust, block_of(third, since=3, key=NEXT)).root.version == 3
    with pytest.raises(Untrusted, match="trust root 3: those after 1 are missing"):
        FIRST.trust.verify(PAYLOAD, block_of(third, since=3, key=NEXT))


def test_another_root_under_a_known_version_is_refused() -> None:
    """[R-9]"""
    other = FIRST.rotated(releases=releases(RELEASE, NEXT))
    with pytest.raises(Untrusted, match="trust root 2: not the one"):
        other.trust.verify(PAYLOAD, block_of(SECOND, key=NEXT))


def test_a_plain_key_leads_into_a_chain_by_hand_alone() -> None:
    """[R-1]: what a bundle carries is not followed, for whoever steals the key could sign it."""
    plain, history = Trust((verifying_key(D),)), begun(after=D)
    assert learned(plain, block_of(history, key=D)) == plain
    with pytest.raises(Untrusted, match=r"0 of them trusted.*it offers trust root 1, which a person must adopt"):
        plain.verify(PAYLOAD, block_of(history))
    with pytest.raises(Untrusted) as caught:  # a trust root that the key has not signed is not even spoken of
        plain.verify(PAYLOAD, block_of(begun(after=C)))
    assert "offers" not in str(caught.value)
    adopted = given_trust(history.file)
    assert adopted.root.version == 1 and adopted.descends_from(plain)
    assert learned(adopted, block_of(history)) == adopted
    with pytest.raises(Untrusted):  # from then on the plain key alone is not enough
        adopted.verify(PAYLOAD, sign(PAYLOAD, [D]))
    with pytest.raises(Untrusted, match="signed by 0 keys of the key that is trusted here"):
        given_trust(msgspec.structs.replace(history.file, key=raw(C)))


def test_fifty_missed_rotations_are_followed_from_one_bundle() -> None:
    """[R-9]: the figure, under a second, is measured with `unrep verify` by the issue; here that it is done."""
    history = FIRST
    for _ in range(50):
        history = history.rotated()
    block = block_of(history)
    assert len(block) < 20_000
    began = time.perf_counter()
    assert learned(FIRST.trust, block).root.version == 51
    print(f"followed in {time.perf_counter() - began:.3f} s")


def test_a_very_long_chain_is_kept_from_its_newest_links_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """[R-11], [R-12]: a thousand rotations do not lock a ship out."""
    monkeypatch.setattr("bundle.trust.trust.MAX_LINKS", 3)
    monkeypatch.setattr("bundle.trust.drafting.MAX_LINKS", 3)
    history = begun(after=D)
    trust = history.trust
    for version in range(2, 7):
        history = history.rotated()
        trust = learned(trust_of(trust.file()), block_of(history, since=version))
    assert trust.root.version == 6 and len(trust_of(trust.file()).chain) == 3
    with pytest.raises(Malformed, match="6 from version 3 on, not 1 to 3 of them"):
        trust.following(msgspec.structs.replace(trust.file().links, roots=[*trust.file().links.roots] * 2, first=3))


def test_a_stolen_release_key_is_revoked_by_one_bundle() -> None:
    """[R-6], [R-10]"""
    both = FIRST.rotated(releases=releases(RELEASE, NEXT))
    assert learned(both.trust, block_of(both, key=RELEASE))
    informed = learned(FIRST.trust, block_of(both.revoking(RELEASE), key=NEXT))
    with pytest.raises(Untrusted, match=f"{verifying_key(RELEASE).key_id.hex()}, which is revoked"):
        informed.verify(PAYLOAD, sign(PAYLOAD, [RELEASE]))
    later = learned(informed, block_of(both.revoking(RELEASE).rotated(), key=NEXT))
    with pytest.raises(Untrusted, match="which is revoked"):  # no trust root brings it back
        later.verify(PAYLOAD, sign(PAYLOAD, [RELEASE]))


def test_59_an_older_revocation_list_is_refused() -> None:
    """[R-10]"""
    one = FIRST.rotated(releases=releases(RELEASE, NEXT)).revoking(D)
    two = one.revoking(C)
    informed = learned(one.trust, block_of(two))
    with pytest.raises(Untrusted, match="version 1 is older than the known version 2"):
        informed.verify(PAYLOAD, block_of(one))
    other = one.revoking(NEXT)
    with pytest.raises(Untrusted, match="version 2 is another one than the known version 2"):
        informed.verify(PAYLOAD, block_of(other))
    assert learned(informed, sign(PAYLOAD, [RELEASE])) == informed  # none at all says nothing
    assert learned(informed, block_of(two)) == informed


def test_a_known_list_stays_in_force_when_the_root_keys_change() -> None:
    """[R-10], [R-12]"""
    known = FIRST.revoking(NEXT)
    rotated = known.rotated(keys=sorted(map(raw, (B, C, D))), signers=(B, C))
    assert len(rotated.file.revocations.signatures) == 2  # type: ignore[union-attr]  # A's went, C's came
    bare = msgspec.structs.replace(rotated.file, revocations=known.file.revocations)
    informed = learned(known.trust, block_of(rotated, key=RELEASE))
    assert informed.revocations and informed.root.version == 2
    assert History(bare).trust.revocations == informed.revocations or History(bare).trust.revocations
    with pytest.raises(Untrusted, match="revocation list: signed by 1 keys of trust root 2"):
        History(bare).trust.carried()


def test_64_a_revoked_release_and_an_epoch_that_was_not_begun() -> None:
    """[R-6], [R-7]"""
    root = Root(
        format=1,
        product="vms",
        version="1.0",
        epoch=2,
        seq=5,
        created=0,
        tree=bytes(range(32)),
        manifest_size=1,
        entries=0,
        size=0,
        piece_log=12,
        sections=[],
    )
    with pytest.raises(Untrusted, match="epoch 2 was not begun by trust root 1"):
        FIRST.trust.check_release(root)
    begun(epoch=2).trust.check_release(root)
    plain = Trust((verifying_key(A),))
    with pytest.raises(Untrusted, match="a plain key alone signs none above 0"):
        plain.check_release(root)
    plain.check_release(msgspec.structs.replace(root, epoch=0))
    Trust.of_maker(plain.keys).check_release(root)  # who made it proves it, and judges no epoch
    with pytest.raises(Revoked, match="revocation list 1"):
        begun(epoch=2).revoking(trees=[root.tree]).trust.check_release(root)


def test_what_has_expired_is_named() -> None:
    """[R-13]"""
    trust = begun(releases=releases(RELEASE, expires=MADE + 10), expires=MADE + 100).trust
    signers = frozenset((verifying_key(RELEASE),))
    assert trust.expiry(signers, MADE) == ""
    assert re.fullmatch(r"release key \w{16} expired on 2023-11-14", trust.expiry(signers, MADE + 10))
    assert trust.expiry(signers, MADE + 100) == "trust root 1 expired on 2023-11-14"
    assert begun().trust.expiry(signers, 2**40) == ""


def test_what_a_bundle_carries() -> None:
    """[R-8]: nothing that no ship could follow, so that the bundle of a first trust root is as small as with a key."""
    assert sign(PAYLOAD, [RELEASE], *FIRST.trust.carried()) == sign(PAYLOAD, [RELEASE])
    first, _ = begun(after=D).trust.carried()
    assert first and [link.payload for link in first.roots] == [begun(after=D).file.links.roots[0].payload]
    third = SECOND.rotated(signers=(B, C))
    links, _ = third.trust.carried(3)
    assert links and (links.first, len(links.roots)) == (3, 1)
    assert third.trust.carried(4) == (None, None)


def test_05_one_holder_never_makes_a_threshold() -> None:
    """[R-9]: not by signing twice, nor under another's id."""
    draft = succeeded(FIRST.file, newest_root(FIRST.rotated().file))
    once = signed(draft, [A])
    assert signed(once, [A]) == once
    assert missing(once) == ["trust root 2 is signed by 1 of the 2 keys of trust root 1 that it needs",
                             "trust root 2 is signed by 1 of the 2 keys of trust root 2 that it needs"]  # fmt: skip
    only = once.links.roots[-1].signatures[0]
    lying = Signed(once.links.roots[-1].payload, [only, msgspec.structs.replace(only, key_id=verifying_key(B).key_id)])
    links = msgspec.structs.replace(once.links, roots=[once.links.roots[0], lying])
    with pytest.raises(Untrusted, match="signed by 1 keys of trust root 1, 2 needed"):
        FIRST.trust.following(links)


class TestGivenByHand:
    """[R-12]: the list of a file that is given must be signed by the threshold of its newest trust root."""

    NEW_KEYS = sorted(map(raw, (B, C, D)))

    def forged(self) -> TrustFile:
        """A's and B's keys were stolen after root 2 had dropped A; they list what they like, up to the last version."""
        file = FIRST.rotated(keys=self.NEW_KEYS, signers=(A, B, C)).file
        last = canonical.encode(Revocations(1, 2**53 - 1, MADE, [raw(NEXT)]))
        return msgspec.structs.replace(file, revocations=Signed(last, sign_payload(last, REVOCATIONS_TYPE, [A, B])))

    def test_a_list_by_dropped_root_keys_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(canonical.encode(self.forged()))
        with pytest.raises(Untrusted, match=r"t: revocation list: signed by 1 keys of trust root 2, 2 needed"):
            load_trust(tmp_path / "t")
        assert trust_of(self.forged()).revocations  # a site's own file may hold one that was taken in before

    def test_a_list_by_the_newest_keys_is_taken(self, tmp_path: Path) -> None:
        known = FIRST.revoking(NEXT).rotated(keys=self.NEW_KEYS, signers=(A, B, C))
        assert load_trust(known.write(tmp_path / "t")).revocations == known.trust.revocations


class TestSpokenTimes:
    """[R-14], [R-19]"""

    def test_a_mistake_in_a_trust_root_ends_with_its_successor(self) -> None:
        mistaken = begun(created=2**53 - 1)
        assert mistaken.trust.spoken_at == 2**53 - 1
        root = msgspec.structs.replace(newest_root(mistaken.file), version=2, created=MADE)
        corrected = History(signed(succeeded(mistaken.file, root), [A, B]))
        assert corrected.trust.spoken_at == MADE

    def test_a_release_key_speaks_of_the_next_hundred_years_alone(self) -> None:
        century = 36_525 * 86_400
        assert FIRST.trust.speaks_until == 1_764_547_200 + century
        assert begun(created=4_000_000_000).trust.speaks_until == 4_000_000_000 + century


class TestAshore:
    """[R-12] and what makes a draft."""

    def test_a_draft_is_not_followed_nor_rotated(self) -> None:
        draft = succeeded(FIRST.file, newest_root(FIRST.rotated().file))
        with pytest.raises(InputError, match="trust root 2 is signed by 0 of the 2"):
            succeeded(draft, newest_root(FIRST.rotated().rotated().file))
        with pytest.raises(InputError, match="sign it with 'unrep trust sign' first"):
            revoked(draft, [verifying_key(RELEASE)], [], MADE)

    def test_a_stranger_cannot_sign(self) -> None:
        with pytest.raises(InputError, match="none of the root keys"):
            signed(FIRST.file, [D])

    def test_roots_out_of_bounds(self) -> None:
        every: list[dict[str, object]] = [{"threshold": 4}, {"keys": []}, {"keys": [raw(A), raw(A)]}, {"releases": []}]
        for changes in every:
            root = msgspec.structs.replace(newest_root(FIRST.file), **changes)
            with pytest.raises(InputError, match="trust root 1: "):
                first_root(root, None)

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        _, public = write_keys(tmp_path, "d", D)
        assert load_trust(public) == Trust((verifying_key(D),))
        assert load_trust(FIRST.write(tmp_path / "root")) == FIRST.trust
        data = (tmp_path / "root").read_bytes()
        for other in (b"", b"hello", b"\0" + data, bytes(MAX_TRUST_FILE_BYTES + 1)):
            (tmp_path / "bad").write_bytes(other)
            with pytest.raises(InputError, match="bad: not a public key in PEM, nor a trust file"):
                load_trust(tmp_path / "bad")
        for damaged in (data[:-1], data + b"\0", data[:7] + b"\2" + data[8:], data[:40] + b"\0" + data[41:]):
            (tmp_path / "bad").write_bytes(damaged)
            with pytest.raises(Refused, match=r"bad: "):
                load_trust(tmp_path / "bad")

    def test_a_key_that_is_no_point_of_the_curve(self, tmp_path: Path) -> None:
        """[F-29] It would load, and find every signature bad."""
        _, public = write_keys(tmp_path, "d", D)
        lines = public.read_text().splitlines()
        der = b64decode(lines[1])
        for key in (b"\2" + bytes(31), b"\1" + bytes(31), b"\xff" * 32):
            lines[1] = b64encode(der[:12] + key).decode()
            public.write_text("\n".join(lines))
            with pytest.raises(InputError, match=r"d\.pub: public key: not a canonical Ed25519 point of large order"):
                load_trust(public)

    def test_04_a_flipped_bit_of_a_trust_file_or_a_block_is_noticed(self) -> None:
        """[R-12]: one bit of every third byte."""
        history = FIRST.rotated().revoking(RELEASE)
        data, block = canonical.encode(history.file), block_of(history.rotated(releases=releases(NEXT)), key=NEXT)
        random = Random(20261124)
        for at in range(0, len(data), 3):
            with pytest.raises(Refused):
                trust_of(decode_trust_file(flipped(data, at, random)))
        for at in range(0, len(block), 3):
            with pytest.raises(Refused):
                FIRST.trust.verify(PAYLOAD, flipped(block, at, random))

    def test_key_order_of_the_struct_is_that_of_the_page(self) -> None:
        """[R-3]"""
        names = ("trust", "version", "created", "keys", "threshold", "releases", "expires", "epoch")
        assert TrustRoot.__struct_fields__ == names and TRUST_FORMAT == 1

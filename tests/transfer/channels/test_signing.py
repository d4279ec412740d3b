"""Channel files as bytes: the vectors of the specification, what is left out, and what they teach of trust."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bundle.errors import BundleError, InputError, Malformed, Unsupported, Untrusted
from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, tiny_bundle
from tests.support.contents.trust import NEXT, RELEASE, begun, releases
from tests.support.repository import REPOSITORY
from transfer.channels.channel import Channel, ChannelBundle, ChannelRelease
from transfer.channels.signing import MAX_CHANNEL_BYTES, compose, read_unverified, verify_channel

DOCUMENT: dict[str, Any] = json.loads((REPOSITORY / "spec/vectors/vectors.json").read_text(encoding="utf-8"))
OF_VECTORS = Trust((VerifyingKey(bytes.fromhex(DOCUMENT["trusted"])),))
CLASSES = {"malformed": Malformed, "untrusted": Untrusted, "unsupported": Unsupported}


def channel(count: int = 2, **changes: Any) -> Channel:
    bundles = [
        ChannelBundle.of(tiny_bundle(Shape(f"1.0.{seq}", seq, full_bytes=100)).verified, f"vms-1.0.{seq}.unrep")
        for seq in range(1, count + 1)
    ]
    found = Channel("vms", "stable", 7, bundles[-1].release, bundles)
    return msgspec.structs.replace(found, **changes)


@pytest.mark.parametrize("vector", DOCUMENT["channels"], ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, str]) -> None:
    """[T-138] to [T-140]"""
    data = bytes.fromhex(vector["channel"])
    if vector["expect"] == "accept":
        assert verify_channel(data, OF_VECTORS).channel.product == "vectors"
        return
    with pytest.raises(BundleError) as caught:
        verify_channel(data, OF_VECTORS)
    assert type(caught.value) is CLASSES[vector["expect"]], f"{vector['about']}: {caught.value}"


def test_there_are_three_rejects_to_one_accept() -> None:
    accepted = [vector for vector in DOCUMENT["channels"] if vector["expect"] == "accept"]
    assert len(accepted) * 4 <= len(DOCUMENT["channels"])


def test_what_was_signed_is_read_again_with_the_newest_first() -> None:
    """[T-139], [T-141]"""
    made = compose(channel(), [KEY])
    found = verify_channel(made.data, TRUST)
    assert found.channel == made.channel == read_unverified(made.data)
    assert [bundle.release.seq for bundle in found.channel.bundles] == [2, 1] and not made.dropped


def test_the_oldest_bundles_are_left_out_where_not_all_fit() -> None:
    """[T-141]"""
    made = compose(channel(200), [KEY])
    kept = made.channel.bundles
    assert MAX_CHANNEL_BYTES - 200 < len(made.data) <= MAX_CHANNEL_BYTES
    assert kept[0].release.seq == 200 and made.dropped[0].release.seq == kept[-1].release.seq - 1
    assert len(kept) + len(made.dropped) == 200


def test_the_signer_is_asked_once() -> None:
    """[T-141]: a token may wait for a finger each time."""
    asked = []

    class Token:
        public_key = staticmethod(KEY.public_key)

        def sign(self, data: bytes) -> bytes:
            asked.append(data)
            return KEY.sign(data)

    assert compose(channel(200), [Token()]).dropped and len(asked) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"release": ChannelRelease("9.0", 0, 9, bytes(32))}, "no bundle in it leads to vms 9.0"),
        ({"bundles": []}, "no bundle in it leads"),
        ({"channel": "Stable"}, "use 1 to 32 lower-case"),
        ({"counter": 0}, "counter 0"),
    ],
)
def test_nothing_is_signed_that_no_ship_would_take(changes: dict[str, Any], message: str) -> None:
    """[T-141]"""
    with pytest.raises(InputError, match=message):
        compose(channel(**changes), [KEY])


def test_a_ship_that_missed_a_change_of_keys_learns_it_from_the_file() -> None:
    """[T-138]"""
    learned: list[Trust] = []
    ship = replace(begun().trust, learn=lambda trust, refused: learned.append(trust))
    made = compose(channel(), [NEXT], begun().rotated(releases=releases(NEXT)).trust)
    assert not made.left_out and verify_channel(made.data, ship).trust.root.version == 2
    assert [trust.root.version for trust in learned] == [2]
    with pytest.raises(Untrusted):
        verify_channel(compose(channel(), [NEXT]).data, ship)


def test_too_many_trust_roots_are_left_to_the_bundles() -> None:
    """[T-141]"""
    history = begun()
    for _ in range(30):
        history = history.rotated()
    made = compose(channel(), [RELEASE], history.trust)
    assert "left to the bundles" in made.left_out and len(made.data) < 2000
    assert not compose(channel(), [RELEASE], history.trust, trust_from=30).left_out

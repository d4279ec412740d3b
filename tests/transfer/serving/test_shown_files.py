"""Which files a server of bundles shows, by what stands in them."""

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.contents.tiny_bundle import KEY, Shape, tiny_bundle
from transfer.channels.channel import Channel, ChannelBundle
from transfer.channels.signing import compose
from transfer.disk.volume import VolumeMap
from transfer.serving.shown_files import is_shown

BUNDLE = tiny_bundle(Shape(full_bytes=50_000))
SAID = ChannelBundle.of(BUNDLE.verified, "vms.unrep")
CHANNEL = compose(Channel("vms", "stable", 1, SAID.release, [SAID]), [KEY]).data
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PRIVATE = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "data",
    [BUNDLE.data, VolumeMap(1, 1, [(0, 100)]).pack() + bytes(100), CHANNEL, PUBLIC],
    ids=["bundle", "volume", "channel", "public key"],
)
def test_what_is_made_for_ships_is_shown(data: bytes) -> None:
    """[T-60]"""
    assert is_shown(io.BytesIO(data))


@pytest.mark.parametrize(
    "data",
    [b"", b"notes", BUNDLE.data[:10], PRIVATE, PUBLIC + PRIVATE, PRIVATE + PUBLIC, CHANNEL + b"x", CHANNEL[:-1]],
    ids=["empty", "notes", "cut", "private key", "both keys", "both keys turned", "more", "less"],
)
def test_anything_else_is_not(data: bytes) -> None:
    """[T-60]"""
    assert not is_shown(io.BytesIO(data))

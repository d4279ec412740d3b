"""[P-13] Channel files are signed only where one has to be put, and list what is published."""

from pathlib import Path

import pytest

from tests.support.contents.releases import KEY
from tests.support.contents.repositories import Ashore


class Token:
    """A signer that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def public_key(self) -> object:
        return KEY.public_key()

    def sign(self, data: bytes, /) -> bytes:
        self.asked += 1
        return KEY.sign(data)


@pytest.fixture
def token() -> Token:
    return Token()


def test_a_token_is_asked_for_the_bundle_and_for_the_channel(tmp_path: Path, token: Token) -> None:
    ashore = Ashore(tmp_path, ("www", "mirror"), signer=token)  # type: ignore[arg-type]  # its key is one
    ashore.release(0)
    assert token.asked == 2, "two destinations get the same file"
    ashore.release(0)
    assert token.asked == 2, "nothing is left to sign"
    ashore.release(1, channel="canary")
    assert token.asked == 4


def test_old_bundles_that_do_not_fit_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transfer.channels.signing.MAX_CHANNEL_BYTES", 700)
    ashore = Ashore(tmp_path)
    dropped = [ashore.release(number).dropped for number in range(4)]
    assert dropped[0] == 0 and dropped[-1] > 0
    channel = ashore.channel()
    assert channel and channel.bundles[0].release.seq == 4

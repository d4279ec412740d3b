"""Which release is wanted, and what may lead there, from links and media together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bundle.errors import Malformed, Untrusted
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, TinyBundle, tiny_bundle
from tests.support.links.nginx import Nginx, nginx
from transfer.channels.channel import Channel, ChannelBundle
from transfer.channels.signing import VerifiedChannel, compose, verify_channel
from transfer.channels.survey import PROBE_BYTES, Survey, SurveyRequest, survey
from transfer.config import TransferConfig
from transfer.errors import SourceRefused

OLD = tiny_bundle(Shape("1.0.1", 2, delta_bytes={"1.0.0": 900}))
NEW = tiny_bundle(Shape("1.0.2", 3, delta_bytes={"1.0.1": 900}), seed=2)
NEXT = tiny_bundle(Shape("1.0.3", 4, delta_bytes={"1.0.2": 900}), seed=3)
FOREIGN = tiny_bundle(Shape("9", 9, product="radar", full_bytes=900), seed=4)
QUICK = TransferConfig(patience_s=2.0)


def lay(directory: Path, *bundles: TinyBundle) -> Path:
    directory.mkdir(exist_ok=True)
    for bundle in bundles:
        (directory / f"{bundle.root.product}-{bundle.root.version}.unrep").write_bytes(bundle.data)
    return directory


def channel(directory: Path, *bundles: TinyBundle, counter: int = 7, name: str = "stable", at: int = -1) -> bytes:
    """Writes the file of a channel to the last of those bundles."""
    said = [ChannelBundle.of(one.verified, f"{one.root.product}-{one.root.version}.unrep") for one in bundles]
    made = compose(Channel(bundles[0].root.product, name, counter, said[at].release, said), [KEY])
    (directory / f"{name}.channel").write_bytes(made.data)
    return made.data


def look(tmp_path: Path, sources: Sequence[object], **terms: Any) -> Survey:
    return survey(SurveyRequest([str(source) for source in sources], TRUST, tmp_path / "out", QUICK, **terms))


def versions(found: Survey) -> list[str]:
    return [one.release.version for one in found.wanted]


def test_a_channel_over_a_link_and_a_stick_are_one_stock(tmp_path: Path) -> None:
    """[T-142]"""
    www, stick = lay(tmp_path / "www", OLD, NEW), lay(tmp_path / "stick", OLD, FOREIGN)
    channel(www, OLD, NEW)
    with nginx(www, tmp_path / "nginx") as server:
        found = look(tmp_path, [server.url("stable.channel"), stick])
        assert versions(found) == ["1.0.2"] and found.received_bytes > 0
        assert len(server.requests(1)) == 1, "no header is asked for"
    by_version = {offer.said.release.version: offer for offer in found.offers}
    assert set(by_version) == {"1.0.1", "1.0.2"}
    assert by_version["1.0.1"].places[0].startswith(str(stick)) and len(by_version["1.0.1"].places) == 2
    assert by_version["1.0.2"].places == (server.url("vms-1.0.2.unrep"),)


def test_what_somebody_offers_by_itself_is_wanted_if_it_is_newer(tmp_path: Path) -> None:
    """[T-142]: a stick without a channel file; what lies beside one is there to lead to it."""
    www, stick = lay(tmp_path / "www", OLD, NEW), lay(tmp_path / "stick", NEXT, OLD)
    channel(www, OLD, NEW)
    assert versions(look(tmp_path, [www, stick])) == ["1.0.3", "1.0.2"]
    lay(www, NEXT)
    assert versions(look(tmp_path, [www])) == ["1.0.2"], "a canary's bundle lies there as well"
    assert versions(look(tmp_path, [stick])) == ["1.0.3", "1.0.1"]


def test_the_followed_channel_of_several(tmp_path: Path) -> None:
    """[T-142]"""
    www = lay(tmp_path / "www", OLD, NEW)
    channel(www, OLD)
    channel(www, NEW, name="canary")
    assert versions(look(tmp_path, [www])) == ["1.0.1"]
    assert versions(look(tmp_path, [www], channel="canary")) == ["1.0.2"]
    assert versions(look(tmp_path, [www / "canary.channel"])) == ["1.0.2"]
    (www / "stable.channel").unlink()
    assert versions(look(tmp_path, [www])) == ["1.0.2"], "the only one"
    lost = look(tmp_path, [www], channel="beta")
    assert not lost.wanted and "holds the channels canary, not 'beta'" in str(lost.refused[str(www)])


def test_the_highest_counter_counts_and_one_that_must_not_is_refused(tmp_path: Path) -> None:
    """[T-142], [T-147]"""
    one, two = lay(tmp_path / "one", OLD), lay(tmp_path / "two", NEW)
    channel(one, OLD, counter=8)
    channel(two, NEW, counter=7)
    found = look(tmp_path, [two, one])
    assert versions(found) == ["1.0.1"] and len(found.offers) == 2

    def check(verified: VerifiedChannel) -> None:
        if verified.channel.counter < 8:
            raise Malformed("older")

    found = look(tmp_path, [two], check=check)
    assert not found.wanted and "older" in str(found.refused[str(two)]) and len(found.offers) == 1
    channel(two, NEW, counter=8)
    assert "under the same counter" in str(look(tmp_path, [one, two]).refused[str(two)])


def test_files_that_are_not_for_this_ship(tmp_path: Path) -> None:
    """[T-142]: of another product, under another name, of a stranger."""
    www = lay(tmp_path / "www", OLD, FOREIGN)
    channel(www, FOREIGN)
    found = look(tmp_path, [www], product="vms")
    assert "channels of other products alone" in str(found.refused[str(www)]) and not found.wanted
    data = channel(www, OLD)
    (www / "canary.channel").write_bytes(data)
    with nginx(www, tmp_path / "nginx") as server:
        assert "is the file of channel 'stable'" in refusal(tmp_path, server, "canary.channel")
        assert "is a channel of vms, not of radar" in refusal(tmp_path, server, "stable.channel", product="radar")
        (www / "stable.channel").write_bytes(bytes(20_000))
        assert "over 16,384 bytes" in refusal(tmp_path, server, "stable.channel")
        stranger = look(tmp_path, [server.url("vms-1.0.1.unrep")], product="radar")
    assert not stranger.offers and not stranger.wanted
    with pytest.raises(SourceRefused):
        stranger.check()
    assert isinstance(
        survey(SurveyRequest([str(www)], type(TRUST)(), tmp_path / "out", QUICK)).refused[str(www / "vms-1.0.1.unrep")],
        Untrusted,
    )


def refusal(tmp_path: Path, server: Nginx, name: str, **terms: Any) -> str:
    found = look(tmp_path, [server.url(name)], **terms)
    (error,) = found.refused.values()
    return str(error)


def test_what_has_not_changed_is_not_paid_for_again(tmp_path: Path) -> None:
    """[T-147]"""
    www = lay(tmp_path / "www", OLD, NEW)
    kept = channel(www, OLD, NEW)
    with nginx(www, tmp_path / "nginx") as server:
        found = look(tmp_path, [server.url("")], kept=lambda name: kept if name == "stable" else None)
        assert found.channel and found.channel.channel == verify_channel(kept, TRUST).channel
        (request,) = server.requests(1)
        assert request.body_bytes_sent == PROBE_BYTES < len(kept)
        channel(www, NEW, counter=9)
        found = look(tmp_path, [server.url("")], kept=lambda name: kept)
        assert found.channel and found.channel.channel.counter == 9

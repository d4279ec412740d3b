"""A fetch over steps: in order, none twice, and another way where a bundle is not what was said of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bundle.recipients.sidecars import listed_steps
from tests.support.contents.tiny_bundle import TRUST, Shape, TinyBundle, tiny_bundle, tree_hash
from tests.support.links.nginx import Nginx, nginx
from transfer.channels.bundle_path import BundlePath
from transfer.channels.channel import ChannelBase, ChannelBundle, ChannelRelease
from transfer.channels.offers import Offer
from transfer.channels.survey import Survey
from transfer.config import TransferConfig
from transfer.errors import BudgetSpent, ConsentNeeded, SourceCorrupt, SourceRefused
from transfer.fetch.path_fetch import PathFetch, PathRequest
from transfer.links.budget import Budget
from transfer.plan import SiteHoldings

A_B = tiny_bundle(Shape("b", 2, delta_bytes={"a": 20_000}, full_bytes=90_000))
B_C = tiny_bundle(Shape("c", 3, delta_bytes={"b": 30_000}, full_bytes=90_000), seed=2)
A_C = tiny_bundle(Shape("c", 3, delta_bytes={"a": 200_000}), seed=3)
C = ChannelRelease.of(B_C.root)
AT_A = SiteHoldings((tree_hash("a"),), is_empty=False, version="1.0.0")
QUICK = TransferConfig(patience_s=2.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nginx]:
    (tmp_path / "www").mkdir()
    for name, bundle in (("ab", A_B), ("bc", B_C), ("ac", A_C)):
        (tmp_path / "www" / name).write_bytes(bundle.data)
    with nginx(tmp_path / "www", tmp_path / "nginx") as running:
        yield running


def offered(server: Nginx, name: str, bundle: TinyBundle, **said: Any) -> Offer:
    claim = msgspec.structs.replace(ChannelBundle.of(bundle.verified, name), **said)
    return Offer("vms", claim, (server.url(name),))


def fetch(tmp_path: Path, offers: Sequence[Offer], **terms: Any) -> PathFetch:
    out = tmp_path / "out"
    request = PathRequest(release=C, trust=TRUST, output=lambda last: out, holdings=AT_A, config=QUICK, **terms)
    return PathFetch(request, Survey(offers=list(offers)))


def test_the_steps_come_first_and_then_the_output(tmp_path: Path, server: Nginx) -> None:
    """[T-149]: each has the one section that is needed, and nothing is asked for twice."""
    offers = [offered(server, "ab", A_B), offered(server, "bc", B_C), offered(server, "ac", A_C)]
    seen: list[BundlePath] = []
    figures = fetch(tmp_path, offers, check=seen.append).run()
    (step,) = listed_steps(tmp_path / "out")
    assert step.name == f"b-{A_B.verified.root_hash.hex()[:16]}.unrep"
    assert step.read_bytes() == A_B.holding(A_B.root.sections[0])
    assert (tmp_path / "out").read_bytes() == B_C.holding(B_C.root.sections[0])
    assert figures and figures.bytes_needed == seen[0].bytes == seen[0].paid_bytes
    assert figures.root == B_C.root
    assert [request.uri for request in server.requests(4)] == ["/ab", "/ab", "/bc", "/bc"]
    (tmp_path / "out").unlink()
    fetch(tmp_path, offers).run()
    assert {request.uri for request in server.requests(6)[4:]} == {"/bc"}


def test_a_path_that_may_not_be_taken_costs_nothing(tmp_path: Path, server: Nginx) -> None:
    """[T-144]"""

    def refused(path: BundlePath) -> None:
        raise ConsentNeeded("too dear")

    with pytest.raises(ConsentNeeded, match="too dear"):
        fetch(tmp_path, [offered(server, "ab", A_B), offered(server, "bc", B_C)], check=refused).run()
    assert not server.requests(0) and not list(tmp_path.glob("out*"))


def test_a_bundle_that_is_not_there_is_gone_round(tmp_path: Path, server: Nginx) -> None:
    """[T-145]"""
    said: list[str] = []
    offers = [offered(server, "gone", A_B), offered(server, "bc", B_C), offered(server, "ac", A_C)]
    fetch(tmp_path, offers, say=said.append).run()
    assert (tmp_path / "out").read_bytes() == A_C.data and any("404" in line for line in said)
    with pytest.raises(SourceRefused, match="404"):
        fetch(tmp_path / "www", offers[:2]).run()


def test_another_bundle_under_the_name_is_gone_round(tmp_path: Path, server: Nginx) -> None:
    """[T-145]"""
    swapped = replace(offered(server, "ab", A_B), urls=(server.url("ac"),))
    fetch(tmp_path, [swapped, offered(server, "bc", B_C), offered(server, "ac", A_C)]).run()
    assert (tmp_path / "out").read_bytes() == A_C.data
    (tmp_path / "out").unlink()
    with pytest.raises(SourceCorrupt, match="not the bundle that the channel file names"):
        fetch(tmp_path, [swapped, offered(server, "bc", B_C)]).run()


def test_a_base_that_costs_more_than_was_said_counts_with_what_it_costs(tmp_path: Path, server: Nginx) -> None:
    """[T-145]: not a byte of its section is asked for."""
    liar = offered(server, "ac", A_C, bases=[ChannelBase(tree_hash("a")[:8], 100)])
    fetch(tmp_path, [liar, offered(server, "ab", A_B), offered(server, "bc", B_C)]).run()
    assert (tmp_path / "out").read_bytes() == B_C.holding(B_C.root.sections[0])
    paid = sum(one.body_bytes_sent for one in server.requests(3))
    assert paid <= 4096 + sum(len(one.holding(one.root.sections[0]).rstrip(b"\0")) for one in (A_B, B_C))


def test_the_budget_holds_for_all_steps_and_all_runs(tmp_path: Path, server: Nginx) -> None:
    """[T-94], [T-149]"""
    offers = [offered(server, "ab", A_B), offered(server, "bc", B_C)]
    with pytest.raises(BudgetSpent):
        fetch(tmp_path, offers, budget=Budget(40_000)).run()
    assert len(listed_steps(tmp_path / "out")) == 1
    with pytest.raises(BudgetSpent):
        fetch(tmp_path, offers, budget=Budget(40_000)).run()
    assert sum(one.body_bytes_sent for one in server.requests(2)) <= 40_000
    figures = fetch(tmp_path, offers, budget=Budget(80_000)).run()
    assert figures.complete and figures.bytes_paid < 40_000

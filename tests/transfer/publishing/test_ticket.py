"""A ticket comes over a bad link: what is damaged is asked for again, what is not there ends the fetch. [T-58]"""

import shutil
from pathlib import Path

import pytest

from bundle.errors import Refused, Sealed
from bundle.read.reader import VerifiedRoot, open_bundle
from bundle.recipients.ship_key import ShipKey
from bundle.recipients.sidecars import ticket_beside
from tests.support.contents.releases import TRUST, build_from, write_tree
from tests.support.contents.sealed import ALPHA, BETA
from tests.support.links.bad_server import BadServer
from transfer.config import TransferConfig
from transfer.errors import Incomplete
from transfer.publishing.ticket import bring_ticket, ticket_address

ID = ALPHA.public.key_id
NAME = f"{ID.hex()}.ticket"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sealed")
    new = write_tree(directory / "new", {"a.txt": b"secret"})
    return build_from(new, [], directory / "b.unrep", recipients=[ALPHA.public]).path


@pytest.fixture
def verified(bundle: Path) -> VerifiedRoot:
    with open_bundle(bundle, TRUST) as opened:
        return opened.verified


def bring(bundle: Path, verified: VerifiedRoot, output: Path, *behaviours: str) -> tuple[Path, BadServer]:
    with BadServer(ticket_beside(bundle, ID).read_bytes(), behaviours) as server:
        config = TransferConfig(patience_s=1.0)
        return bring_ticket(server.url("fleet/b.unrep"), output, verified, ALPHA, config), server


@pytest.mark.parametrize("behaviours", [("honest",), ("wrong_bytes", "honest"), ("reset", "short_body", "honest")])
def test_it_comes_whole(bundle: Path, verified: VerifiedRoot, tmp_path: Path, behaviours: tuple[str, ...]) -> None:
    brought, server = bring(bundle, verified, tmp_path / "out", *behaviours)
    assert brought == ticket_beside(tmp_path / "out", ID)
    assert brought.read_bytes() == ticket_beside(bundle, ID).read_bytes()
    assert {request.path for request in server.requests} == {f"/fleet/b.unrep.tickets/{NAME}"}
    again, unasked = bring(bundle, verified, tmp_path / "out", "not_found")
    assert again == brought and not unasked.requests


@pytest.mark.parametrize(
    ("behaviour", "error"), [("not_found", Sealed), ("wrong_bytes", Refused), ("unavailable", Incomplete)]
)
def test_what_does_not_come_is_not_kept(
    bundle: Path, verified: VerifiedRoot, tmp_path: Path, behaviour: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        bring(bundle, verified, tmp_path / "out", behaviour)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_where_a_ticket_lies(bundle: Path) -> None:
    """[S-12]"""
    assert ticket_address("https://shore/vms/b.unrep?x=1", ID) == f"https://shore/vms/b.unrep.tickets/{NAME}?x=1"
    assert Path(ticket_address(str(bundle), ID)) == ticket_beside(bundle, ID)


def test_a_volume_on_a_stick_has_its_ticket_beside_it(bundle: Path, verified: VerifiedRoot, tmp_path: Path) -> None:
    """[T-58], [T-73]"""
    stick, out = tmp_path / "stick", tmp_path / "out"
    (stick / "vms-1.0.tickets").mkdir(parents=True)
    (stick / "vms-1.0.tickets" / NAME).write_bytes(ticket_beside(bundle, ID).read_bytes())
    assert bring_ticket(str(stick / "one.volume"), out, verified, ALPHA, TransferConfig()) == ticket_beside(out, ID)


def test_a_ticket_on_sticks_whatever_else_is_there(bundle: Path, verified: VerifiedRoot, tmp_path: Path) -> None:
    """[T-73]"""
    stick, out = tmp_path / "stick", tmp_path / "out"
    (stick / "old.tickets").mkdir(parents=True)
    (stick / "new.tickets").mkdir(parents=True)
    (stick / "old.tickets" / NAME).write_bytes(b"of another time")

    def bring(key: ShipKey) -> Path:
        return bring_ticket(str(stick / "one.volume"), out, verified, key, TransferConfig())

    with pytest.raises(Sealed, match=rf"one\.volume: is encrypted, .* key id {ID.hex()}; have shore make one"):
        bring(ALPHA)
    (stick / "new.tickets" / NAME).write_bytes(ticket_beside(bundle, ID).read_bytes())
    with pytest.raises(Sealed):
        bring(BETA)
    assert bring(ALPHA) == ticket_beside(out, ID)
    shutil.rmtree(stick)
    assert bring(ALPHA) == ticket_beside(out, ID), "it lies there now"

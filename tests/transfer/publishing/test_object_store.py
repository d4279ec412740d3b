"""Publishing to an S3-compatible server, a real one in its own process; skipped where s3fs or moto is missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundle.errors import Corrupt, Sealed
from bundle.host.progress import Quiet
from bundle.read.reader import open_bundle
from bundle.recipients.sidecars import ticket_name
from bundle.recipients.ticket import TicketFile
from tests.support.contents.releases import build_from, write_tree
from tests.support.contents.sealed import ALPHA, BETA, content_key_of, ship
from tests.support.contents.tiny_bundle import KEY, TRUST, Shape, tiny_bundle
from tests.support.links.nginx import free_port
from tests.support.links.s3_server import s3_server
from transfer.channels.survey import SurveyRequest, survey
from transfer.config import TransferConfig
from transfer.errors import Incomplete, OutputRefused
from transfer.fetch.path_fetch import PathFetch, PathRequest
from transfer.publishing.object_store import ObjectStoreBackend
from transfer.publishing.publish import ChannelMove, publish
from transfer.publishing.ticket import bring_ticket

OLD = tiny_bundle(Shape(version="1.0.0", seq=1, full_bytes=30_000))
NEW = tiny_bundle(Shape(version="1.0.1+b", seq=2, full_bytes=90_000))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server with an empty bucket `fleet`."""
    with s3_server(monkeypatch) as server:
        yield server.endpoint


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_bundle_is_published_to_a_bucket_and_fetched_by_the_channel(store: str, tmp_path: Path) -> None:
    """[T-50], [T-52], [T-53], [T-142]"""
    backend = ObjectStoreBackend("s3://fleet/vms")
    new, old = write(tmp_path / "new", NEW.data), write(tmp_path / "old", OLD.data)
    published = publish(new, backend, ChannelMove([KEY]), Quiet())
    assert published.added and published.moved
    assert backend.read(published.bundle.file, len(NEW.data) + 1) == NEW.data
    again = publish(new, ObjectStoreBackend("s3://fleet/vms/"), ChannelMove([KEY]), Quiet())
    assert not again.added and not again.moved
    with pytest.raises(OutputRefused, match="--go-back"):
        publish(old, backend, ChannelMove([KEY]), Quiet())
    for name in ("stable.channel", published.bundle.file):  # as the owner of a bucket would let everybody read it
        backend._store.chmod(f"fleet/vms/{name}", acl="public-read")
    out, config = tmp_path / "out", TransferConfig(patience_s=2)
    found = survey(SurveyRequest([f"{store}/fleet/vms/stable.channel"], TRUST, out, config))
    request = PathRequest(release=found.wanted[0].release, trust=TRUST, output=lambda last: out, config=config)
    PathFetch(request, found).run()
    assert out.read_bytes() == NEW.data


def test_tickets_go_along_and_a_ship_finds_its_own(store: str, tmp_path: Path) -> None:
    """[T-58], [T-59]"""
    new = write_tree(tmp_path / "new", {"a.txt": b"secret"})
    bundle = build_from(new, [], tmp_path / "b.unrep", recipients=[ALPHA.public, BETA.public]).path
    backend = ObjectStoreBackend("s3://fleet/sealed")
    published = publish(bundle, backend, ChannelMove([KEY]), Quiet())
    assert published.tickets == 2 and publish(bundle, backend, ChannelMove([KEY]), Quiet()).tickets == 0
    file, own = published.bundle.file, f"{published.bundle.file}.tickets/{ticket_name(ALPHA.public.key_id)}"
    backend._store.chmod(f"fleet/sealed/{own}", acl="public-read")
    with open_bundle(bundle, TRUST) as opened:
        source = f"{store}/fleet/sealed/{file}"
        brought = bring_ticket(source, tmp_path / "got", opened.verified, ALPHA, TransferConfig())
        assert TicketFile(ALPHA, brought)(opened.verified) == content_key_of(bundle)
        with pytest.raises(Sealed, match="no ticket for the ship"):
            bring_ticket(source, tmp_path / "got", opened.verified, ship(3), TransferConfig())


def test_a_bundle_that_proves_damaged_on_the_way_leaves_nothing(store: str, tmp_path: Path) -> None:
    """[T-50]: the upload had begun."""
    backend = ObjectStoreBackend("s3://fleet/vms")
    damaged = write(tmp_path / "new", NEW.data[:-1] + bytes([NEW.data[-1] ^ 1]))
    with pytest.raises(Corrupt):
        publish(damaged, backend, ChannelMove([KEY]), Quiet())
    published = publish(write(tmp_path / "old", OLD.data), backend, ChannelMove([KEY]), Quiet())
    assert sorted(ObjectStoreBackend("s3://fleet/vms")._store.ls("fleet/vms")) == [
        "fleet/vms/stable.channel",
        f"fleet/vms/{published.bundle.file}",
    ]


def test_what_the_store_refuses_is_one_sentence(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that is not there, a server that is not there."""
    new = write(tmp_path / "new", NEW.data)
    with pytest.raises(OutputRefused, match=r"s3://nobody/vms/.*check address and rights"):
        publish(new, ObjectStoreBackend("s3://nobody/vms"), ChannelMove([KEY]), Quiet())
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Incomplete, match="run the same command again"):
        publish(new, ObjectStoreBackend("s3://fleet/other"), ChannelMove([KEY]), Quiet())


def test_a_scheme_that_nobody_serves_is_refused() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(OutputRefused, match="nosuch://fleet"):
        ObjectStoreBackend("nosuch://fleet")

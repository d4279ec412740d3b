"""Moving a channel without building anything [P-13]. What a destination lacks is there before its channel names it."""

from bundle.host.progress import Quiet
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust
from repository.distribution.channels import announce_all, catch_up, check_forward
from repository.distribution.destinations import lacking, open_destinations, send
from repository.errors import ChannelRefused
from repository.layout import Repository
from repository.record.database import Channel, Record
from repository.settings import Settings


def promote(
    repository: Repository,
    settings: Settings,
    version: str,
    name: str,
    signer: Signer,
    trust: Trust | None,
    *,
    go_back: bool = False,
) -> tuple[Channel, bool]:
    """Lets a channel name a release, and says whether it did not before.

    Raises ChannelRefused for a release that was not published, or is older; RepositoryError; TransferError for a
    destination that fails: the same call goes on.
    """
    if name not in settings.channels:
        raise ChannelRefused(f"channel {name!r}: is not in repo.toml, which has {', '.join(settings.channels)}")
    with repository.locked(f"moving channel {name}"), Record(repository.database_file) as record:
        release = record.release(version)
        if release is None:
            raise ChannelRefused(f"{version}: is no release of {repository.root}; see 'unrep repo list'")
        if not any(bundle.release == version for bundle in record.bundles("published")):
            raise ChannelRefused(f"{version}: has no published bundle, so no ship could fetch it; release it first")
        backends = open_destinations(repository, settings)
        seen = catch_up(backends, settings, record, signer, trust)
        check_forward(record, name, release, go_back=go_back)
        before = record.channel(name)
        if before and before.release == version:
            now = before
        else:
            (now,) = record.change({}, {name: version}, seen)
        # Those that lack nothing hear of it first: to go back waits for no upload to another one.
        lacks = {backend: lacking(record.bundles("published"), backend) for backend in backends}
        whole = [backend for backend, bundles in lacks.items() if not bundles]
        announce_all(repository, record, settings, whole, signer, trust)
        for backend, bundles in lacks.items():
            for bundle in bundles:
                send(repository, bundle, backend, Quiet())
        announce_all(repository, record, settings, backends, signer, trust)
    return now, now != before

"""What stands at some sources: channel files, bundles and volumes, over links and on media, as one stock [T-142].

A channel file says which release is wanted. Where there is none, the newest bundle does that somebody named by itself,
or put into a directory without a channel file. Everything else that is found may lead there, and no more.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from bundle.errors import Malformed, Refused
from bundle.host import presence
from bundle.trust.trust import Trust
from transfer.channels.channel import CHANNEL_SUFFIX, DEFAULT_CHANNEL, ChannelRelease, file_name
from transfer.channels.medium import FoundChannel, look_through
from transfer.channels.offers import Offer, joined_offers
from transfer.channels.signing import MAX_CHANNEL_BYTES, VerifiedChannel, verify_channel
from transfer.config import TransferConfig
from transfer.errors import SourceRefused, TransferError
from transfer.links.access import NOTHING, Access, is_url, shown_source
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.scheduling.prefix_reader import PrefixReader

SHOWN = 5
PROBE_BYTES = 160  # of a channel file: product, channel and counter


class OtherProduct(Refused):
    """A source offers another product than the one that counts."""


class NothingThere(SourceRefused):
    """Sources, all of which are named, hold nothing of ours."""

    def __init__(self, sources: Iterable[str]) -> None:
        listed = [shown_source(source) for source in sources]
        more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        super().__init__(
            f"{', '.join(listed[:SHOWN])}{more}: there is no bundle, volume or channel file; "
            "name another file or directory"
        )


@dataclass(frozen=True)
class SurveyRequest:
    """What to look at.

    output    where a bundle would go: it is no source of itself
    channel   the one to follow, "" for that of the first channel file, or `stable` in a directory with several
    product   the only one that counts, "" for any
    check     raises Refused for a channel file that must not count, such as one with an older counter
    kept      gives the file of a channel that is known already, so that it is not asked for whole again
    """

    sources: Sequence[str]
    trust: Trust
    output: Path
    config: TransferConfig
    channel: str = ""
    product: str = ""
    say: Callable[[str], None] = lambda message: None
    access: Access = NOTHING
    budget: Budget | None = None
    check: Callable[[VerifiedChannel], None] = lambda verified: None
    kept: Callable[[str], bytes | None] = lambda channel: None


@dataclass(frozen=True)
class Wanted:
    """A release that a ship may be after, and the source that says so."""

    product: str
    release: ChannelRelease
    source: str


@dataclass
class Survey:
    """What was found.

    channel         the channel file with the highest counter of those that count
    offers          every bundle, each once
    source          where that is
    loose           releases of bundles that somebody offers without a channel file
    refused         by source or file: why it is of no use
    received_bytes  what came over links
    """

    channel: VerifiedChannel | None = None
    source: str = ""
    offers: list[Offer] = field(default_factory=list)
    loose: list[Wanted] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)
    received_bytes: int = 0

    @property
    def wanted(self) -> list[Wanted]:
        """The newest first, of equal ones the channel's; none that is older than the channel's."""
        if self.channel is None:
            return sorted(self.loose, key=lambda one: one.release.mark, reverse=True)
        said = self.channel.channel
        newer = [one for one in self.loose if one.release.mark > said.release.mark]
        newest_first = sorted(newer, key=lambda one: one.release.mark, reverse=True)
        return [*newest_first, Wanted(said.product, said.release, self.source)]

    def check(self) -> None:
        """Raises what is wrong with the first source if nothing of any is of use."""
        if self.offers or self.channel:
            return
        if self.refused and all(isinstance(error, NothingThere) for error in self.refused.values()):
            raise NothingThere(self.refused)
        raise next(iter(self.refused.values()), SourceRefused("there is no bundle of that product at any source"))

    def without(self, offer: Offer) -> "Survey":
        """The same without a bundle that proved to be of no use."""
        return replace(self, offers=[one for one in self.offers if one.said.root != offer.said.root])

    def with_offer(self, offer: Offer) -> "Survey":
        """The same with what else is known of a bundle."""
        return replace(self, offers=joined_offers([offer, *self.offers]))


def survey(request: SurveyRequest) -> Survey:
    """Looks at every source. What is wrong with one is in the answer, and is no error."""
    surveyor = _Surveyor(request)
    for source in request.sources:
        try:
            surveyor.look(source)
        except (TransferError, Refused) as error:
            surveyor.found.refused[source] = error
    return surveyor.finished()


def follows_channel(source: str) -> bool:
    """Whether a source is a channel file, or a place that may hold one."""
    if is_url(source):
        return _path(source).endswith((CHANNEL_SUFFIX, "/"))
    return Path(source).suffix == CHANNEL_SUFFIX or presence.is_directory(Path(source))


class _Surveyor:
    def __init__(self, request: SurveyRequest) -> None:
        self.found = Survey()
        self._request = request
        self._name = request.channel
        self._linked: list[tuple[str, VerifiedChannel]] = []  # address of a channel file over a link

    def look(self, source: str) -> None:
        """Raises TransferError or Refused."""
        if not is_url(source):
            self._look_at_medium(Path(source))
        elif _path(source).endswith("/"):
            self._look_at_channel(_beside(source, file_name(self._name or DEFAULT_CHANNEL)))
        elif _path(source).endswith(CHANNEL_SUFFIX):
            self._look_at_channel(source)
        else:
            self._look_at_bundle(source)

    def finished(self) -> Survey:
        """What was found, the bundles joined, without those of other products."""
        found = self.found
        if found.channel:
            for address, verified in self._linked:
                said = verified.channel
                found.offers += [
                    Offer(said.product, bundle, (_beside(address, quote(bundle.file)),)) for bundle in said.bundles
                ]
        product = self._request.product or (found.channel.channel.product if found.channel else "")
        if product:
            self._name_foreign(product)
            found.offers = [offer for offer in found.offers if offer.product == product]
            found.loose = [one for one in found.loose if one.product == product]
        found.offers = joined_offers(found.offers)
        return found

    def _name_foreign(self, product: str) -> None:
        """A source that offers nothing but other products is named."""
        ours = {one.source for one in self.found.loose if one.product == product}
        for one in self.found.loose:
            if one.product != product and one.source not in ours:
                self.found.refused[one.source] = OtherProduct(
                    f"{shown_source(one.source)}: brings product {one.product!r}; this site is for {product!r} alone"
                )

    def _look_at_channel(self, address: str) -> None:
        name = _path(address).rsplit("/", 1)[-1]
        with self._opened(address) as reader:
            verified = self._read(reader, self._request.kept(name.removesuffix(CHANNEL_SUFFIX)))
        if verified.channel.file_name != name:
            raise Malformed(f"{shown_source(address)}: is the file of channel {verified.channel.channel!r}")
        if self._take(verified, address):
            self._linked.append((address, verified))

    def _read(self, reader: PrefixReader, kept: bytes | None) -> VerifiedChannel:
        """The channel file; the one that is kept if the first bytes are the same, for they hold the counter [T-147].

        Whoever could pretend that nothing has changed could as well send the old file.
        """
        trust = self._request.trust
        if kept and reader.first(PROBE_BYTES, lambda data: data) == kept[:PROBE_BYTES]:
            return verify_channel(kept, trust)
        return reader.first(MAX_CHANNEL_BYTES + 1, lambda data: verify_channel(data, trust))

    def _look_at_bundle(self, source: str) -> None:
        with self._opened(source) as reader:
            verified = reader.header()
        offer = Offer.with_header(verified, source, (source,))
        self.found.offers.append(offer)
        self.found.loose.append(Wanted(offer.product, offer.said.release, source))

    def _opened(self, address: str) -> "_Reading":
        return _Reading(self._request, address, self.found)

    def _look_at_medium(self, path: Path) -> None:
        is_channel = path.suffix == CHANNEL_SUFFIX and presence.is_file(path)
        medium = look_through(path.parent if is_channel else path, self._request.trust)
        for file, error in medium.unusable.items():
            self.found.refused[str(file)] = error
        offers = [Offer.on_medium(found) for found in medium.bundles]
        self.found.offers += offers
        if medium.unseen:
            self._request.say(f"{path}: holds too many files; {medium.unseen:,} were not looked into")
        if medium.channels:
            self._choose(path, medium.channels, self._name or (path.stem if is_channel else ""))
        else:
            self.found.loose += [Wanted(one.product, one.said.release, str(path)) for one in offers]
        if not offers and not medium.channels and not medium.unusable:
            raise NothingThere([str(path)])

    def _choose(self, path: Path, channels: Sequence[FoundChannel], name: str) -> None:
        """Follows the one of that name; with "" the only one, or that of the common name."""
        product = self._request.product
        ours = [one.verified for one in channels if product in ("", one.verified.channel.product)]
        names = sorted({verified.channel.channel for verified in ours})
        name = name or (names[0] if len(names) == 1 else DEFAULT_CHANNEL)
        chosen = [verified for verified in ours if verified.channel.channel == name]
        if not chosen:
            which = f"the channels {', '.join(names)}" if names else "channels of other products alone"
            raise SourceRefused(f"{path}: holds {which}, not {name!r}; name the one to follow")
        for verified in chosen:
            self._take(verified, str(path))

    def _take(self, verified: VerifiedChannel, source: str) -> bool:
        """Whether a channel file counts. Raises Refused or SourceRefused for one that must not."""
        said, first = verified.channel, self.found.channel
        where = shown_source(source)
        if self._request.product not in ("", said.product):
            raise SourceRefused(f"{where}: is a channel of {said.product}, not of {self._request.product}")
        if self._name not in ("", said.channel):
            raise SourceRefused(f"{where}: is channel {said.channel!r}, and {self._name!r} is followed")
        if first and first.channel.product != said.product:
            other = first.channel.product
            raise SourceRefused(f"{where}: is a channel of {said.product}, and another source is one of {other}")
        self._request.check(verified)
        self._name = said.channel
        if first is None or said.counter > first.channel.counter:
            self.found.channel, self.found.source = verified, source
        elif said.counter == first.channel.counter and said != first.channel:
            raise SourceRefused(f"{where}: another source has other content under the same counter; ask shore")
        return True


class _Reading:
    """A link to one file, for its first bytes."""

    def __init__(self, request: SurveyRequest, address: str, found: Survey) -> None:
        self._found = found
        self._link = open_sources([address], request.output, request.config, request.access)
        self._reader = PrefixReader(self._link, request.trust, request.config, request.say, request.budget)

    def __enter__(self) -> PrefixReader:
        return self._reader

    def __exit__(self, *_: object) -> None:
        self._found.received_bytes += self._reader.received_bytes
        self._link.close()


def _path(url: str) -> str:
    return urlsplit(url).path


def _beside(url: str, name: str) -> str:
    """The URL of the file of that name in the same directory, whatever the scheme."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}", query="", fragment=""))

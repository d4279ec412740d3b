"""Bundles that are offered to a ship, wherever they are, and what each section of them costs [T-142].

What a channel file says of a bundle is a claim until its header is there. Both are signed; the header counts more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bundle.read.reader import VerifiedRoot, stored_bytes
from bundle.read.route import NOTHING, Step
from transfer.channels.channel import TREE_ID_BYTES, ChannelBundle
from transfer.channels.medium import FoundBundle


@dataclass(frozen=True)
class Offer:
    """One bundle. `said`: what is known of it.

    urls      where it can be fetched over a link
    found     what media hold of it, if they hold any
    verified  its header, if that was read
    """

    product: str
    said: ChannelBundle
    urls: tuple[str, ...] = ()
    found: FoundBundle | None = None
    verified: VerifiedRoot | None = None

    @classmethod
    def on_medium(cls, found: FoundBundle) -> "Offer":
        """A bundle that lies on a medium."""
        return cls.with_header(found.verified, found.paths[0].name, found=found)

    @classmethod
    def with_header(
        cls, verified: VerifiedRoot, name: str, urls: tuple[str, ...] = (), found: FoundBundle | None = None
    ) -> "Offer":
        """A bundle whose header is known."""
        return cls(verified.root.product, ChannelBundle.of(verified, name), urls, found, verified)

    @property
    def places(self) -> tuple[str, ...]:
        """Every source of it, media first."""
        return (*(str(path) for path in (self.found.paths if self.found else ())), *self.urls)

    def joined(self, other: "Offer") -> "Offer":
        """The same bundle, with what both know of it."""
        known = self if self.verified else other
        return replace(
            known,
            urls=tuple(dict.fromkeys((*self.urls, *other.urls))),
            found=_joined(self.found, other.found),
        )

    def steps(self, in_part: bool = False) -> Iterator[Step["Offer"]]:
        """A step for each section: its cost is what no medium has of it, and all that is fetched, in bytes.

        None for a section of which the sources do not have all bytes, unless it is asked for `in_part`. Then a part
        will do, and volumes promise the others.
        """
        tree_id = self.said.release.tree_id
        promises = self.found is not None and self.found.in_volumes
        for base, size, missing in self._sections():
            if self.urls or not missing or (in_part and (promises or missing < size.stored)):
                yield Step(base, tree_id, (missing and missing + size.header, size.header + size.stored), self)

    def _sections(self) -> Iterator[tuple[bytes, "_Size", int]]:
        """For each section (base or NOTHING, its size, how much of it no medium has)."""
        if self.verified is None:
            sizes = [(base.tree_id, base.bytes) for base in self.said.bases]
            sizes += [(NOTHING, self.said.full)] if self.said.full else []
            yield from ((base, _Size(0, size), size) for base, size in sizes)
            return
        root = self.verified.root
        for section in root.sections:
            stored = stored_bytes(root, section)
            missing = self.found.missing_bytes(section) if self.found else stored
            yield section.base[:TREE_ID_BYTES], _Size(self.verified.header_bytes, stored), missing


@dataclass(frozen=True)
class _Size:
    """What is fetched of a bundle for one section: header and section, or both in one number."""

    header: int
    stored: int


def joined_offers(offers: list[Offer]) -> list[Offer]:
    """One for each bundle, by its root, in the order of the first of each."""
    found: dict[bytes, Offer] = {}
    for offer in offers:
        known = found.get(offer.said.root)
        found[offer.said.root] = known.joined(offer) if known else offer
    return list(found.values())


def _joined(one: FoundBundle | None, other: FoundBundle | None) -> FoundBundle | None:
    """What two media hold of a bundle. Where neither has all of a section, both may together."""
    if one is None or other is None:
        return one or other
    return FoundBundle.joining([one, other])

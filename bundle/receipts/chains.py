"""The chains that receipts make, one a site: what is missing of each, and where it forks [C-8] to [C-10].

ledger = Ledger(keys)
ledger.read("a.receipt", data)        # in any order, any number of times
ledger.wrong, ledger.chains()         # what is no receipt of a known site; each site's chain
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bundle.errors import BundleError
from bundle.receipts.receipt import Opened, open_receipt
from bundle.trust.signing import VerifyingKey


@dataclass(frozen=True)
class Chain:
    """The receipts of one site by their numbers, the lowest first. Of a number that forks, the latest by its time.

    missing: the first and last number of each gap, from the first receipt that is here. forks: numbers at which there
    is more than one receipt, or one that does not follow the one before it.
    """

    site: bytes
    receipts: list[Opened]
    missing: list[tuple[int, int]]
    forks: list[int]

    @property
    def latest(self) -> Opened:
        return self.receipts[-1]


@dataclass
class Ledger:
    """Receipts of any number of sites. `keys`: of the sites, by their ids. wrong: a sentence for each that is none.

    repeated: how many came more than once, with the same bytes.
    """

    keys: Mapping[bytes, VerifyingKey]
    wrong: dict[str, BundleError] = field(default_factory=dict)
    repeated: int = 0
    _sites: dict[bytes, dict[int, dict[bytes, Opened]]] = field(default_factory=dict)

    def read(self, name: str, data: bytes | BundleError) -> Opened | None:
        """Takes a receipt in; None for one that is none, or of no known site, which is then among `wrong`."""
        try:
            if isinstance(data, BundleError):
                raise data
            opened = open_receipt(data, self.keys, name)
        except BundleError as error:
            self.wrong[name] = error
            return None
        self.add(opened)
        return opened

    def add(self, opened: Opened) -> None:
        """Takes in one that is open already."""
        same_number = self._sites.setdefault(opened.site, {}).setdefault(opened.receipt.number, {})
        self.repeated += opened.mark in same_number
        same_number[opened.mark] = opened

    def chains(self) -> list[Chain]:
        """Of every site, ordered by its id."""
        return [_chain(site, numbered) for site, numbered in sorted(self._sites.items())]


def gaps(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of numbers that is left out, of numbers that rise."""
    last: int | None = None
    for number in numbers:
        if last is not None and number > last + 1:
            yield last + 1, number - 1
        last = number


def _chain(site: bytes, numbered: dict[int, dict[bytes, Opened]]) -> Chain:
    numbers = sorted(numbered)
    forks = []
    for number in numbers:
        before = numbered.get(number - 1)
        follows = before is None or any(one.receipt.before in before for one in numbered[number].values())
        if len(numbered[number]) > 1 or not follows:
            forks.append(number)
    latest = [max(numbered[number].values(), key=lambda one: (one.receipt.time, one.mark)) for number in numbers]
    return Chain(site, latest, list(gaps(numbers)), forks)

"""What a fetch would cost, from the header alone and from what stands at the output [T-80]."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bundle.format.root import Section
from bundle.host import presence
from bundle.host.files import open_plain
from bundle.read.reader import VerifiedRoot
from bundle.trust.trust import Trust
from transfer.disk.output import inspect_output
from transfer.errors import OutputRefused
from transfer.plan import FetchPlan, SiteHoldings, choose_sections

BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class Estimate:
    """Bytes are of the bundle file; `needed` ones with the header, as in the figures of a fetch [T-30].

    `bytes_present`: pieces that stand verified at the output. The header is asked for by every fetch.
    """

    verified: VerifiedRoot
    sections: tuple[Section, ...]
    bytes_needed: int
    bytes_present: int
    pieces: int
    pieces_to_fetch: int

    @property
    def bytes_to_fetch(self) -> int:
        """What a fetch would still ask for."""
        return self.bytes_needed - self.bytes_present


def estimate(
    verified: VerifiedRoot, holdings: SiteHoldings | None, allow_full: bool, output: Path | None, trust: Trust
) -> Estimate:
    """The estimate for a site and an output; nothing is changed.

    Raises NoSection or ConsentNeeded as a fetch would, OutputRefused for an output that it would refuse.
    """
    sections = choose_sections(verified.root, holdings, allow_full)
    plan = _examined(verified, sections, output, trust)
    pieces = sum(1 for section in sections for _ in verified.pieces(section))
    needed = verified.header_bytes + plan.wanted_bytes
    return Estimate(verified, sections, needed, plan.present_bytes, pieces, pieces - plan.present_pieces)


def _examined(verified: VerifiedRoot, sections: Sequence[Section], output: Path | None, trust: Trust) -> FetchPlan:
    """A plan that knows what stands at the output."""
    state = inspect_output(output, trust) if output else None
    if state:
        state.check(verified)
    if state is None or not state.continues(verified) or not presence.exists(state.path):
        return FetchPlan.of(verified, sections, fresh=True)
    plan = FetchPlan.of(state.verified or verified, sections, fresh=False)
    try:
        with open_plain(state.path, buffered=True) as file:
            plan.examine(_reader(file.seek, file.read))
    except OSError as error:
        raise OutputRefused(f"{state.path}: cannot be read: {error.strerror}") from error
    return plan


def _reader(seek: Callable[[int], int], read: Callable[[int], bytes]) -> Callable[[int, int], bytes]:
    def read_at(offset: int, length: int) -> bytes:
        with suppress(OSError):  # a piece on a bad sector is fetched again
            seek(offset)
            return read(length)
        return b""

    return read_at

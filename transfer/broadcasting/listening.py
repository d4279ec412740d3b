"""A bundle off the air: headers until one is trusted and fits, then its blocks, into the partial file of a fetch.

Nothing is ever sent. Whatever ends it, what was verified stands in the partial file, and what waits for more symbols
beside it: the same call goes on from there, and so does `unrep fetch` with the same output.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from bundle.errors import BundleError, Malformed, NoSection
from bundle.format.root import Root, Section
from bundle.host.clock import Clock
from bundle.host.progress import Progress
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.broadcasting.block import section_blocks
from transfer.broadcasting.collection import Collection
from transfer.broadcasting.datagram import HEAD_BYTES, Datagram, bundle_id, read_datagram
from transfer.broadcasting.fountain import require_codec
from transfer.broadcasting.headers import Headers, Sender
from transfer.broadcasting.symbols import SymbolStore
from transfer.config import TransferConfig
from transfer.disk.lock import output_lock
from transfer.disk.output import OutputState, describe, inspect_output
from transfer.disk.partial import Partial, symbols_path
from transfer.errors import ConsentNeeded, Incomplete, OutputRefused
from transfer.fetch.estimate import estimate
from transfer.plan import FetchPlan, SiteHoldings, choose_sections

POLL_S = 0.5
MAX_PASSED_OVER = 64
MAX_RECENT = 1024  # datagrams before a header came, 1.4 MB

Receive = Callable[[float], tuple[bytes, Sender] | None]
Arrivals = deque[tuple[Datagram, Sender]]


@dataclass(frozen=True)
class Heard:
    """The figures of a call so far. Bytes are of the bundle file [T-30], but for `bytes_received`.

    bytes_received   datagrams of this bundle, with their heads, whether of use or not
    blocks_anew      how often a block was not what was signed
    """

    path: Path
    complete: bool
    root: Root | None
    sections: tuple[Section, ...]
    bytes_total: int
    bytes_needed: int
    bytes_resumed: int
    bytes_verified: int
    bytes_received: int
    datagrams: int
    blocks_anew: int
    seconds: float


@dataclass(frozen=True)
class _Tuned:
    """The bundle that is received. `header` is the one that was heard, `verified` of the one that the output has."""

    header: bytes
    verified: VerifiedRoot
    sections: tuple[Section, ...]


class Listen:
    """One bundle into one output. `receive(seconds)`: the next datagram and who sent it, or None after that time.

    `timeout_s`: gives up after so long; None: never. `holdings`, `allow_full` as for a fetch.
    """

    def __init__(
        self,
        receive: Receive,
        trust: Trust,
        output: Path,
        holdings: SiteHoldings | None,
        allow_full: bool,
        timeout_s: float | None,
        clock: Clock,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self._receive = receive
        self._trust = trust
        self._output = output
        self._holdings = holdings
        self._allow_full = allow_full
        self._clock = clock
        self._progress = progress
        self._say = say
        self._began = clock.now()
        self._deadline = self._began + timeout_s if timeout_s is not None else float("inf")
        self._headers = Headers()
        self._passed_over: dict[bytes, str] = {}
        self._tuned: _Tuned | None = None
        self._plan: FetchPlan | None = None
        self._collection: Collection | None = None
        self._resumed_bytes = self._received_bytes = self._datagrams = 0
        self._complete = False

    def run(self) -> Heard:
        """Listens until the output is complete, verified, durable and has its name.

        Raises Incomplete when time has run out, ExtraMissing without the codec, OutputRefused, OutputBusy or DiskFull.
        """
        require_codec()
        with output_lock(self._output, "receiving into"):
            tuned, recent = self._tune(inspect_output(self._output, self._trust))
            while newer := self._follow(tuned, recent):
                tuned, recent = newer, Arrivals()
        self._complete = True
        return self.figures()

    def figures(self) -> Heard:
        """The figures so far, also after `run` has raised."""
        tuned, plan = self._tuned, self._plan
        header_bytes = tuned.verified.header_bytes if tuned else 0
        return Heard(
            path=self._output,
            complete=self._complete,
            root=tuned.verified.root if tuned else None,
            sections=tuned.sections if tuned else (),
            bytes_total=tuned.verified.total_bytes if tuned else 0,
            bytes_needed=header_bytes + plan.wanted_bytes if plan else 0,
            bytes_resumed=self._resumed_bytes,
            bytes_verified=header_bytes + plan.present_bytes if plan else 0,
            bytes_received=self._received_bytes,
            datagrams=self._datagrams,
            blocks_anew=self._collection.blocks_anew if self._collection else 0,
            seconds=self._clock.now() - self._began,
        )

    def _tune(self, state: OutputState) -> tuple[_Tuned, Arrivals]:
        """The first bundle that is trusted and fits, and what was heard lately, which may be of it [T-127]."""
        if (tuned := self._there_already(state)) is not None:
            return tuned, Arrivals()
        here = bundle_id(state.header) if state.verified else None
        recent = Arrivals(maxlen=MAX_RECENT)
        for datagram, sender in self._datagrams_heard():
            if datagram.bundle in self._passed_over:
                continue
            recent.append((datagram, sender))
            if datagram.bundle == here:
                header: bytes | None = state.header
            else:
                header = self._headers.take(datagram, sender)
            if header is not None and (tuned := self._considered(header, state)):
                self._say(f"receiving {describe(tuned.verified.root)}, {tuned.verified.total_bytes:,} bytes")
                return tuned, recent
        raise self._out_of_time()

    def _there_already(self, state: OutputState) -> _Tuned | None:
        """What stands at the output, if nothing of it is missing."""
        if state.verified and (tuned := self._considered(state.header, state)):
            known = estimate(state.verified, self._holdings, self._allow_full, self._output, self._trust)
            return tuned if not known.pieces_to_fetch else None
        return None

    def _considered(self, header: bytes, state: OutputState) -> _Tuned | None:
        """What to receive, if this is a bundle for us; else None, and it is passed over from now on."""
        try:
            verified = verify_header(header, self._trust)
            state.check(verified)
            return _Tuned(header, verified, choose_sections(verified.root, self._holdings, self._allow_full))
        except (BundleError, OutputRefused, ConsentNeeded) as error:
            self._pass_over(header, str(error))
            if isinstance(error, OutputRefused | ConsentNeeded | NoSection):
                self._say(f"passed over: {error}")
            return None

    def _pass_over(self, header: bytes, why: str) -> None:
        if len(self._passed_over) >= MAX_PASSED_OVER:
            self._passed_over.clear()
        self._passed_over[bundle_id(header)] = why

    def _follow(self, tuned: _Tuned, recent: Arrivals) -> _Tuned | None:
        """Receives a bundle to its end; or until one is heard that replaces it, which is returned."""
        state = inspect_output(self._output, self._trust)
        header, verified = state.header_of(tuned.header, tuned.verified)
        self._tuned = tuned = replace(tuned, verified=verified)
        with state.open_partial(header, verified, self._clock, TransferConfig.sync_share) as partial:
            with SymbolStore(symbols_path(self._output), bundle_id(tuned.header)) as store:
                newer = self._collect(tuned, partial, store, recent)
            if newer is None:
                partial.finish(self._output)
        return newer

    def _collect(self, tuned: _Tuned, partial: Partial, store: SymbolStore, recent: Arrivals) -> _Tuned | None:
        plan = self._plan = FetchPlan.of(tuned.verified, tuned.sections, fresh=partial.is_new)
        plan.examine(partial.read)
        self._resumed_bytes = plan.present_bytes + (0 if partial.is_new else tuned.verified.header_bytes)
        partial.check_space(plan.wanted_bytes - plan.present_bytes)
        self._progress.start("receiving", plan.wanted_bytes, "B")
        self._progress.skip(plan.present_bytes)
        blocks = [block for section, block in section_blocks(tuned.verified) if section in tuned.sections]
        collection = self._collection = Collection(plan, blocks, partial, store, self._progress, self._say)
        newer = None
        try:
            newer = self._listen(collection, tuned, recent)
        finally:
            if newer is None and not collection.is_complete:
                collection.salvage()
        if newer is None and not collection.is_complete:
            raise self._out_of_time()
        self._progress.finish()
        return newer

    def _listen(self, collection: Collection, tuned: _Tuned, recent: Arrivals) -> _Tuned | None:
        """Returns when all has come, or time has run out; or a newer bundle."""
        bundle = bundle_id(tuned.header)
        arrivals = chain(recent, self._datagrams_heard())
        while not collection.is_complete:
            arrived = next(arrivals, None)
            if arrived is None:
                break
            datagram, sender = arrived
            if datagram.bundle == bundle:
                self._datagrams += 1
                self._received_bytes += HEAD_BYTES + len(datagram.data)
                collection.take(datagram, sender)
            elif newer := self._newer(datagram, sender, tuned):
                return newer
        return None

    def _newer(self, datagram: Datagram, sender: Sender, tuned: _Tuned) -> _Tuned | None:
        """A bundle that replaces the one that is received, as for a fetch [T-11]: same product, later in order."""
        if datagram.bundle in self._passed_over:
            return None
        header = self._headers.take(datagram, sender)
        offered = self._considered(header, inspect_output(self._output, self._trust)) if header else None
        if header is None or offered is None:
            return None
        old, new = tuned.verified.root, offered.verified.root
        if (new.epoch, new.seq) <= (old.epoch, old.seq):
            self._pass_over(header, "it does not replace the one that is received")
            return None
        self._say(f"receiving {describe(new)}, {offered.verified.total_bytes:,} bytes, which replaces {describe(old)}")
        return offered

    def _datagrams_heard(self) -> Iterator[tuple[Datagram, Sender]]:
        """What comes, until time has run out; whatever is no datagram of a broadcast is no concern of ours."""
        while (left_s := self._deadline - self._clock.now()) > 0:
            received = self._receive(min(POLL_S, left_s))
            if received is not None:
                try:
                    yield read_datagram(received[0]), received[1]
                except Malformed:
                    continue

    def _out_of_time(self) -> Incomplete:
        waited = f"{self._clock.now() - self._began:.0f} s"
        if self._tuned and self._plan:
            missing = self._plan.wanted_bytes - self._plan.present_bytes
            return Incomplete(
                f"{self._output}: {missing:,} bytes are missing after {waited}; listen again, or let 'unrep fetch' "
                "with the same --out bring only those, what was heard is kept"
            )
        if self._passed_over:
            why = next(reversed(self._passed_over.values()))
            return Incomplete(f"{self._output}: no bundle for us was heard in {waited}, only one that is not: {why}")
        return Incomplete(
            f"{self._output}: no bundle was heard in {waited}; check group, interface and whether the broadcast is on, "
            "or fetch it from another source"
        )

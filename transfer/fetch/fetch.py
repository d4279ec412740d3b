"""A fetch, from the first request to the finished file.

The root first, verified by its signatures; then the choice of sections and a look at what is there already, at the
output and on disks that were named; then the missing pieces from all sources, each verified before it is written.
Whatever stops it, the same call goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

from bundle.archives.engines import present_features
from bundle.errors import Refused
from bundle.format.layout import PREAMBLE_BYTES, read_preamble
from bundle.format.root import DELTA, Root, Section
from bundle.host.clock import Clock, SystemClock
from bundle.host.progress import Progress, Quiet
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.config import TransferConfig
from transfer.disk.lock import output_lock
from transfer.disk.output import Standing, describe, inspect_output
from transfer.disk.partial import Partial, remove_partial
from transfer.disk.state_file import Ledger
from transfer.disk.stores import Store, Taken, VolumeStore, find_stores, take_pieces
from transfer.disk.volume import what_is_missing
from transfer.errors import BudgetSpent, ConsentNeeded, Incomplete, SourceCorrupt, TransferError
from transfer.fetch.piece_writer import Filling
from transfer.hours import Hours
from transfer.links.budget import Budget
from transfer.links.contract import Sources
from transfer.plan import Plan, SiteHoldings, choose_sections
from transfer.scheduling.scheduler import Reception
from transfer.scheduling.source import Supplier
from transfer.source_layout import header_bytes_of

LEAST_TELLING_BYTES = 64 * 1024  # fewer say nothing of a rate


@dataclass(frozen=True)
class SourceFigures:
    """What one source has given. `lost`: why it was asked no more; "" if it was to the end."""

    name: str
    bytes_received: int
    lost: str = ""


@dataclass(frozen=True)
class Figures:
    """What a fetch has come to so far [T-30]; bytes are of the bundle file, `seconds` of this call.

    root, sections   the bundle's, once it is verified, and the sections chosen from it
    bytes_total      length of the bundle
    bytes_needed     of those, header and chosen sections
    bytes_resumed    of those, found verified at the output when the fetch began
    bytes_received   every byte that came from the sources, whether of use or not, heads of answers included
    bytes_paid       ... and for pointer and ticket, from those that may cost something: not files and directories
    """

    path: Path
    complete: bool
    root: Root | None
    sections: tuple[Section, ...]
    bytes_total: int
    bytes_needed: int
    bytes_resumed: int
    bytes_received: int
    bytes_paid: int
    connections: int
    seconds: float
    sources: tuple[SourceFigures, ...]


class Fetch:
    """One fetch of one bundle from one or several sources into one file.

    `holdings`: what the site has, if the bundle is for one; without, all sections are fetched. `allow_full`: whether
    the full release may be fetched for a site that holds releases, but none that the bundle has a delta from.
    `budget`: of the command, which may have received a pointer before. `hours`: when sources may be asked.
    `admit` is asked before any section is; what it raises ends the fetch.
    """

    def __init__(
        self,
        sources: Sources,
        trust: Trust,
        output: Path,
        holdings: SiteHoldings | None = None,
        allow_full: bool = False,
        config: TransferConfig | None = None,
        clock: Clock | None = None,
        progress: Progress | None = None,
        say: Callable[[str], None] = lambda message: None,
        jitter: Random | None = None,
        budget: Budget | None = None,
        hours: Hours | None = None,
        admit: Callable[[VerifiedRoot], None] = lambda verified: None,
    ) -> None:
        self._paths = sources.paths
        self._trust = trust
        self._output = output
        self._holdings = holdings
        self._allow_full = allow_full
        self._config = config or TransferConfig()
        self._clock = clock or SystemClock()
        self._progress = progress or Quiet()
        self._say = say
        self._admit = admit
        self._budget = budget or Budget(self._config.max_bytes)
        self._ledger = Ledger(output)
        self._begun: list[tuple[int, bytes]] = []
        jitter = jitter or Random()  # noqa: S311 - spreads retries, hides nothing
        self._reception = Reception(sources, self._config, self._clock, say, jitter, self._budget, hours)
        self._began = self._clock.now()
        self._header = b""
        self._head = b""  # the first bytes of the file, as far as they are still to be used
        self._header_from = self._reception.suppliers[0]
        self._verified: VerifiedRoot | None = None
        self._sections: tuple[Section, ...] = ()
        self._plan: Plan | None = None
        self._stores: list[Store] = []
        self._taken = Taken()
        self._resumed_bytes = 0
        self._complete = False

    def run(self) -> Figures:
        """Fetches what is missing; returns when the output is complete, verified, durable and has its name.

        Raises TransferError, Refused for a bundle that must not be used, NoSection if it has nothing for the site.
        """
        with output_lock(self._output), Ledger(self._output) as self._ledger:
            self._budget.earlier_bytes = self._ledger.paid_bytes
            self._ledger.pay(self._budget.run_bytes, None)
            self._budget.note = self._pay
            try:
                self._run()
            finally:
                self._reception.close()
        self._complete = True
        return self.figures()

    def look(self) -> VerifiedRoot:
        """The verified root of the bundle at the source, and no more than that; nothing is written. Raises as `run`."""
        try:
            return self._receive_root(0)
        finally:
            self._reception.close()

    def _run(self) -> None:
        standing = inspect_output(self._output, self._trust)
        verified = self._receive_root(len(standing.header) if standing.verified else 0)
        standing.check(verified)
        verified = self._begin_bundle(standing, verified)
        self._sections = choose_sections(verified.root, self._holdings, self._allow_full)
        if self._sections:
            self._admit(verified)
        with self._open_partial(standing, verified) as partial:
            try:
                plan = self._plan_for(partial, standing, verified)
                self._fill(partial, plan)
                self._mend(partial, plan, verified.root)
            except SourceCorrupt as error:
                self._check_unchanged(verified, error)
                raise
            self._reception.close()
            self._ledger.close()
            partial.finish(self._output)

    def figures(self) -> Figures:
        """The figures so far; also after `run` has raised."""
        verified, plan = self._verified, self._plan
        return Figures(
            path=self._output,
            complete=self._complete,
            root=verified.root if verified else None,
            sections=self._sections,
            bytes_total=verified.total_bytes if verified else 0,
            bytes_needed=verified.header_bytes + plan.wanted_bytes if verified and plan else 0,
            bytes_resumed=self._resumed_bytes,
            bytes_received=sum(source.bytes_received for source in self._source_figures()),
            bytes_paid=self._budget.run_bytes,
            connections=sum(supplier.connections for supplier in self._reception.suppliers),
            seconds=self._clock.now() - self._began,
            sources=self._source_figures(),
        )

    def _source_figures(self) -> tuple[SourceFigures, ...]:
        """One for each that was opened, in their order, then the other files that held something."""
        taken = dict(self._taken.bytes_by_path)
        found = [
            SourceFigures(
                supplier.name,
                supplier.received_bytes + taken.pop(Path(supplier.name), 0),
                str(supplier.lost or "") if supplier.is_asked else "",
            )
            for supplier in self._reception.suppliers
        ]
        return (*found, *(SourceFigures(str(path), amount) for path, amount in taken.items()))

    def _receive_root(self, known_bytes: int) -> VerifiedRoot:
        """The verified root of the bundle [T-1]; `known_bytes`: the header's length, if there is one.

        From the first source, in their order, that has one; while none has sent it, each has its turn, and a longer
        one each time [T-92]. Raises Refused.
        """
        self._reception.await_hours()
        began = self._clock.now()
        for lap in count():
            alive = self._reception.alive
            turn_s = self._config.turn_s if len(alive) > 1 else self._config.patience_s
            for supplier in alive:
                is_last = len(self._reception.alive) == 1
                supplier.patience.deadline = float("inf") if is_last else self._clock.now() + turn_s * 2.0**lap
                try:
                    return self._receive_root_from(supplier, known_bytes, turn_s)
                except BudgetSpent:
                    raise
                except (TransferError, Refused) as error:
                    is_over = self._clock.now() - began >= self._config.patience_s or len(alive) == 1
                    if is_over or not isinstance(error, Incomplete):
                        self._reception.lose(supplier, error)
                finally:
                    supplier.patience.deadline = float("inf")
        raise AssertionError("laps have no end")

    def _receive_root_from(self, supplier: Supplier, known_bytes: int, patience_s: float) -> VerifiedRoot:
        """A damaged copy is asked for again; the same damage twice is the source's [T-3]. Raises Refused."""
        copies: set[bytes] = set()
        while True:
            head = self._receive_head(supplier, known_bytes or self._config.first_request_bytes, patience_s)
            try:
                verified = verify_header(head, self._trust)
            except Refused as error:
                if head in copies or len(copies) + 1 >= self._config.max_bad_copies:
                    raise type(error)(f"{supplier.name}: {error}") from error
                copies.add(head)
            else:
                self._verified, self._header_from = verified, supplier
                self._head = head
                return verified

    def _receive_head(self, supplier: Supplier, first_bytes: int, patience_s: float) -> bytes:
        """The header and what came with it: at least `first_bytes`, if the file has them [T-2]."""
        head = self._reception.receive_range(0, first_bytes, supplier, patience_s)
        try:
            wanted = read_preamble(head[:PREAMBLE_BYTES]).header_bytes
        except Refused:
            return head  # for `verify_header` to refuse
        return head + self._reception.receive_range(len(head), wanted, supplier, patience_s)

    def _begin_bundle(self, standing: Standing, offered: VerifiedRoot) -> VerifiedRoot:
        """The root and header that the output has: all places are those of the file that begins so [T-133]."""
        header, behind = self._head[: offered.header_bytes], self._head[offered.header_bytes :]
        self._header, verified = standing.header_of(header, offered)
        self._head, self._verified = self._header + behind, verified
        self._reception.begin_bundle(verified)
        self._header_from.settle(offered.header_bytes)
        return verified

    def _open_partial(self, standing: Standing, verified: VerifiedRoot) -> Partial:
        if not standing.continues(verified) and standing.verified:
            here, there = describe(standing.verified.root), describe(verified.root)
            self._say(f"{standing.path}: was a part of {here}; starting anew with {there}, which replaces it")
            remove_partial(standing.path)
        return Partial(standing.path, self._header, verified.total_bytes, self._clock, self._config.sync_share)

    def _open_ledger(self, verified: VerifiedRoot) -> None:
        """From now on what is received is written down; what was paid for another bundle does not count."""
        if not self._ledger.is_open:
            self._budget.collect()
            received = self._budget.run_bytes
            self._begun = self._ledger.open(verified, received)
            self._budget.earlier_bytes = self._ledger.paid_bytes - received

    def _pay(self, amount: int) -> None:
        seconds, paid = self._clock.now() - self._began, self._budget.run_bytes
        self._ledger.pay(amount, paid / seconds if seconds > 0 and paid >= LEAST_TELLING_BYTES else None)

    def _plan_for(self, partial: Partial, standing: Standing, verified: VerifiedRoot) -> Plan:
        if not partial.is_new:
            self._resumed_bytes = len(standing.header)
        self._stores = find_stores(self._paths, verified, self._trust, self._output)
        self._plan = Plan.of(verified, self._sections, fresh=partial.is_new)
        return self._plan

    def _mend(self, partial: Partial, plan: Plan, root: Root) -> None:
        """Fetches what a delta cannot make at this site, from the full section [T-41]."""
        is_delta = [section.kind for section in self._sections] == [DELTA]
        if self._holdings and is_delta and (full := root.full_section(present_features())):
            for wish in self._holdings.mend(partial.path, self._sections[0]):
                plan.add(full, wish.stretches)
                self._fill(partial, plan, wish.why)

    def _fill(self, partial: Partial, plan: Plan, why: str = "") -> None:
        """`why`: what has to be agreed to before anything is fetched; nothing if empty. Raises ConsentNeeded."""
        self._progress.start("fetching", plan.wanted_bytes, "B")
        already_bytes = self._resumed_bytes
        filling = Filling(partial, self._ledger, plan, self._reception, self._progress)
        try:
            filling.examine()
            missing_bytes = plan.wanted_bytes - plan.present_bytes
            if why and missing_bytes and not self._allow_full:
                raise ConsentNeeded(
                    f"{why}: the full release has them, in {missing_bytes:,} bytes more; --allow-full accepts that, "
                    "or let 'unrep repair-request' ask ashore for a repair"
                )
            partial.check_space(missing_bytes)
            if missing_bytes:
                self._open_ledger(plan.verified)
            if self._stores:
                filling.use(self._head)
                self._take_local(partial, plan)
            filling.run(self._head, self._header_from, self._config.hold_bytes, self._begun)
        finally:
            self._resumed_bytes = already_bytes + filling.found_bytes
        self._progress.finish()

    def _take_local(self, partial: Partial, plan: Plan) -> None:
        """Takes what lies on disks, and asks those for the rest only if there is nobody else [T-93]."""
        damaged_before = set(self._taken.damaged)
        take_pieces(plan, partial, self._stores, self._progress, self._taken)
        for path in self._taken.damaged - damaged_before:
            then = "it was asked no more" if self._taken.is_dropped(path) else "they were left out"
            self._say(f"{path}: holds pieces that are not the ones that were signed; {then}")
        missing = sum(slot.length for slot in plan.missing())
        read = [store for store in self._stores if store.path not in self._taken.unreadable]
        is_alone = not self._reception.retire({str(store.path) for store in read})
        volumes = [store.volume for store in read if isinstance(store, VolumeStore)]
        if missing and is_alone and volumes:
            raise Incomplete(what_is_missing(self._output, missing, volumes, self._taken.damaged))
        if missing and is_alone and len(read) == len(self._stores) and not self._taken.damaged:
            raise Incomplete(
                f"{', '.join(str(store.path) for store in read)}: has only a part of the bundle, {missing:,} bytes "
                "are missing; what is there is kept, name another source as well"
            )

    def _check_unchanged(self, verified: VerifiedRoot, error: SourceCorrupt) -> None:
        """Raises Incomplete if the file at the source was exchanged for another one since the fetch began [T-25]."""
        self._reception.close()
        source = next(supplier for supplier in self._reception.suppliers if supplier.lost is error)
        self._reception.ask_again(source)
        shift_bytes = source.layout.shift_bytes
        self._reception.begin_bundle(None)
        beginning = self._reception.receive_range(0, PREAMBLE_BYTES + verified.root_bytes, source)
        if header_bytes_of(beginning, verified) != verified.header_bytes + shift_bytes:
            raise Incomplete(
                f"{source.name}: the file there was exchanged for another one during the fetch; "
                "run the same command again to see what it is now"
            )

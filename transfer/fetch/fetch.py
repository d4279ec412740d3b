"""A fetch, from the first request to the finished file.

0. The output is locked and looked at: what stands there may be a part of the bundle, or must not be lost.
1. The header comes first, and its root is verified by the signatures before anything else is asked for.
2. From the root follow the sections that the site needs, and from those the plan: the pieces that are wanted.
3. Pieces that stand at the output, came with the header, or lie on disks are taken from there.
4. The missing ones are received from all sources at once, and each is verified before it is written.
5. What the delta cannot make at this site, for a file there is damaged, is added from the full section: 3 and 4 again.
6. Once all are there, the file is made durable and gets its name F.

Where no source sends what was signed, the last one is asked whether its file was exchanged meanwhile.

Until the end it is `F.part`. If F is there already but lacks pieces, it is filled in place. Whatever stops a fetch, the
same call goes on from there: the file shows which pieces are present, and `F.state` has those that are unfinished.
"""

from bundle.archives.engines import present_features
from bundle.format.root import DELTA, Section
from bundle.read.reader import VerifiedRoot
from transfer.disk.lock import output_lock
from transfer.disk.output import OutputState, describe, inspect_output
from transfer.disk.partial import Partial
from transfer.disk.state_file import StateFile
from transfer.disk.stores import StoreHistory
from transfer.errors import SourceCorrupt
from transfer.fetch.cost_record import CostRecord
from transfer.fetch.figures import Figures, source_figures
from transfer.fetch.header import BundlePrefix, HeaderReceiver
from transfer.fetch.output_filler import OutputFiller
from transfer.fetch.request import FetchRequest
from transfer.links.budget import Budget
from transfer.plan import FetchPlan, choose_sections
from transfer.scheduling.scheduler import Scheduler


class Fetch:
    """One fetch; `run` does it, `figures` tells how far it has come."""

    def __init__(self, request: FetchRequest) -> None:
        self._request = request
        self._budget = request.budget or Budget(request.config.max_bytes)
        self._scheduler = Scheduler(
            request.links, request.config, request.clock, request.say, request.jitter, self._budget, request.hours
        )
        self._header_receiver = HeaderReceiver(self._scheduler, request.trust, request.config, request.clock)
        self._began = request.clock.now()
        self._verified: VerifiedRoot | None = None
        self._sections: tuple[Section, ...] = ()
        self._filler: OutputFiller | None = None
        self._resumed_header_bytes = 0
        self._is_complete = False

    def run(self) -> Figures:
        """Fetches what is missing. Returns when the output is complete, verified, durable and has its name.

        Raises TransferError, Refused for a bundle that must not be used, NoSection if it has nothing for the site.
        """
        output = self._request.output
        with output_lock(output), StateFile(output) as state:
            costs = CostRecord(state, self._budget, self._request.clock, self._began)
            try:
                self._run(state, costs)
            finally:
                self._scheduler.disconnect()
        self._is_complete = True
        return self.figures()

    def receive_root(self) -> VerifiedRoot:
        """The verified root of the bundle at the source, and no more than that; nothing is written.

        Raises as `run`, which may follow and asks for the header again.
        """
        try:
            self._verified = self._header_receiver.receive().verified
            return self._verified
        finally:
            self._scheduler.disconnect()

    def figures(self) -> Figures:
        """The figures so far, also after `run` has raised."""
        verified, filler = self._verified, self._filler
        sources = source_figures(self._scheduler.sources, filler.stores if filler else StoreHistory())
        return Figures(
            path=self._request.output,
            complete=self._is_complete,
            root=verified.root if verified else None,
            sections=self._sections,
            bytes_total=verified.total_bytes if verified else 0,
            bytes_needed=verified.header_bytes + filler.plan.wanted_bytes if verified and filler else 0,
            bytes_resumed=self._resumed_header_bytes + filler.found_bytes if filler else 0,
            bytes_received=sum(source.bytes_received for source in sources),
            bytes_paid=self._budget.run_bytes,
            connections=sum(source.connections for source in self._scheduler.sources),
            seconds=self._request.clock.now() - self._began,
            sources=sources,
        )

    def _run(self, state: StateFile, costs: CostRecord) -> None:
        request = self._request
        output = inspect_output(request.output, request.trust)
        received = self._header_receiver.receive(len(output.header) if output.verified else None)
        self._verified = received.verified
        output.check(received.verified)
        prefix = self._begin_bundle(received, output)
        self._sections = choose_sections(prefix.verified.root, request.holdings, request.allow_full)
        # A site that has the release needs no section of it. The output is then the header, and a hole behind it.
        if self._sections:
            request.before_sections(prefix.verified)
        with self._open_partial(output, prefix) as partial:
            plan = FetchPlan.of(prefix.verified, self._sections, fresh=partial.is_new)
            filler = self._filler = OutputFiller(request, self._scheduler, prefix, plan, partial, state, costs)
            self._resumed_header_bytes = 0 if partial.is_new else len(output.header)
            try:
                filler.fill()
                self._repair(filler, partial)
            except SourceCorrupt as error:
                self._scheduler.check_unchanged(prefix.verified, error)
                raise
            self._scheduler.disconnect()
            state.close()
            partial.finish(request.output)

    def _begin_bundle(self, received: BundlePrefix, output: OutputState) -> BundlePrefix:
        """From here on all offsets are of the file that begins with the output's header [T-133]."""
        prefix = received.for_output(output)
        self._verified = prefix.verified
        self._scheduler.begin_bundle(prefix.verified, received.source, len(received.header))
        return prefix

    def _open_partial(self, output: OutputState, prefix: BundlePrefix) -> Partial:
        request, verified = self._request, prefix.verified
        if output.verified and not output.continues(verified):
            here, there = describe(output.verified.root), describe(verified.root)
            request.say(f"{output.path}: was a part of {here}; starting anew with {there}, which replaces it")
        return output.open_partial(prefix.header, verified, request.clock, request.config.sync_share)

    def _repair(self, filler: OutputFiller, partial: Partial) -> None:
        """Fetches what a delta cannot make at this site, from the full section [T-41]."""
        holdings, full = self._request.holdings, filler.plan.verified.root.full_section(present_features())
        if holdings and full and [section.kind for section in self._sections] == [DELTA]:
            # Lazy: what is needed next is read from the file that the fill before has written.
            for needed in holdings.repair(self._request.output, partial.path, self._sections[0]):
                filler.plan.add(full, needed.ranges)
                filler.fill(needed.reason)

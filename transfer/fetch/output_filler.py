"""Every missing piece of a plan, from the cheapest place that has it.

That is the partial file itself, then the answer that brought the header, then disks, and links last: nothing is asked
for over a link that lies on a disk already [T-93].
"""

from transfer.disk.partial import Partial
from transfer.disk.state_file import StateFile
from transfer.disk.stores import StoreHistory, VolumeStore, find_stores, take_pieces
from transfer.disk.volume import what_is_missing
from transfer.errors import ConsentNeeded, Incomplete
from transfer.fetch.cost_record import CostRecord
from transfer.fetch.header import BundlePrefix
from transfer.fetch.piece_receiver import PieceReceiver
from transfer.fetch.request import FetchRequest
from transfer.plan import FetchPlan
from transfer.scheduling.scheduler import Scheduler


class OutputFiller:
    """Fills one partial file, or a finished one that lacks pieces.

    plan           the wanted pieces; more may be added between two calls of `fill`
    found_bytes    pieces that stood verified at the output before
    stores         what files on disks have given
    """

    def __init__(
        self,
        request: FetchRequest,
        scheduler: Scheduler,
        prefix: BundlePrefix,
        plan: FetchPlan,
        partial: Partial,
        state: StateFile,
        costs: CostRecord,
    ) -> None:
        self.plan = plan
        self.found_bytes = 0
        self.stores = StoreHistory()
        self._request = request
        self._scheduler = scheduler
        self._prefix = prefix
        self._partial = partial
        self._state = state
        self._costs = costs
        self._on_disks = find_stores(request.links.paths, prefix.verified, request.trust, request.output)

    def fill(self, reason: str = "") -> None:
        """Brings every missing piece of the plan.

        `reason`: why more is needed than was agreed to; "" if it is not. Raises ConsentNeeded for that, DiskFull,
        OutputRefused, and what `Scheduler.receive` raises.
        """
        request, plan = self._request, self.plan
        request.progress.start("fetching", plan.wanted_bytes, "B")
        found_before = self.found_bytes
        receiver = PieceReceiver(self._partial, self._state, plan, self._scheduler, request.progress)
        try:
            receiver.examine()
            missing_bytes = plan.wanted_bytes - plan.present_bytes
            self._check_consent(reason, missing_bytes)
            self._partial.check_space(missing_bytes)
            if missing_bytes:
                self._costs.open_state(plan.verified)
            prefix = self._prefix
            # Disks ask for what is missing. What came with the header is written first, so that they need not bring it.
            # That takes whole pieces whose table is known. The rest of the same bytes is left to `run`.
            if self._on_disks:
                receiver.write_prefix(prefix.data)
                self._take_from_disks()
            receiver.run(prefix.data, prefix.source, request.config.hold_bytes, self._state.unfinished)
        finally:
            self.found_bytes = found_before + receiver.found_bytes
        request.progress.finish()

    def _check_consent(self, reason: str, missing_bytes: int) -> None:
        if reason and missing_bytes and not self._request.allow_full:
            raise ConsentNeeded(
                f"{reason}: the full release has them, in {missing_bytes:,} bytes more; --allow-full accepts that, "
                "or let 'unrep repair-request' ask ashore for a repair"
            )

    def _take_from_disks(self) -> None:
        """Takes what lies on disks, and asks those for the rest only if there is nobody else [T-93]."""
        damaged_before = set(self.stores.damaged)
        take_pieces(self.plan, self._partial, self._on_disks, self._request.progress, self.stores)
        for path in self.stores.damaged - damaged_before:
            then = "it was asked no more" if self.stores.is_dropped(path) else "they were left out"
            self._request.say(f"{path}: holds pieces that are not the ones that were signed; {then}")
        missing_bytes = sum(slot.length for slot in self.plan.missing())
        # A medium that failed while it was read stays a source: the stick may be put back.
        read = [store for store in self._on_disks if store.path not in self.stores.unreadable]
        others_are_left = self._scheduler.sources.retire({str(store.path) for store in read})
        if not missing_bytes or others_are_left:
            return
        volumes = [store.volume for store in read if isinstance(store, VolumeStore)]
        if volumes:
            root = self.plan.verified.root
            raise Incomplete(what_is_missing(self._request.output, root, missing_bytes, volumes, self.stores.damaged))
        if len(read) == len(self._on_disks) and not self.stores.damaged:
            raise Incomplete(
                f"{', '.join(str(store.path) for store in read)}: has only a part of the bundle, {missing_bytes:,} "
                "bytes are missing; what is there is kept, name another source as well"
            )

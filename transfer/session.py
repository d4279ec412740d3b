"""A fetch, from the first request to the finished file.

The root first, verified by its signatures; then the choice of sections and a look at what is there already; then the
missing pieces over one to four connections, each verified before it is written. Whatever stops it, the same call goes
on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bundle.errors import Refused
from bundle.layout import PREAMBLE_BYTES, read_preamble
from bundle.progress import Progress, Quiet
from bundle.reader import VerifiedRoot, verify_header
from bundle.root import DELTA, Root, Section
from bundle.trust import Trust
from transfer.clock import Clock, SystemClock
from transfer.config import TransferConfig
from transfer.errors import ConsentNeeded, Incomplete, SourceCorrupt
from transfer.filling import Filling
from transfer.link import Link
from transfer.lock import output_lock
from transfer.output import Standing, describe, inspect_output
from transfer.partial import Partial, remove_partial
from transfer.plan import Plan, SiteHoldings, choose_sections
from transfer.reception import Reception
from transfer.suspects import Suspects


@dataclass(frozen=True)
class Figures:
    """What a fetch has come to so far [T-30]; bytes are of the bundle file, `seconds` of this call.

    root, sections   the bundle's, once it is verified, and the sections chosen from it
    bytes_total      length of the bundle
    bytes_needed     of those, header and chosen sections
    bytes_resumed    of those, found verified at the output when the fetch began
    bytes_received   handed over by the link, whether of use or not
    """

    path: Path
    complete: bool
    root: Root | None
    sections: tuple[Section, ...]
    bytes_total: int
    bytes_needed: int
    bytes_resumed: int
    bytes_received: int
    connections: int
    seconds: float


class Fetch:
    """One fetch of one bundle over one link into one file.

    `holdings`: what the site has, if the bundle is for one; without, all sections are fetched. `allow_full`: whether
    the full release may be fetched for a site that holds releases, but none that the bundle has a delta from. `admit`
    is asked before any section is; what it raises ends the fetch.
    """

    def __init__(
        self,
        link: Link,
        trust: Trust,
        output: Path,
        holdings: SiteHoldings | None = None,
        allow_full: bool = False,
        config: TransferConfig | None = None,
        clock: Clock | None = None,
        progress: Progress | None = None,
        say: Callable[[str], None] = lambda message: None,
        jitter: Random | None = None,
        admit: Callable[[VerifiedRoot], None] = lambda verified: None,
    ) -> None:
        self._link = link
        self._trust = trust
        self._output = output
        self._holdings = holdings
        self._allow_full = allow_full
        self._config = config or TransferConfig()
        self._clock = clock or SystemClock()
        self._progress = progress or Quiet()
        self._say = say
        self._admit = admit
        self._reception = Reception(link, self._config, self._clock, say, jitter or Random())  # noqa: S311 - spreads retries, hides nothing
        self._suspects = Suspects(link.name, self._config.max_bad_copies)
        self._began = self._clock.now()
        self._header = b""
        self._head = b""  # the first bytes of the file, as far as they are still to be used
        self._verified: VerifiedRoot | None = None
        self._sections: tuple[Section, ...] = ()
        self._plan: Plan | None = None
        self._resumed_bytes = 0
        self._complete = False

    def run(self) -> Figures:
        """Fetches what is missing; returns when the output is complete, verified, durable and has its name.

        Raises TransferError, Refused for a bundle that must not be used, NoSection if it has nothing for the site.
        """
        with output_lock(self._output):
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
        self._sections = choose_sections(verified.root, self._holdings, self._allow_full)
        if self._sections:
            self._admit(verified)
        with self._open_partial(standing, verified) as partial:
            try:
                plan = self._plan_for(partial, standing, verified)
                self._fill(partial, plan)
                self._mend(partial, plan, verified.root)
            except SourceCorrupt:
                self._check_unchanged(verified)
                raise
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
            bytes_received=self._reception.received_bytes,
            connections=self._link.connections,
            seconds=self._clock.now() - self._began,
        )

    def _receive_root(self, known_bytes: int) -> VerifiedRoot:
        """The verified root of the bundle at the source [T-1]; `known_bytes`: the header's length, if there is one.

        A damaged copy is asked for again; the same damage twice is the source's [T-3]. Raises Refused.
        """
        copies: set[bytes] = set()
        while True:
            head = self._receive_head(known_bytes or self._config.first_request_bytes)
            try:
                self._verified = verify_header(head, self._trust)
            except Refused as error:
                if head in copies or len(copies) + 1 >= self._config.max_bad_copies:
                    raise type(error)(f"{self._link.name}: {error}") from error
                copies.add(head)
            else:
                self._head = head
                self._header = head[: self._verified.header_bytes]
                self._reception.bundle_bytes = self._verified.total_bytes
                return self._verified

    def _receive_head(self, first_bytes: int) -> bytes:
        """The header and what came with it: at least `first_bytes`, if the file has them [T-2]."""
        head = self._reception.receive_range(0, first_bytes)
        try:
            wanted = read_preamble(head[:PREAMBLE_BYTES]).header_bytes
        except Refused:
            return head  # for `verify_header` to refuse
        return head + self._reception.receive_range(len(head), wanted)

    def _open_partial(self, standing: Standing, verified: VerifiedRoot) -> Partial:
        if not standing.continues(verified) and standing.verified:
            here, there = describe(standing.verified.root), describe(verified.root)
            self._say(f"{standing.path}: was a part of {here}; starting anew with {there}, which replaces it")
            remove_partial(standing.path)
        return Partial(standing.path, self._header, verified.total_bytes, self._clock, self._config.sync_share)

    def _plan_for(self, partial: Partial, standing: Standing, verified: VerifiedRoot) -> Plan:
        if not partial.is_new:
            self._resumed_bytes = len(standing.header)
        self._plan = Plan.of(verified, self._sections, fresh=partial.is_new)
        return self._plan

    def _mend(self, partial: Partial, plan: Plan, root: Root) -> None:
        """Fetches what a delta cannot make at this site, from the full section [T-41]."""
        full = root.full_section()
        if full and self._holdings and [section.kind for section in self._sections] == [DELTA]:
            for wish in self._holdings.mend(partial.path, self._sections[0]):
                plan.add(full, wish.stretches)
                self._fill(partial, plan, wish.why)

    def _fill(self, partial: Partial, plan: Plan, why: str = "") -> None:
        """`why`: what has to be agreed to before anything is fetched; nothing if empty. Raises ConsentNeeded."""
        self._progress.start("fetching", plan.wanted_bytes, "B")
        already_bytes = self._resumed_bytes
        filling = Filling(partial, plan, self._reception, self._suspects, self._progress)
        try:
            filling.examine()
            missing_bytes = plan.wanted_bytes - plan.present_bytes
            if why and missing_bytes and not self._allow_full:
                raise ConsentNeeded(
                    f"{why}: the full release has them, in {missing_bytes:,} bytes more; --allow-full accepts that, "
                    "or let 'unrep need' ask ashore for a repair"
                )
            partial.check_space(missing_bytes)
            filling.run(self._head, self._config.hold_bytes)
        finally:
            self._resumed_bytes = already_bytes + filling.found_bytes
        self._progress.finish()

    def _check_unchanged(self, verified: VerifiedRoot) -> None:
        """Raises Incomplete if the file at the source was exchanged for another one since the fetch began [T-25]."""
        self._reception.close()
        self._reception.bundle_bytes = None
        if self._reception.receive_range(0, verified.header_bytes) != self._header:
            raise Incomplete(
                f"{self._link.name}: the file there was exchanged for another one during the fetch; "
                "run the same command again to see what it is now"
            )

"""A fetch over a path: its bundles one after the other, and another path where one proves to be of no use.

The last bundle becomes F, once those before it stand complete in F.steps/ [T-149]. Whatever stops it, the same call
goes on: what stands complete is not asked for again.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bundle.errors import BundleError, NoSection, Refused
from bundle.host import presence
from bundle.host.files import make_directory
from bundle.host.progress import Progress, Quiet
from bundle.read.reader import VerifiedRoot, open_bundle, stored_bytes
from bundle.recipients.sidecars import steps_beside
from bundle.trust.trust import Trust
from transfer.channels.bundle_path import BundlePath, PathStep, find_path
from transfer.channels.channel import ChannelBundle, ChannelRelease
from transfer.channels.medium import BUNDLE_SUFFIX
from transfer.channels.offers import Offer
from transfer.channels.survey import Survey
from transfer.config import TransferConfig
from transfer.disk.output import describe
from transfer.disk.storage import PUBLISHED
from transfer.errors import ConsentNeeded, SourceCorrupt, SourceRefused
from transfer.fetch.fetch import Fetch
from transfer.fetch.figures import Figures, combined
from transfer.fetch.request import FetchRequest
from transfer.hours import Always, Hours
from transfer.links.access import NOTHING, Access
from transfer.links.budget import Budget
from transfer.links.opening import open_sources
from transfer.plan import SiteHoldings, choose_sections

TOLERATED_BYTES = 4096  # more than was said: a mirror may have signatures of another length

Prepare = Callable[[VerifiedRoot], None]
Failure = SourceRefused | SourceCorrupt | Refused | NoSection


@dataclass(frozen=True, kw_only=True)
class PathRequest:
    """What is wanted, for whom, and within which limits; what is not said here is as in `FetchRequest`.

    output     gives for the last bundle where it goes
    check      called with each path before a byte of it is asked for; what it raises ends the fetch [T-144]
    prepare    gives for an offer and its output what is called with the root before any section is asked for
    retained   files and directories that may hold pieces
    """

    release: ChannelRelease
    trust: Trust
    output: Callable[[ChannelBundle], Path]
    holdings: SiteHoldings | None = None
    allow_full: bool = False
    config: TransferConfig = field(default_factory=TransferConfig)
    access: Access = NOTHING
    hours: Hours = field(default_factory=Always)
    budget: Budget = field(default_factory=Budget)
    progress: Progress = field(default_factory=Quiet)
    say: Callable[[str], None] = lambda message: None
    retained: Sequence[Path] = ()
    check: Callable[[BundlePath], None] = lambda path: None
    prepare: Callable[[Offer, Path], Prepare] = lambda offer, output: lambda verified: None


class PathFetch:
    """One fetch over a path; `run` does it, `figures` tells how far it has come."""

    def __init__(self, request: PathRequest, survey: Survey) -> None:
        self._request = request
        self._survey = survey
        self._done: list[Figures] = []
        self._fetch: Fetch | None = None

    def run(self) -> Figures:
        """Fetches what the cheapest path takes. Returns when F is complete, and all steps before it.

        Raises as `Fetch.run`; NoSection or ConsentNeeded if there is no path, or none that may be taken.
        """
        checked: BundlePath | None = None
        failure: Failure | None = None
        while True:
            path = self._find(failure)
            if checked is None or path.steps != checked.steps:
                self._request.check(path)
                checked = path
            try:
                return self._run(path)
            except _OtherThanSaid as found:
                self._survey = found.correct(self._survey)
                failure = failure or found.failure
                self._request.say(f"{found}; looking for another way")

    def figures(self) -> Figures | None:
        """The figures so far, also after `run` has raised."""
        return combined([*self._done, *([self._fetch.figures()] if self._fetch else [])])

    def _find(self, failure: Failure | None) -> BundlePath:
        """`failure`: why the first bundle that was of no use is none, which says more than that there is no path."""
        request = self._request
        try:
            path = find_path(self._survey.offers, request.holdings, request.release, request.allow_full)
        except (NoSection, ConsentNeeded):
            if failure:
                raise failure from None
            raise
        if not path.steps:
            raise failure or NoSection(f"{request.release.version} runs here, and nothing that is offered brings it")
        return path

    def _run(self, path: BundlePath) -> Figures:
        *before, last = path.steps
        target = self._request.output(last.offer.said)
        for step in before:
            output = place_of(step, target, make=True)
            if not self._stands(step, output):
                self._fetch_step(step, output)
                self._request.budget.begin_next()
        self._fetch_step(last, target)
        figures = combined(self._done)
        assert figures is not None, "a path has steps"  # noqa: S101 - of `_find`
        return figures

    def _stands(self, step: PathStep, output: Path) -> bool:
        """Whether a step is complete there from an earlier run. Its pieces are verified as it is applied."""
        if not presence.is_file(output):
            return False
        try:
            with open_bundle(output, self._request.trust) as bundle:
                (section,) = choose_sections(bundle.root, step.held(self._request.holdings), allow_full=True)
                return bundle.verified.root_hash == step.offer.said.root and not bundle.is_absent(section)
        except (BundleError, ConsentNeeded):
            return False

    def _fetch_step(self, step: PathStep, output: Path) -> None:
        """Fetches one bundle. Raises _OtherThanSaid where it is not what was said."""
        request, offer = self._request, step.offer
        prepare = request.prepare(offer, output)

        def before_sections(verified: VerifiedRoot) -> None:
            self._check_claim(step, verified)
            prepare(verified)

        try:
            with closing(open_sources(offer.places, output, request.config, request.access, request.retained)) as links:
                for error in links.refused.values():
                    request.say(f"{error}; going on without it")
                self._fetch = Fetch(
                    FetchRequest(
                        links=links,
                        trust=request.trust,
                        output=output,
                        holdings=step.held(self._request.holdings),
                        allow_full=request.allow_full or step.base is None,
                        config=request.config,
                        hours=request.hours,
                        budget=request.budget,
                        progress=request.progress,
                        say=request.say,
                        before_sections=before_sections,
                    )
                )
                self._done.append(self._fetch.run())
                self._fetch = None
        except (SourceRefused, SourceCorrupt, Refused, NoSection) as error:
            raise _OtherThanSaid(offer, error) from error

    def _check_claim(self, step: PathStep, verified: VerifiedRoot) -> None:
        """Raises SourceCorrupt for another bundle, _OtherThanSaid for one that costs more than was said [T-145]."""
        said = step.offer.said
        if verified.root_hash != said.root:
            raise SourceCorrupt(
                f"{said.file}: is {describe(verified.root)}, and not the bundle that the channel file names; "
                "have it published again"
            )
        (section, *_) = choose_sections(verified.root, step.held(self._request.holdings), allow_full=True)
        costs = verified.header_bytes + stored_bytes(verified.root, section)
        if not step.is_whole and step.offer.verified is None and costs > step.bytes + TOLERATED_BYTES:
            raise _OtherThanSaid(step.offer, None, verified)


def place_of(step: PathStep, target: Path, make: bool = False) -> Path:
    """Where a step before the last one goes. Raises OutputRefused or DiskFull if the directory cannot be made."""
    directory, said = steps_beside(target), step.offer.said
    if make:
        with PUBLISHED.errors(directory):
            make_directory(directory)
    return directory / f"{said.release.version}-{said.root.hex()[:16]}{BUNDLE_SUFFIX}"


class _OtherThanSaid(Exception):
    """A bundle is of no use, for the reason of `failure`; or its header, which is there now, says something else."""

    def __init__(self, offer: Offer, failure: Failure | None, verified: VerifiedRoot | None = None) -> None:
        super().__init__(str(failure) if failure else f"{offer.said.file}: costs more than the channel file says")
        self.failure = failure
        self._offer = offer
        self._verified = verified

    def correct(self, survey: Survey) -> Survey:
        """What was found, as it is known now."""
        if self._verified is None:
            return survey.without(self._offer)
        known = Offer.with_header(self._verified, self._offer.said.file, self._offer.urls, self._offer.found)
        return survey.with_offer(known)

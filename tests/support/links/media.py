"""A fetch from media, as the command does it: what lies there is surveyed, then the cheapest way is fetched."""

from collections.abc import Sequence
from pathlib import Path

from bundle.trust.trust import Trust
from tests.support.contents.tiny_bundle import TRUST
from transfer.channels.survey import SurveyRequest, survey
from transfer.config import TransferConfig
from transfer.fetch.figures import Figures
from transfer.fetch.path_fetch import PathFetch, PathRequest
from transfer.plan import SiteHoldings


def fetch_from_media(
    out: Path,
    media: Sequence[Path],
    holdings: SiteHoldings | None = None,
    allow_full: bool = False,
    trust: Trust = TRUST,
) -> Figures:
    """The newest release on some media into `out`. Raises as a fetch."""
    found = survey(SurveyRequest([str(medium) for medium in media], trust, out, TransferConfig()))
    found.check()
    request = PathRequest(
        release=found.wanted[0].release,
        trust=trust,
        output=lambda last: out,
        holdings=holdings,
        allow_full=allow_full,
        retained=media,
    )
    return PathFetch(request, found).run()

"""How a run at a site ended: in one sentence for a person, as one JSON object for a program."""

from collections.abc import Callable
from typing import Annotated, TypedDict, cast

from msgspec import Meta

from apply.audit.run import Outcome, Report
from apply.errors import AboardError
from bundle.errors import BundleError
from unrep.terminal.answers import PeakMemory, Seconds
from unrep.terminal.console import tell
from unrep.terminal.memory import peak_rss_bytes

_Moved = TypedDict(
    "_Moved",
    {
        "from": Annotated[str, Meta(description="The version that was current before; empty for none.")],
        "to": Annotated[str, Meta(description="The version that is current now; empty for none.")],
    },
)


class RunDocument(_Moved):
    """A run at a site."""

    outcome: Annotated[Outcome, Meta(description="How the run ended.")]
    reason: Annotated[str, Meta(description="Why it ended so, in one sentence.")]
    code: Annotated[str, Meta(description="The reason in a word; 'none' for none.")]
    steps: Annotated[dict[str, float], Meta(description="Seconds of each step, by its name.")]
    seconds: Seconds


class RunAnswer(RunDocument):
    """A run at a site, with the memory that it took."""

    peak_rss_bytes: PeakMemory


def report_run(perform: Callable[[], Report], as_json: bool) -> None:
    """Makes a run and reports how it ended; the error of one that failed goes on, with its figures."""
    try:
        report = perform()
    except Exception as error:
        if isinstance(error, (AboardError, BundleError)) and error.document:
            error.document |= {"peak_rss_bytes": peak_rss_bytes()}
        raise
    tell(as_json, run_answer(report), f"{report.outcome}: {describe_run(report)}")


def run_answer(report: Report) -> RunAnswer:
    """A run as one JSON object."""
    return cast(RunAnswer, report.document() | {"peak_rss_bytes": peak_rss_bytes()})


def describe_run(report: Report) -> str:
    """A run in one sentence, without its outcome."""
    moved = f"{report.from_version or 'nothing'} -> {report.to_version or 'nothing'}, "
    moved = moved if report.from_version != report.to_version and report.outcome != "would-apply" else ""
    return f"{moved}{report.reason} ({report.seconds:.2f} s)"

"""What a fetch came to: in one sentence for a person, as one JSON object for a program."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypedDict

import click
from msgspec import Meta

from bundle.errors import BundleError
from bundle.names.plain_text import plain
from bundle.read.reader import stored_bytes
from transfer.disk.output import describe
from transfer.errors import TransferError
from transfer.fetch.figures import Figures
from unrep.terminal.answers import Seconds, SectionAnswer


class SourceAnswer(TypedDict):
    """One of the sources that were asked."""

    source: Annotated[str, Meta(description="The source, without a password.")]
    bytes_received: Annotated[int, Meta(description="Bytes that came from it.")]
    lost: Annotated[str | None, Meta(description="Why it was given up; null if it was not.")]
    damaged: Annotated[bool, Meta(description="Whether it gave pieces that are not the ones that were signed.")]


class FetchAnswer(TypedDict):
    """A fetch; its figures count bytes."""

    path: Annotated[str, Meta(description="The output.")]
    complete: Annotated[bool, Meta(description="Whether all that is needed is there.")]
    sections: Annotated[list[SectionAnswer], Meta(description="The sections that were chosen.")]
    bytes_total: Annotated[int, Meta(description="Length of the bundle.")]
    bytes_needed: Annotated[int, Meta(description="Of those: header and chosen sections.")]
    bytes_received: Annotated[int, Meta(description="All that came from the sources, response headers included.")]
    bytes_paid: Annotated[int, Meta(description="Of those, and of channel file and ticket: what came over a network.")]
    bytes_resumed: Annotated[int, Meta(description="Of the needed bytes: those that were there, verified, before.")]
    connections: Annotated[int, Meta(description="Connections that were opened.")]
    seconds: Seconds
    sources: Annotated[list[SourceAnswer], Meta(description="All sources, in the order in which they were named.")]


def fetch_answer(figures: Figures) -> FetchAnswer:
    """The figures of a fetch as one JSON object [T-30]."""
    root = figures.root
    return {
        "path": str(figures.path),
        "complete": figures.complete,
        "sections": [
            {"kind": section.kind, "base": section.base.hex(), "bytes": stored_bytes(root, section)}
            for section in figures.sections
            if root
        ],
        "bytes_total": figures.bytes_total,
        "bytes_needed": figures.bytes_needed,
        "bytes_received": figures.bytes_received,
        "bytes_paid": figures.bytes_paid,
        "bytes_resumed": figures.bytes_resumed,
        "connections": figures.connections,
        "seconds": round(figures.seconds, 3),
        "sources": [
            {
                "source": source.name,
                "bytes_received": source.bytes_received,
                "lost": plain(source.lost) or None,
                "damaged": source.damaged,
            }
            for source in figures.sources
        ],
    }


def known_figures(figures: Figures | None) -> Mapping[str, Any]:
    """The same of figures that there may not be yet."""
    return fetch_answer(figures) if figures else {}


def describe_fetch(figures: Figures) -> str:
    """A fetch that is complete, in one sentence."""
    what = f"{figures.path}: {describe(figures.root)}, complete" if figures.root else f"{figures.path}: complete"
    if figures.root and not figures.sections:
        return f"{what}: the site has this release already, only its header was fetched"
    if figures.bytes_resumed == figures.bytes_needed:
        return f"{what}: all of it was there already"
    return (
        f"{what}: {figures.bytes_received:,} bytes received for {figures.bytes_needed:,} needed of "
        f"{figures.bytes_total:,}, {figures.bytes_resumed:,} were there already, in {figures.seconds:.1f} s"
    )


@contextmanager
def figures_in_errors(figures: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """What ends the block early gets the `document` of the figures so far, for `--json`: an error, or Ctrl-C."""
    try:
        yield
    except (TransferError, BundleError) as error:
        error.document = dict(figures())
        raise
    except KeyboardInterrupt as error:
        stopped = click.Abort()  # as click would make of it, but with the figures
        vars(stopped)["document"] = dict(figures())
        raise stopped from error

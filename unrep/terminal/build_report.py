"""What a build made: in lines for a person, as one JSON object for a program."""

from collections.abc import Sequence
from typing import Annotated, TypedDict

from msgspec import Meta

from bundle.archives.engines import present_features
from bundle.write.builder import MOST_TOLD, BuildReport
from unrep.terminal.answers import PeakMemory, Product, Seconds, Seq, TreeHash, Version
from unrep.terminal.console import tell
from unrep.terminal.memory import peak_rss_bytes

SHOWN = 10  # archives and members that were not opened


class BuildTarget(TypedDict):
    """The release that the bundle leads to."""

    product: Product
    version: Version
    seq: Seq
    tree: TreeHash


class BuildBase(TypedDict):
    """A release that the bundle has a delta from."""

    tree: TreeHash
    bytes_needed: Annotated[int, Meta(description="What a ship with this base receives, in bytes.")]


class NotOpened(TypedDict):
    """An archive, or a member of one, that the bundle has as it is."""

    path: Annotated[str, Meta(description="Path of the archive; a member stands behind '!'.")]
    why: Annotated[str, Meta(description="Why it was not opened.")]


class BuildAnswer(TypedDict):
    """A bundle that was built."""

    bundle: Annotated[str, Meta(description="Path of the bundle.")]
    bytes: Annotated[int, Meta(description="Size of the bundle.")]
    target: Annotated[BuildTarget, Meta(description="The release that the bundle leads to.")]
    bases: Annotated[list[BuildBase], Meta(description="The releases that it has a delta from.")]
    full: Annotated[bool, Meta(description="Whether it holds the full release.")]
    recipes: Annotated[dict[str, int], Meta(description="How many objects are made by each kind of recipe.")]
    not_opened: Annotated[list[NotOpened], Meta(description="Archives and members not opened, the first thousand.")]
    not_opened_count: Annotated[int, Meta(description="How many they are in all.")]
    encrypted: Annotated[bool, Meta(description="Whether only its recipients can read it.")]
    tickets: Annotated[list[str], Meta(description="Paths of the tickets that were written.")]
    seconds: Seconds
    peak_rss_bytes: PeakMemory


def report_build(report: BuildReport, seconds: float, as_json: bool) -> None:
    """Tells what was built."""
    tell(as_json, _document(report, seconds), *_lines(report, seconds))


def not_opened_lines(found: Sequence[tuple[str, str]], count: int) -> list[str]:
    """One line for each of the first archives and members that were not opened."""
    lines = [f"  not opened: {path}: {why}" for path, why in found[:SHOWN]]
    return [*lines, f"  not opened: {count - SHOWN:,} more"] if count > SHOWN else lines


def _document(report: BuildReport, seconds: float) -> BuildAnswer:
    root = report.root
    return {
        "bundle": str(report.path),
        "bytes": report.total_bytes,
        "target": {"product": root.product, "version": root.version, "seq": root.seq, "tree": root.tree.hex()},
        "bases": [{"tree": tree.hex(), "bytes_needed": needed} for tree, needed in report.bases],
        "full": root.full_section(present_features()) is not None,
        "recipes": report.recipes,
        "not_opened": [{"path": one.path, "why": one.why} for one in report.closed[:MOST_TOLD]],
        "not_opened_count": len(report.closed),
        "encrypted": root.is_encrypted,
        "tickets": [str(path) for path in report.tickets],
        "seconds": round(seconds, 3),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _lines(report: BuildReport, seconds: float) -> list[str]:
    root = report.root
    lines = [
        f"{report.path}: {root.product} {root.version} (seq {root.seq}), {report.total_bytes:,} bytes "
        f"for a release of {root.size:,} bytes in {root.entries:,} files, built and verified in {seconds:.1f} s"
    ]
    if report.tickets:
        lines.append(f"  encrypted to {len(report.tickets)} ships, tickets in {report.tickets[0].parent}")
    lines += not_opened_lines([(one.path, one.why) for one in report.closed], len(report.closed))
    return lines + [f"  from base {tree.hex()[:12]}: {needed:,} bytes" for tree, needed in report.bases]

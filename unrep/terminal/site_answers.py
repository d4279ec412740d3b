"""A hold and a release of a site as JSON, for the commands that show them."""

from typing import Annotated, TypedDict

from msgspec import Meta

from apply.hold import Hold
from apply.record.release import Release
from unrep.terminal.answers import Epoch, Seq, TreeHash, Version


class HoldAnswer(TypedDict):
    """A hold."""

    since: Annotated[str, Meta(description="Since when, in ISO 8601.")]
    by: Annotated[str, Meta(description="The account that set it; empty if not known.")]
    reason: Annotated[str, Meta(description="Why; empty if not known.")]


class ReleaseAnswer(TypedDict):
    """A release at the site."""

    version: Version
    seq: Seq
    epoch: Epoch
    tree: TreeHash
    bundle: Annotated[str, Meta(description="SHA-256 of the root of its bundle, in hex; empty if not known.")]


def hold_answer(hold: Hold | None) -> HoldAnswer | None:
    """The hold; None for none."""
    return {"since": hold.since, "by": hold.by, "reason": hold.reason} if hold else None


def release_answer(release: Release) -> ReleaseAnswer:
    """What names a release."""
    return {
        "version": release.version,
        "seq": release.seq,
        "epoch": release.epoch,
        "tree": release.tree,
        "bundle": release.bundle,
    }

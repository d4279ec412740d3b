"""`unrep resign`: other signatures for a bundle, without building it again."""

from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.write.resign import resign
from unrep.terminal.answers import TreeHash, Version, json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.building import TrustOptions, trust_options
from unrep.terminal.options.signing import SignerOptions, signer_options


class ResignAnswer(TypedDict):
    """A bundle with new signatures."""

    bundle: Annotated[str, Meta(description="Path of the bundle.")]
    bytes: Annotated[int, Meta(description="Its size.")]
    version: Version
    tree: TreeHash


@click.command(
    "resign",
    cls=Command,
    examples=[
        (
            "unrep resign vms-2.unrep --key new.key --trust trust.unrep",
            "Sign a bundle with another key, and add the trust roots that lead to that:",
        )
    ],
)
@click.argument("bundle", metavar="BUNDLE", type=click.Path(path_type=Path))
@signer_options
@trust_options
@click.option("--out", metavar="F", type=click.Path(path_type=Path), help="The new file. Default: BUNDLE itself.")
@json_option(ResignAnswer)
def resign_command(
    bundle: Path,
    signer: SignerOptions,
    carried: TrustOptions,
    out: Path | None,
    as_json: bool,
) -> None:
    """Replace the signatures of BUNDLE, and have it carry the chain of trust file T.

    Its release and sections stay as they are, and are verified. Sign only what you know: compare the tree hash.
    """
    target = out or bundle
    root = resign(bundle, target, [signer.open()], carried.load(), carried.trust_from)
    size, tree = target.stat().st_size, root.tree.hex()
    signed: ResignAnswer = {"bundle": str(target), "bytes": size, "version": root.version, "tree": tree}
    said = f"{target}: {root.product} {root.version} (seq {root.seq}), {size:,} bytes, signed anew"
    tell(as_json, signed, said, f"tree hash {tree}")

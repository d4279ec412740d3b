"""`unrep heartbeat`: ashore, a signed announcement of the newest release."""

import secrets
from pathlib import Path
from typing import Annotated, TypedDict

import click
from msgspec import Meta

from bundle.errors import InputError, Malformed
from bundle.host.files import write_anew
from bundle.host.output import OUTPUT
from bundle.trust.heartbeat import HEARTBEAT_FORMAT, NONCE_BYTES, Heartbeat, sign_heartbeat
from bundle.trust.trust import load_trust
from bundle.write.header import trust_to_prove_under
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import tell
from unrep.terminal.options.nonce import nonce_option
from unrep.terminal.options.signing import SignerOptions, signer_options
from unrep.terminal.trust_files import now_s


class HeartbeatAnswer(TypedDict):
    """A heartbeat that was signed."""

    heartbeat: Annotated[str, Meta(description="Path of the heartbeat.")]
    bytes: Annotated[int, Meta(description="Its size.")]
    time: Annotated[int, Meta(description="When it was signed, in seconds since 1970.")]
    nonce: Annotated[str, Meta(description="The nonce in it, in hex.")]


@click.command(
    "heartbeat",
    cls=Command,
    examples=[
        (
            "unrep heartbeat --product vms --seq 7 --key shore.key --out vms.heartbeat",
            "Say that seq 7 is the newest release of vms:",
        )
    ],
)
@click.option("--product", metavar="P", required=True, help="What the release is of.")
@click.option("--seq", metavar="N", required=True, type=click.IntRange(1), help="The newest release's.")
@click.option("--epoch", metavar="E", default=0, type=click.IntRange(0), help="The newest release's. Default 0.")
@click.option("--trust", metavar="T", type=click.Path(path_type=Path), help="The newest trust file, if there is one.")
@nonce_option("What a ship asked for. Default: at random.")
@signer_options
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="The file, 300 bytes at most.")
@json_option(HeartbeatAnswer)
def heartbeat_command(
    product: str,
    seq: int,
    epoch: int,
    trust: Path | None,
    nonce: bytes | None,
    signer: SignerOptions,
    out: Path,
    as_json: bool,
) -> None:
    """Sign an announcement of the newest release; aboard, 'unrep hear' takes it in.

    A ship that has it knows whether a release was withheld from it."""
    by = signer.open()
    followed = load_trust(trust) if trust else None
    trust_to_prove_under(followed, [by])
    listed = followed.revocations.listed.version if followed and followed.revocations else 0
    version = followed.root.version if followed else 0
    beat = Heartbeat(
        HEARTBEAT_FORMAT, product, epoch, seq, version, listed, now_s(), nonce or secrets.token_bytes(NONCE_BYTES)
    )
    try:
        data = sign_heartbeat(beat, by)
    except Malformed as error:
        raise InputError(str(error)) from error
    with OUTPUT.errors(out):
        write_anew(out, data)
    signed: HeartbeatAnswer = {
        "heartbeat": str(out),
        "bytes": len(data),
        "time": beat.time,
        "nonce": beat.nonce.hex(),
    }
    tell(as_json, signed, f"{out}: {product}, newest seq {seq}, {len(data)} bytes, nonce {beat.nonce.hex()}")

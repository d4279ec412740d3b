"""`unrep heartbeat`: ashore, a signed word on what is newest."""

import secrets
from pathlib import Path

import click

from bundle.errors import InputError, Malformed
from bundle.host.files import write_anew
from bundle.trust.heartbeat import HEARTBEAT_FORMAT, NONCE_BYTES, Heartbeat, sign_heartbeat
from bundle.trust.trust import load_trust
from bundle.write.header import trust_to_sign_under
from unrep.terminal.console import answer, say
from unrep.terminal.signer import signer, signer_options
from unrep.terminal.trust_files import now_s


def parse_nonce(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """8 bytes in hex. Raises BadParameter."""
    try:
        nonce = bytes.fromhex(value) if value is not None else None
    except ValueError:
        nonce = b""
    if nonce is not None and len(nonce) != NONCE_BYTES:
        raise click.BadParameter(f"{value!r} is not {NONCE_BYTES * 2} hexadecimal digits", ctx, param)
    return nonce


@click.command("heartbeat")
@click.option("--product", metavar="P", required=True, help="What the release is of.")
@click.option("--seq", metavar="N", required=True, type=click.IntRange(1), help="The newest release's.")
@click.option("--epoch", metavar="E", default=0, type=click.IntRange(0), help="The newest release's. Default 0.")
@click.option("--trust", metavar="T", type=click.Path(path_type=Path), help="The newest trust file, if there is one.")
@click.option("--nonce", metavar="HEX", callback=parse_nonce, help="What a ship asked for. Default: at random.")
@signer_options
@click.option("--out", metavar="F", required=True, type=click.Path(path_type=Path), help="The file, 300 bytes at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def heartbeat_command(
    product: str,
    seq: int,
    epoch: int,
    trust: Path | None,
    nonce: bytes | None,
    key: Path | None,
    passphrase_file: Path | None,
    sign_with: str | None,
    public: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Sign what is newest, for ships to see what they have not got: 'unrep hear' takes it in."""
    by = signer(key, passphrase_file, sign_with, public)
    followed = load_trust(trust) if trust else None
    trust_to_sign_under(followed, [by])
    listed = followed.revocations.listed.version if followed and followed.revocations else 0
    version = followed.root.version if followed else 0
    beat = Heartbeat(
        HEARTBEAT_FORMAT, product, epoch, seq, version, listed, now_s(), nonce or secrets.token_bytes(NONCE_BYTES)
    )
    try:
        data = sign_heartbeat(beat, by)
        write_anew(out, data)
    except Malformed as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    say(f"{out}: {product}, newest seq {seq}, {len(data)} bytes, nonce {beat.nonce.hex()}")
    if as_json:
        answer({"heartbeat": str(out), "bytes": len(data), "time": beat.time, "nonce": beat.nonce.hex()})

"""Where signatures come from: a key file, plain or encrypted, or a command that keeps the key to itself."""

import os
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bundle.errors import InputError
from bundle.trust.signing import PassphraseNeeded, Signer, load_private_key, load_public_key, read_file
from unrep.errors import UsageRefused
from unrep.terminal.console import ask_passphrase, say
from unrep.terminal.options.grouping import gathered
from unrep.terminal.workers import SAFE_PATH

TIMEOUT_S = 300.0  # a token may wait for a finger


class CommandSigner:
    """Signs by a command: the bytes on its standard input, the 64 bytes of the signature on its standard output.

    What comes back is verified with the public key before it is used.
    """

    def __init__(self, command: str, public: Path) -> None:
        self._command = command
        self._public = Ed25519PublicKey.from_public_bytes(load_public_key(public).raw)

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def sign(self, data: bytes, /) -> bytes:
        """Raises InputError if the command fails, or gives anything but a signature by that key."""
        argv = _argv(self._command)
        try:
            asked = subprocess.run(  # as a person would run it: what holds for our workers does not for the command
                argv,
                input=data,
                stdout=subprocess.PIPE,
                timeout=TIMEOUT_S,
                check=True,
                env={name: value for name, value in os.environ.items() if (name, value) != SAFE_PATH},
            )
            made = asked.stdout
            self._public.verify(made, data)
        except OSError as error:
            raise InputError(f"--sign-with: {self._command}: cannot be run: {error.strerror}") from error
        except subprocess.SubprocessError as error:
            raise InputError(f"--sign-with: {error}") from error
        except InvalidSignature as error:
            raise InputError(
                f"--sign-with: {self._command}: gave {len(made)} bytes that are no signature by the key of --public"
            ) from error
        return made


def _argv(command: str) -> str | list[str]:
    """What to run: words as a shell reads them, on Windows the line as it is. Raises InputError."""
    try:
        words = command if os.name == "nt" else shlex.split(command)
    except ValueError as error:
        raise InputError(f"--sign-with: {command}: is no command: {str(error).lower()}") from error
    if not words:
        raise InputError("--sign-with: is empty; name the command that signs")
    return words


@dataclass(frozen=True)
class SignerOptions:
    """Who was named to sign."""

    key: Path | None
    passphrase_file: Path | None
    sign_with: str | None
    public: Path | None

    def open(self) -> Signer:
        """Who signs. Raises UsageRefused or InputError."""
        if (self.key is None) == (self.sign_with is None) or (self.sign_with is None) != (self.public is None):
            raise UsageRefused("name who signs: either --key K, or --sign-with CMD together with --public P")
        if self.sign_with is not None and self.public is not None:
            return CommandSigner(self.sign_with, self.public)
        return private_key(self.key or Path(), self.passphrase_file)


signer_options = gathered(
    "signer",
    SignerOptions,
    click.option(
        "--key", metavar="K", type=click.Path(path_type=Path), help="Private key that signs, from 'unrep keygen'."
    ),
    click.option(
        "--passphrase-file",
        metavar="F",
        type=click.Path(path_type=Path),
        help="Holds the passphrase of an encrypted key. Default: ask.",
    ),
    click.option(
        "--sign-with",
        metavar="CMD",
        help="A command that signs in place of --key: bytes on its standard input, 64 bytes of signature out.",
    ),
    click.option("--public", metavar="P", type=click.Path(path_type=Path), help="Public key of --sign-with."),
)


def private_key(path: Path, passphrase_file: Path | None) -> Signer:
    """The key of a file; the passphrase of one that is encrypted is read from its file, or asked for at a terminal."""
    say_if_open(path)
    if passphrase_file:
        return load_private_key(path, read_passphrase(passphrase_file))
    try:
        return load_private_key(path)
    except PassphraseNeeded as error:
        if not sys.stdin.isatty():
            raise InputError(f"{path}: is encrypted; name a file with its passphrase, --passphrase-file") from error
        return load_private_key(path, ask_passphrase(f"Passphrase of {path}"))


@cache
def say_if_open(path: Path) -> None:
    """Says it once of a secret that other accounts may read. It is used all the same: CI makes them like that."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # whoever reads it tells
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        say(f"caution: {path}: mode {mode:04o}, other accounts may use this secret; make it yours: chmod 600 {path}")


def read_passphrase(path: Path) -> bytes:
    """The first line of a file. Raises InputError if there is none, or nothing in it."""
    say_if_open(path)
    passphrase = read_file(path).split(b"\n", 1)[0].rstrip(b"\r")
    if not passphrase:
        raise InputError(f"{path}: its first line is empty, a passphrase should stand there")
    return passphrase

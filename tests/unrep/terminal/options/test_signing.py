"""Who signs, as the options say."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.errors import InputError
from bundle.trust.signing import write_key_pair
from unrep.errors import UsageRefused
from unrep.terminal.options.signing import CommandSigner, SignerOptions, read_passphrase


@pytest.mark.parametrize(
    "options",
    [
        SignerOptions(None, None, None, None),
        SignerOptions(Path("k"), None, "sign", Path("p")),
        SignerOptions(None, None, "sign", None),
        SignerOptions(Path("k"), None, None, Path("p")),
    ],
)
def test_one_signer_is_named(options: SignerOptions) -> None:
    with pytest.raises(UsageRefused, match="name who signs"):
        options.open()


def test_a_key_file(tmp_path: Path) -> None:
    key = write_key_pair(tmp_path / "shore", b"secret")
    (tmp_path / "passphrase").write_bytes(b"secret\r\nmore\n")
    by = SignerOptions(tmp_path / "shore.key", tmp_path / "passphrase", None, None).open()
    assert by.public_key().public_bytes_raw() == key.raw


def line_of(*words: str) -> str:
    """A command line as the shell of this system quotes it."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "is empty"),
        ("'", "cannot be run" if os.name == "nt" else "is no command"),
        ("no-such-signer-anywhere", "cannot be run"),
        (line_of(sys.executable, "-c", "print(1, end='!')"), "gave 2 bytes that are no signature"),
        (line_of(sys.executable, "-c", "raise SystemExit(3)"), "exit status 3"),
    ],
)
def test_a_command_that_does_not_sign(command: str, words: str, tmp_path: Path) -> None:
    write_key_pair(tmp_path / "shore")
    with pytest.raises(InputError, match=words):
        CommandSigner(command, tmp_path / "shore.pub").sign(b"data")


def test_an_empty_passphrase(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_bytes(b"\nsecond line")
    with pytest.raises(InputError, match="its first line is empty"):
        read_passphrase(tmp_path / "passphrase")

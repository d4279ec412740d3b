"""A site that bad bundles are brought to, and proof that it is the same afterwards, to the byte.

What is compared is not asked of the product: every name below the directory that holds the site, with its kind, its
mode, the time of its last change, and the hash of its bytes or the target of its link. Apart stand staging, which must
be empty, and the record of the runs, whose state must be the same.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from apply.current.opening import open_switch
from apply.record.database import read_state
from apply.site.config import SiteConfig
from apply.site.layout import Site
from apply.update import update
from bundle.errors import BundleError
from bundle.trust.trust import load_trust
from tests.support.contents.raw_bundles import CLASSES, DOCUMENT, VECTORS, raw, vector
from tests.support.observers.command import run
from unrep.terminal.exit_codes import exit_code

# What a refused run may write: staging, the lock, the record with its receipts, and the key that signs these.
RUN_FILES = ("staging", "lock", "state.db", "state.db-wal", "state.db-shm", "outbox", "site.key", "site.pub")

BROUGHT = "brought.unrep"


def fingerprint(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a directory but what a refused run may write; links are not followed."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, names, files in os.walk(root):
        place = Path(directory)
        if place.name == ".unrep":
            names[:] = [name for name in names if name not in RUN_FILES]
            files[:] = [name for name in files if name not in RUN_FILES]
        for path in (place / name for name in (*names, *files)):
            found[path.relative_to(root).as_posix()] = _facts(path)
    return found


def _facts(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if path.is_symlink():
        return ("link", str(path.readlink()), status.st_mtime_ns)
    if path.is_dir():
        return ("directory", status.st_mode)
    return (sha256(path.read_bytes()).hexdigest(), status.st_mode, status.st_mtime_ns, status.st_nlink, status.st_ino)


@dataclass(frozen=True)
class Besieged:
    """A site in `directory/site` whose current release, 1.0 with seq 1, is the base of the vectors; `directory/outside`
    holds what no bundle may reach."""

    directory: Path

    @classmethod
    def made(cls, directory: Path) -> "Besieged":
        """The one to be copied."""
        site = cls(directory)
        public = raw.TRUSTED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        site.root.mkdir()
        site.trust.write_bytes(public)
        ship = X25519PrivateKey.from_private_bytes(bytes.fromhex(DOCUMENT["ship"]))
        site.ship_key.write_bytes(ship.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (directory / "outside").mkdir()
        (directory / "outside" / "precious").write_bytes(b"not to be touched")
        first = raw.Bundle([raw.full(raw.BASE)], raw.BASE, root=_first)
        assert site.apply(site.brought(raw.write(first)))[0] == 0
        return site

    def copied(self, directory: Path) -> "Besieged":
        shutil.copytree(self.directory, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("current"))
        copy = Besieged(directory)
        open_switch(copy.root).point_to(copy.root / "versions" / "1.0")
        return copy

    @property
    def root(self) -> Path:
        return self.directory / "site"

    @property
    def trust(self) -> Path:
        return self.directory / "sender.pub"

    @property
    def ship_key(self) -> Path:
        return self.directory / "ship.key"

    def brought(self, bundle: bytes | Path) -> Path:
        """The file of a bundle, given as that or as bytes."""
        if isinstance(bundle, Path):
            return bundle
        path = self.directory / BROUGHT
        path.write_bytes(bundle)
        return path

    def apply(self, bundle: Path, ticket: Path | None = None) -> tuple[int, str, str]:
        """`unrep apply`: exit code, standard output, standard error."""
        sealed = ("--ship-key", self.ship_key, "--ticket", ticket) if ticket else ()
        return run("apply", bundle, "--site", self.root, "--trust", self.trust, *sealed)

    def ticket(self, name: str) -> Path | None:
        """The ticket that goes with a vector, in a file; None if none does."""
        if "ticket" not in VECTORS[name]:
            return None
        path = self.directory.parent / f"{self.directory.name}.ticket"
        path.write_bytes(bytes.fromhex(VECTORS[name]["ticket"]))
        return path

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Fails the test unless the site is the same after what is done in it."""
        before, state = self._seen(), read_state(Site.at(self.root))
        yield
        assert self._seen() == before
        assert read_state(Site.at(self.root)) == state
        staging = self.root / ".unrep" / "staging"
        assert staging.is_symlink() or not list(staging.iterdir())

    def _seen(self) -> dict[str, tuple[object, ...]]:
        seen = fingerprint(self.directory)
        seen.pop(BROUGHT, None)
        return seen

    def refuses(
        self,
        bundle: bytes | Path,
        kind: type[BaseException],
        words: str = "",
        code: int = 3,
        ticket: Path | None = None,
    ) -> None:
        """The command refuses it with an error of just that class and that exit code, in one sentence that has the
        words in it, and the site is the same."""
        path = self.brought(bundle)
        with self.unchanged(), mock.patch("unrep.cli.exit_code", wraps=exit_code) as asked:
            ended, out, err = self.apply(path, ticket)
        assert asked.called, f"{path.name}: it was applied"
        error = asked.call_args.args[0]
        if sys.platform == "win32" and "--platform posix" in err:
            return  # it is not for this system, whatever else is wrong with it
        assert (type(error), ended, out) == (kind, code, ""), f"{path.name}: {err}"
        assert words in err and err.startswith("unrep: ") and err.count("\n") == 1, err

    def refuses_vectors(self, *names: str) -> None:
        """The same of vectors, each for what is said of it."""
        for name in names:
            self.refuses(vector(name), CLASSES[VECTORS[name]["expect"]], ticket=self.ticket(name))

    def refuses_quickly(self, bundle: bytes) -> None:
        """The same of one of thousands, by the function behind the command; the caller watches the site."""
        path = self.brought(bundle)
        try:
            update(path, self.root, load_trust(self.trust), SiteConfig())
        except BundleError as error:
            assert exit_code(error) == 3 and "\n" not in str(error), error
        else:
            raise AssertionError(f"applied: {bundle.hex()}")


def _first(pairs: list[tuple[str, object]]) -> list[tuple[str, object]]:
    other = {"version": "1.0", "seq": 1}
    return [(key, other.get(key, value)) for key, value in pairs]

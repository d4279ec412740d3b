"""What stands at the output before a fetch: nothing, the bundle itself, a part of it, or something else.

`F` is only ever a complete bundle of what was requested. Until then `F.part` grows beside it. A finished `F` may lack
something, because it was fetched for another site or was damaged since. It is filled in place [T-10].
"""

from dataclasses import dataclass
from pathlib import Path

from bundle.errors import Corrupt, Refused
from bundle.format.layout import MAGIC, PREAMBLE_BYTES, read_preamble
from bundle.format.root import Root
from bundle.host import presence
from bundle.host.clock import Clock
from bundle.host.files import open_plain
from bundle.read.reader import VerifiedRoot, verify_header
from bundle.trust.trust import Trust
from transfer.disk.partial import Partial, partial_path, remove_partial
from transfer.errors import OutputRefused


@dataclass(frozen=True)
class OutputState:
    """`path` is the file to fill. `header` and `verified` are of the bundle there, if it is one that is trusted."""

    output: Path
    path: Path
    header: bytes = b""
    verified: VerifiedRoot | None = None

    @property
    def is_finished(self) -> bool:
        """Whether `path` bears its final name already."""
        return self.path == self.output

    def continues(self, offered: VerifiedRoot) -> bool:
        """Whether what stands here may hold pieces of the bundle that is offered: the same root, whoever signed it."""
        return self.verified is None or self.verified.root_hash == offered.root_hash

    def header_of(self, header: bytes, offered: VerifiedRoot) -> tuple[bytes, VerifiedRoot]:
        """What the output begins with from now on, for a bundle that is offered with that header [T-133].

        What stands there stays if it is of that bundle, and so does the place of every piece behind it.
        """
        if self.verified and self.continues(offered):
            return self.header, self.verified
        return header, offered

    def check(self, offered: VerifiedRoot) -> None:
        """Raises OutputRefused rather than lose a bundle, or bytes that were paid for and may yet be of use [T-11].

        Only a part of a release that the offered one replaces is given up. That one has the same product and a higher
        epoch, or in the same epoch a higher seq.
        """
        if self.continues(offered) or self.verified is None:
            return
        here, there = describe(self.verified.root), describe(offered.root)
        if self.is_finished:
            raise OutputRefused(f"{self.path}: is another bundle, {here}, not {there}; name another --out or remove it")
        if not _replaces(offered, self.verified):
            raise OutputRefused(
                f"{self.path}: holds a part of another bundle, {here}, not of {there}; "
                "finish that one from its own source, or remove the file"
            )

    def open_partial(self, header: bytes, offered: VerifiedRoot, clock: Clock, sync_share: float) -> Partial:
        """Opens `path` to be filled from `header` on. A part of another bundle is removed first.

        `check` comes before this. Raises DiskFull or OutputRefused.
        """
        if not self.continues(offered):
            remove_partial(self.path)
        return Partial(self.path, header, offered.total_bytes, clock, sync_share)


def inspect_output(output: Path, trust: Trust) -> OutputState:
    """Looks at an output and at the partial file beside it, changing nothing.

    Raises OutputRefused if either is something that a fetch must not write over.
    """
    partial = partial_path(output)
    try:
        if presence.exists(output):
            header = _read_header(output)
            return OutputState(output, output, header, verify_header(header, trust))
        if not presence.exists(partial):
            return OutputState(output, partial)
        return _inspect_partial(output, partial, trust)
    except Refused as error:
        raise OutputRefused(f"{output}: exists, but {error}; name another --out or remove it") from error
    except OSError as error:
        raise OutputRefused(f"{error.filename or output}: cannot be read: {error.strerror}") from error


def describe(root: Root) -> str:
    """A release in words for messages."""
    return f"{root.product} {root.version} (seq {root.seq})"


def _inspect_partial(output: Path, partial: Path, trust: Trust) -> OutputState:
    try:
        header = _read_header(partial)
        return OutputState(output, partial, header, verify_header(header, trust))
    except Refused as error:
        with open_plain(partial) as file:
            start = file.read(len(MAGIC))
        if start.strip(b"\0") and start != MAGIC:
            raise OutputRefused(f"{partial}: is no partial bundle of unrep; name another --out or move it") from error
        return OutputState(output, partial)  # torn by a power cut: its pieces may be there all the same


def _read_header(path: Path) -> bytes:
    if not presence.is_file(path):
        raise OutputRefused(f"{path}: is not a file; name another --out")
    with open_plain(path) as file:
        start = file.read(PREAMBLE_BYTES)
        if len(start) < PREAMBLE_BYTES:
            raise Corrupt("it is too short for a bundle")
        return start + file.read(read_preamble(start).header_bytes - PREAMBLE_BYTES)


def _replaces(offered: VerifiedRoot, old: VerifiedRoot) -> bool:
    newer = (offered.root.epoch, offered.root.seq) > (old.root.epoch, old.root.seq)
    return offered.root.product == old.root.product and newer

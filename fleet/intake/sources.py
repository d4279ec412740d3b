"""Where receipts are found: files, folders of folders, zips, mailboxes, messages [L-11], [L-12].

In a folder only files whose name or beginning says what they are are looked into. Links are not followed. Nothing is
unpacked beyond what a receipt can have, so whoever sends one can waste neither memory nor disk. What cannot be read is
named in `troubles`, and the rest is taken.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from bundle.host import presence
from bundle.host.files import ForeignFile, open_plain
from bundle.receipts.receipt import MAX_RECEIPT_BYTES
from fleet.errors import SourceUnreadable
from fleet.intake import mail
from fleet.intake.taking import Found

SUFFIX: Final = ".receipt"
_MESSAGE: Final = ".eml"
_ZIPS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_BAD_ZIP: Final = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)
_READ: Final = MAX_RECEIPT_BYTES + 1


@dataclass
class Sources:
    """What is found in the paths that were named. `troubles`: a sentence for each place that could not be read."""

    paths: Iterable[Path]
    troubles: list[str] = field(default_factory=list)

    def find(self) -> Iterator[Found]:
        """What may be receipts, in the order of the paths and of the names within.

        Raises SourceUnreadable for a path that was named and is not there.
        """
        for path in self.paths:
            try:
                is_folder = presence.is_directory(path)
                if not is_folder and not presence.exists(path):
                    raise SourceUnreadable(f"{path}: is not there; name a folder, a zip, a mailbox or a receipt")
            except OSError as error:
                raise SourceUnreadable(f"{path}: cannot be read: {error.strerror}") from error
            yield from self._folder(path) if is_folder else self._file(path, is_named=True)

    def _folder(self, folder: Path, *, is_mail: bool = False) -> Iterator[Found]:
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            self.troubles.append(f"{folder}: cannot be read: {error.strerror}")
            return
        is_maildir = mail.is_maildir(folder, {path.name for path in inside})
        for path in inside:
            try:
                if path.is_symlink() or (is_maildir and path.name == "tmp"):
                    continue
                is_folder = presence.is_directory(path)
            except OSError as error:
                self.troubles.append(f"{path}: cannot be read: {error.strerror}")
                continue
            if is_folder:
                yield from self._folder(path, is_mail=is_maildir and path.name in ("cur", "new"))
            else:
                yield from self._file(path, is_message=is_mail)

    def _file(self, path: Path, *, is_named: bool = False, is_message: bool = False) -> Iterator[Found]:
        try:
            with open_plain(path, buffered=True) as file:
                beginning = file.read(_READ)
                file.seek(0)
                if beginning.startswith(_ZIPS):
                    yield from self._zip(str(path), file)
                elif is_message or path.suffix == _MESSAGE:
                    yield from self._message(str(path), file.read(mail.MAX_MESSAGE_BYTES + 1))
                elif mail.is_mailbox(beginning):
                    yield from self._mailbox(str(path), file)
                elif is_named or path.suffix == SUFFIX:
                    yield Found(str(path), beginning)
        except ForeignFile as error:
            self.troubles.append(f"{path}: {error.strerror}")
        except OSError as error:
            self.troubles.append(f"{path}: cannot be read: {error.strerror}")

    def _mailbox(self, name: str, file: BinaryIO) -> Iterator[Found]:
        for number, message in enumerate(mail.messages(file), 1):
            yield from self._message(f"{name}, message {number}", message)

    def _message(self, name: str, message: bytes | None) -> Iterator[Found]:
        if message is None or len(message) > mail.MAX_MESSAGE_BYTES:
            self.troubles.append(f"{name}: over {mail.MAX_MESSAGE_BYTES >> 20} MiB; take its attachments out by hand")
            return
        for attached, content in mail.attachments(message):
            if content.startswith(_ZIPS):
                yield from self._zip(f"{name}, {attached}", io.BytesIO(content))
            elif attached.endswith(SUFFIX):
                yield Found(f"{name}, {attached}", content[:_READ])

    def _zip(self, name: str, file: BinaryIO) -> Iterator[Found]:
        try:
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if info.filename.endswith(SUFFIX):
                        with archive.open(info) as member:
                            yield Found(f"{name}/{info.filename}", member.read(_READ))
        except _BAD_ZIP as error:
            self.troubles.append(f"{name}: a zip that cannot be read ({error}); have it sent again")

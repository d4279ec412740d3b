"""The files of a Debian package, deb(5): an archive of ar(5), of which the third member is a tar of its files."""

import io
import lzma
import posixpath
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from unrep.errors import KitError

_MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_MOST_LINKS: Final = 8


@dataclass(frozen=True)
class Packed:
    """The files of some packages by their paths, such as "usr/bin/python3.11"; and links, by where they point."""

    files: Mapping[str, bytes]
    links: Mapping[str, str]

    def read(self, path: str) -> bytes:
        """A file, whatever links lead to it. Raises KitError."""
        for _ in range(_MOST_LINKS):
            if path in self.files:
                return self.files[path]
            if path not in self.links:
                break
            path = self.links[path]
        raise KitError(f"{path}: is in none of Debian's packages of the lock: renew the lock")

    def find(self, name: str, directories: tuple[str, ...]) -> bytes:
        """The file of that name in the first directory that has it. Raises KitError."""
        for directory in directories:
            path = f"{directory}/{name}"
            if path in self.files or path in self.links:
                return self.read(path)
        raise KitError(f"{name}: is in none of Debian's packages of the lock: renew the lock")


def unpack(packages: list[bytes]) -> Packed:
    """Their files together. Raises KitError for what is no such package."""
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for package in packages:
        try:
            _add(package, files, links)
        except (ValueError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
            raise KitError(f"a package of the lock is damaged: {error}") from error
    return Packed(files, links)


def _add(package: bytes, files: dict[str, bytes], links: dict[str, str]) -> None:
    with tarfile.open(fileobj=io.BytesIO(_data_tar(package))) as archive:
        for member in archive:
            path = posixpath.normpath(member.name)
            if member.issym():
                links[path] = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), member.linkname))[1:]
            elif member.islnk():
                links[path] = posixpath.normpath(member.linkname)
            elif opened := archive.extractfile(member):
                files[path] = opened.read()


def _data_tar(package: bytes) -> bytes:
    if not package.startswith(_MAGIC):
        raise KitError("a package of the lock is no Debian package")
    at = len(_MAGIC)
    while at + _HEADER_BYTES <= len(package):
        name = package[at : at + 16].decode("ascii").strip().rstrip("/")
        size = int(package[at + 48 : at + 58])
        if size < 0:
            raise ValueError(f"{name} has the size {size}")
        at += _HEADER_BYTES
        if name == "data.tar.xz":
            return lzma.decompress(package[at : at + size])
        at += size + size % 2
    raise KitError("a package of the lock has no data.tar.xz, so it is not one of Debian 12")

"""Junctions for a suite under Wine, which knows none: Kernel32 of apply.current, its calls on links answered by Linux.

Wine follows a symbolic link of the Unix below it as if it were a junction, but cannot make, read, rename or remove one:
the control calls answer that it is no link, and a rename moves what the link points to. So those four go to `served`, a
small server beside Wine, which does to symbolic links what NTFS does to junctions. All other calls stay Wine's own.

`install` is called by sitecustomize, before anything of unrep is imported, in the tests' process and in every command
that they start. One request a connection: a JSON array of the verb and its arguments, a line, paths as Unix has them
and reparse points in hex; the answer, a line, is an array of the Windows error code and what was asked for.
"""

import ctypes
import errno
import json
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path, PureWindowsPath
from types import ModuleType
from typing import Any

PORT_VARIABLE = "UNREP_WINE_JUNCTIONS"
UNDER_WINE = PORT_VARIABLE in os.environ
_SEAM = "apply.current.kernel32"
_CODES = {errno.ENOENT: 2, errno.EEXIST: 183, errno.ENOTEMPTY: 145, errno.ENOTDIR: 267, errno.EINVAL: 4390}


@contextmanager
def served() -> Iterator[str]:
    """Runs the server, on Linux; its port, for PORT_VARIABLE in the environment of what runs under Wine."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_address[1])
        server.shutdown()


class _Links:
    """Symbolic links, and the reparse point that each would have; those live as long as the server."""

    def __init__(self) -> None:
        self._points: dict[tuple[int, int], str] = {}

    def get(self, link: str) -> str:
        Path(link).readlink()  # EINVAL for what is none
        return self._points[_identity(Path(link))]

    def set(self, link: str, target: str, reparse_point: str) -> None:
        """In one step, as NTFS does: a link anew, or an empty directory."""
        made = Path(f"{link}.made")
        with suppress(FileNotFoundError):
            made.unlink()
        if not Path(link).is_symlink():
            Path(link).rmdir()
        made.symlink_to(target)
        self._points[_identity(made)] = reparse_point
        made.rename(link)

    def remove(self, link: str) -> None:
        Path(link).readlink()
        Path(link).unlink()

    def rename(self, link: str, destination: str) -> None:
        Path(link).readlink()
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, "in the way", destination)
        Path(link).rename(destination)


def _identity(link: Path) -> tuple[int, int]:
    status = link.lstat()
    return status.st_dev, status.st_ino


class _Answer(socketserver.StreamRequestHandler):
    links = _Links()

    def handle(self) -> None:
        verb, *arguments = json.loads(self.rfile.readline())
        try:
            answer = [0, getattr(self.links, verb)(*arguments)]
        except OSError as error:
            answer = [_CODES.get(error.errno or 0, 5), None]
        self.wfile.write(json.dumps(answer).encode() + b"\n")


def install() -> None:
    """Puts the double in the place of Kernel32 as soon as anything imports it; nothing without a server."""
    if sys.platform == "win32":
        import _winapi

        del _winapi.CopyFile2  # Wine 8 has none, and shutil does without
    if os.environ.get(PORT_VARIABLE):
        sys.meta_path.insert(0, _Seam())


class _Seam(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _SEAM else None
        if spec and spec.origin:
            spec.loader = _Loader(_SEAM, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.Kernel32 = _double(module.Kernel32, module.KernelError)  # type: ignore[attr-defined]


def _double(real: Any, error_type: Callable[[str, int], Exception]) -> type:
    class WineKernel(real):  # type: ignore[misc]
        """Kernel32 that sends its calls on links to the server."""

        def get_reparse_point(self, path: str) -> bytes:
            return bytes.fromhex(_asked(error_type, "get", _unix(path)))

        def set_reparse_point(self, path: str, reparse_point: bytes) -> None:
            from apply.current.junction import junction_target

            target = _unix(junction_target(reparse_point))
            _asked(error_type, "set", _unix(path), target, reparse_point.hex())

        def remove_directory(self, path: str) -> None:
            if self._is_link(path):
                _asked(error_type, "remove", _unix(path))
            else:
                super().remove_directory(path)

        def rename(self, source: str, destination: str) -> None:
            if self._is_link(source):
                _asked(error_type, "rename", _unix(source), _unix(destination))
            else:
                super().rename(source, destination)

        def _is_link(self, path: str) -> bool:
            try:
                self.get_reparse_point(path)
            except Exception:  # noqa: BLE001 - of the type that was given
                return False
            return True

    return WineKernel


def _asked(error_type: Callable[[str, int], Exception], *request: str) -> Any:
    with socket.create_connection(("127.0.0.1", int(os.environ[PORT_VARIABLE]))) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        code, answer = json.loads(connection.makefile().readline())
    if code:
        raise error_type(f"{request[0]} of a junction", code)
    return answer


def _unix(path: str) -> str:
    """What Wine calls it outside; the last name as it is, for Wine would not see a link to nowhere."""
    unix_name = ctypes.CDLL("kernel32").wine_get_unix_file_name
    unix_name.restype = ctypes.c_char_p
    place = PureWindowsPath(path)
    parent = unix_name(ctypes.c_wchar_p(str(place.parent)))
    if parent is None:
        return "/nowhere/" + place.name
    return f"{os.fsdecode(parent)}/{place.name}"

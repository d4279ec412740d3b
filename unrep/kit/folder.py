"""The folder that is being filled: plain files alone, each written once [K-2]."""

from pathlib import Path, PurePosixPath
from typing import Final

from bundle.host.files import PUBLIC, make_directory, write_new
from unrep.errors import KitError

EXECUTABLE: Final = 0o755
MOMENT: Final = (1980, 1, 1, 0, 0, 0)  # the time of all that is packed: the first that a zip can hold
MARK: Final = "kit.json"  # written last: a kit without it was not unpacked to its end


class Folder:
    """A new folder. Names are relative, with slashes. Every method that writes raises OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[PurePosixPath] = set()
        self._there: set[str] = set()
        self._executable: set[str] = set()

    @property
    def executable(self) -> frozenset[str]:
        """The files that were written as programs, whatever the disk keeps of that."""
        return frozenset(self._executable)

    def write(self, name: str, data: bytes, *, executable: bool = False) -> None:
        """One file. Raises KitError for a name that leads out of the folder, or that is there, in whatever case."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise KitError(f"{name!r}: leads out of the kit: one of its packages is not what it should be")
        if name.lower() in self._there:  # on a stick, names that differ in case alone are one name
            raise KitError(f"{name}: two packages of the kit have that file: renew its locks")
        self._there.add(name.lower())
        if executable:
            self._executable.add(name)
        self._make(path.parent)
        write_new(self.root / path, data, EXECUTABLE if executable else PUBLIC)

    def has(self, name: str) -> bool:
        """Whether that file was written."""
        return name.lower() in self._there

    def _make(self, path: PurePosixPath) -> None:
        if path in self._made or path == PurePosixPath("."):
            return
        self._make(path.parent)
        make_directory(self.root / path)
        self._made.add(path)

"""Each sync of `apply` taken away in turn, in the process that runs: whether power cuts would notice."""

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """`changes`: of a module's source, old text to new. redundant: why nothing is lost by it; "" if something is."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]
    redundant: str = ""

    def __call__(self) -> None:
        """Makes the change in this process. Raises ValueError if the source has moved on."""
        module = importlib.import_module(self.module)
        source = Path(inspect.getfile(module)).read_text(encoding="utf-8")
        for old, new in self.changes:
            if source.count(old) != 1:
                raise ValueError(f"{self.module}: not once in it: {old!r}")
            source = source.replace(old, new)
        exec(compile(source, inspect.getfile(module), "exec"), module.__dict__)  # noqa: S102 - the mutated module itself


_DURABLE = "bundle.host.durable"
_FILE_BY_FILE = ("if not _syncfs(root):", "if True:")
_ATOMIC = "a rename is one change, in both directories or in none, where the file system has a journal"
_LATER = "syncs that come before anything depends on it keep it, too"

MUTANTS = (
    Mutant("write_file: the file", _DURABLE, (("os.fsync(file.fileno())", "pass"),)),
    Mutant("replace: the directory it goes to", _DURABLE, (("sync_directory(destination.parent)", "pass"),)),
    Mutant("replace: the directory it leaves", _DURABLE, (("sync_directory(source.parent)", "pass"),), _ATOMIC),
    Mutant(
        "sync_directory, for all who call it",
        _DURABLE,
        (("    _sync(path, os.O_RDONLY)\n\n\ndef sync_tree", "    pass\n\n\ndef sync_tree"),),
    ),
    Mutant("sync_tree: the file system", _DURABLE, (("if not _syncfs(root):", "if False:"),)),
    Mutant(
        "sync_tree file by file: the files",
        _DURABLE,
        (_FILE_BY_FILE, ("directory.sync_file(name)", "pass")),
    ),
    Mutant(
        "sync_tree file by file: the directories",
        _DURABLE,
        (
            _FILE_BY_FILE,
            ("    directory.sync()\n", "    pass\n"),
        ),
    ),
    Mutant(
        "a new site's directories", "apply.site.layout", (("durable.sync_directory(directory.parent)", "pass"),), _LATER
    ),
    Mutant("a new record", "apply.record.database", (("durable.sync_directory(self._path.parent)", "pass"),), _LATER),
)
UNCHANGED = (
    Mutant("(nothing removed)", _DURABLE, ()),
    Mutant("(nothing removed, file by file)", _DURABLE, (_FILE_BY_FILE,)),
)

"""A self-contained release directory: the application's source, its requirements, and wheels for the ship's machine.

The same source, requirements and platform give the same tree hash, whoever collects and whenever. All work is done in a
directory beside the result, which is renamed at the end: what stands at the destination is complete.
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bundle.errors import InputError, NoRoom
from bundle.format.manifest import TreeManifest
from bundle.host import presence
from bundle.host.directories import Directory
from bundle.host.files import set_mode, write_all
from bundle.host.progress import Progress, Quiet
from bundle.host.storage import Storage
from bundle.read.tree import scan
from unrep.collect import source_tree, trust_on_first_use, wheels
from unrep.collect.pins import Pin, applying, read_pins
from unrep.collect.target import Target
from unrep.errors import CollectError

REQUIREMENTS = "requirements.txt"
WHEELS = "wheels"


_STORAGE = Storage(full=NoRoom, failed=CollectError)


@dataclass(frozen=True)
class Collected:
    """A finished release directory: what it holds, and its tree hash in hexadecimal.

    `requirements` is the requirements file's path within the release, as the ship's `[prepare]` names it; `left_out`
    are the paths of the source that .gitignore or the list of caches keeps out. unhashed: the pins without a hash, as
    NAME==VERSION. The hashes of their wheels are in `hashes_file`, unless `not_saved` says why they are not.
    """

    directory: Path
    files: int
    bytes: int
    wheels: tuple[str, ...]
    requirements: str
    left_out: tuple[str, ...]
    tree: str
    seconds: float
    unhashed: tuple[str, ...] = ()
    hashes_file: Path | None = None
    not_saved: str = ""


def collect(
    source: Path,
    requirements: Path,
    out: Path,
    target: Target,
    progress: Progress = Quiet(),  # noqa: B008
    *,
    require_hashes: bool = False,
) -> Collected:
    """Makes the release directory `out`; `require_hashes` of every pin, or take note of what came the first time.

    Raises CollectError, RegistryUnreachable or NoRoom, and leaves nothing at `out` then.
    """
    begun = time.monotonic()
    source, requirements, out = (Path(os.path.realpath(path)) for path in (source, requirements, out))
    with _STORAGE.errors(out):
        _check_places(source, out)
        pins = read_pins(requirements)
        needed = applying(pins, target.environment())
        unhashed, known = _unhashed(needed, require_hashes), trust_on_first_use.hashes_file(requirements)
        hashes: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix=_unfinished(out), dir=out.parent) as scratch:
            release = Path(scratch, out.name)
            with Directory.open(release.parent) as beside:
                beside.make(release.name).close()
            found = source_tree.walk(source, without=lambda path: path == known or _is_result(path, out))
            source_tree.copy(source, found.files, release, progress)
            named = _place_requirements(source, requirements, pins, release)
            names = _bring_wheels(source, release, needed, target, progress)
            if unhashed:
                hashes = trust_on_first_use.checked(known, [release / WHEELS / name for name in names])
            manifest = _manifest(source, release, target, progress)
            if presence.exists(out):
                out.rmdir()
            release.rename(out)
        not_saved = trust_on_first_use.save(known, hashes) if unhashed else ""
    return Collected(
        directory=out,
        files=len(manifest.entries),
        bytes=manifest.size,
        wheels=names,
        requirements=named,
        left_out=tuple(path.as_posix() for path in found.left_out),
        tree=manifest.tree_hash.hex(),
        seconds=round(time.monotonic() - begun, 3),
        unhashed=unhashed,
        hashes_file=known if unhashed else None,
        not_saved=not_saved,
    )


def _unhashed(pins: list[Pin], require_hashes: bool) -> tuple[str, ...]:
    """The pins without a hash. Raises CollectError, naming them, if hashes are required."""
    found = tuple(f"{pin.name}=={pin.version}" for pin in pins if not pin.hashes)
    if found and require_hashes:
        raise CollectError(
            f"without a hash: {', '.join(found)}: add --hash=sha256:... to each, as 'pip hash' prints it"
        )
    return found


def _check_places(source: Path, out: Path) -> None:
    """Raises CollectError for a source or destination that cannot be used."""
    if not presence.is_directory(source):
        raise CollectError(f"{source}: not a directory: name the directory that holds the application's source")
    if not presence.is_directory(out.parent):
        raise CollectError(f"{out.parent}: not a directory: create it, or choose another --out")
    if os.path.lexists(out) and (not presence.is_directory(out) or any(out.iterdir())):
        raise CollectError(f"{out}: exists already: remove it, or choose another --out")


def _unfinished(out: Path) -> str:
    """How the names of directories begin in which `out` is being made."""
    return f".{out.name}.unfinished-"


def _is_result(path: Path, out: Path) -> bool:
    """Whether a path is this call's result, finished or not: it may lie inside the source."""
    return path.parent == out.parent and (path.name == out.name or path.name.startswith(_unfinished(out)))


def _place_requirements(source: Path, requirements: Path, pins: list[Pin], release: Path) -> str:
    """Sees to it that the requirements are in the release, and returns their path in it.

    They become `requirements.txt`, with what they include, unless the source has one. If that pins something else, the
    file must be part of the source itself.
    """
    placed = release / REQUIREMENTS
    if not presence.exists(placed):
        with Directory.open(release) as directory, directory.create(REQUIREMENTS, source_tree.FILE_MODE) as file:
            write_all(file, "".join(pin.line(with_marker=True) for pin in pins).encode())
    if _pins_the_same(placed, pins):
        return REQUIREMENTS
    if requirements.is_relative_to(source):
        own = requirements.relative_to(source)
        if _pins_the_same(release / own, pins):
            return own.as_posix()
    raise CollectError(f"{source / REQUIREMENTS}: differs from {requirements}: remove it, or give it as --requirements")


def _pins_the_same(path: Path, pins: list[Pin]) -> bool:
    try:
        return read_pins(path) == pins
    except CollectError:
        return False


def _bring_wheels(
    source: Path, release: Path, needed: list[Pin], target: Target, progress: Progress
) -> tuple[str, ...]:
    """Fills `wheels/`, and returns the names. Raises CollectError where the source has something of that name."""
    if not needed:
        return ()
    directory = release / WHEELS
    try:
        with Directory.open(release) as within:
            within.make(WHEELS).close()
    except FileExistsError as error:
        raise CollectError(
            f"{source / WHEELS}: is where the release keeps its wheels: move it, or add it to a .gitignore"
        ) from error
    with tempfile.TemporaryDirectory(prefix="pip-", dir=release.parent) as scratch:
        wheels.download(needed, target, directory, Path(scratch), progress)
    wheels.require_complete(directory, needed, target.environment())
    with Directory.open(directory) as within:
        brought = sorted(name for name, _ in within.entries())
        for name in brought:
            with within.read(name) as file:
                set_mode(file.fileno(), source_tree.FILE_MODE)
    return tuple(brought)


def _manifest(source: Path, release: Path, target: Target, progress: Progress) -> TreeManifest:
    """Hashes the release. Raises CollectError for a name that the ship cannot hold and for a link that leads out."""
    try:
        return scan(release, "any" if target.windows else "posix", progress)
    except InputError as error:
        raise CollectError(f"{source}: {error.__cause__ or error}: rename it, or add it to a .gitignore") from error

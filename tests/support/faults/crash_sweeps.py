"""One fault at one point of one scene, and whether everything holds that must: for workers of `traced_command.pool()`.

Each returns a Verdict, so that a sweep goes on after a failure and counts.
"""

import functools
import pickle
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import NamedTemporaryFile, TemporaryDirectory

from tests.support.faults.crash_scenes import RECOVER, RELEASES, Broken, Scene
from tests.support.faults.power_cut import Cut, Recording, cuts
from tests.support.faults.recorder import record
from tests.support.faults.traced_command import Point, points, traced
from tests.support.sites import loop_disk

KILL = "signal=KILL"
# What a full or failing disk may answer; a removal that fails only leaves something over.
REMOVALS = ("unlink", "unlinkat", "rmdir")
AS_THE_AGENT_TELLS = {7: "degraded", 6: "rolled-back"}  # which ends with 0 whatever it met
REFUSED = (2, 5)  # what could not be read or written is named, and nothing was changed
TOLD = re.compile(r"unrep: [^\n]+\n")


@dataclass(frozen=True)
class Verdict:
    """faults: how many took place, for a run may end before its fault comes. broken: what did not hold, if anything."""

    where: str
    faults: int
    broken: str = ""


def found(scene: Scene, stored_only: bool = False) -> list[Point]:
    """The points of a scene's command; `stored_only`: those that concern the site's files."""
    with scene.copied() as root, TemporaryDirectory() as scratch:
        chosen, ended = points(scene.at(root), Path(scratch), root / "site" if stored_only else None)
        assert ended.code == scene.code, ended
    return chosen


def kill(scene: Scene, point: Point) -> Verdict:
    """SIGKILL before that call; then one recovery, and all must be well."""
    return _judged(f"{scene.name}, killed before {point.line}", scene, lambda root: _kill(scene, point, root))


def kill_twice(scene: Scene, point: Point, seed: int) -> Verdict:
    """SIGKILL before that call, and again before a call of the recovery that is drawn by the seed."""

    def fault(root: Path) -> int:
        faults = _kill(scene, point, root)
        twin = root.with_name("twin")
        shutil.copytree(root, twin, symlinks=True)
        recovery, _ = points(scene.at(twin, RECOVER), root.parent)
        second = Random(seed).choice(recovery)
        ended = traced(scene.at(root, RECOVER), second.injecting(KILL))
        return faults + (ended.code == -signal.SIGKILL)

    return _judged(f"{scene.name}, killed before {point.line}, and its recovery (seed {seed})", scene, fault)


def fail(scene: Scene, point: Point, error: str, onward: bool) -> Verdict:
    """That call fails with EIO or ENOSPC, or it and all of its name after it: a whole version serves, and one sentence
    says what was wrong; a run that was refused gives its space back; the next one succeeds."""

    def fault(root: Path) -> int:
        before, taken = scene.check_serving(root), _taken(root)
        ended = traced(scene.at(root), point.injecting(f"error={error}", onward))
        if ended.code not in (*REFUSED, 0, 6, 7) or (ended.code and not TOLD.fullmatch(ended.err)):
            raise Broken(f"it ended with {ended}")
        now = scene.check_serving(root)
        if ended.code in REFUSED and scene.gives_up_nothing and now != before:
            raise Broken(f"current moved from {before} to {now}, and the run ended with {ended}")
        if ended.code in REFUSED and not onward and point.call not in REMOVALS and _taken(root) > taken:
            raise Broken(f"{_taken(root) - taken} bytes were not given back: {ended}")
        degraded, rolled_back = (
            ended.code == code or f'"{event}"' in ended.out for code, event in AS_THE_AGENT_TELLS.items()
        )
        if degraded:
            scene.check_recovery(root)
        scene.check_next(root, newer=degraded or rolled_back)
        return 1

    return _judged(f"{scene.name}, {error} at {point.line}{' and on' if onward else ''}", scene, fault, recover=False)


@dataclass(frozen=True)
class Recorded:
    """The recording of a scene's run, in a file, with the cuts that may be made in it."""

    scene: Scene
    file: Path
    version: str
    cuts: list[Cut]


def recorded(
    scene: Scene, directory: Path, seed: int, at_most: int, change: Callable[[], None] | None = None
) -> Recorded:
    """Makes the scene's run and keeps what it did, with so many cuts of it; `change` is made to the process first."""
    with scene.copied() as root, TemporaryDirectory() as scratch:
        recording = record(scene.at(root), root / "site", Path(scratch) / "calls", change)
        assert recording.ended.code == scene.code, recording.ended
        version = scene.check_serving(root)
    with NamedTemporaryFile(dir=directory, suffix=".recording", delete=False) as file:
        pickle.dump(recording, file)
    return Recorded(scene, Path(file.name), version, cuts(recording, seed, at_most))


def cut_power(run: Recorded, cut: Cut) -> Verdict:
    """The power goes there. The machine starts what `current` names; one recovery, and all must be well."""
    recording = _loaded(run.file)

    def fault(root: Path) -> int:
        shutil.rmtree(root / "site")
        recording.after(cut.steps, cut.names, cut.data, Random(cut.seed)).write(root / "site")
        _restart_application(run.scene, root)
        if cut.steps == len(recording.steps):
            run.scene.check_recovery(root)
            if run.scene.check_serving(root) != run.version:
                raise Broken(f"the run had ended with {run.version}, which was lost")
        return 1

    kept = f"names kept: {cut.names}, data kept: {cut.data}, seed {cut.seed}"
    return _judged(
        f"{run.scene.name}, power cut after step {cut.steps} of {len(recording.steps)}, {kept}", run.scene, fault
    )


def cut_disk(scene: Scene, point: Point, seed: int) -> Verdict:
    """The power goes before that call, on a real ext4 [A-34]: what the device holds then is mounted anew."""

    def fault(root: Path) -> int:
        mode = Random(seed).choice(loop_disk.MODES)
        image, found = root.with_name("image"), root.with_name("found")
        loop_disk.made(image, root)
        with loop_disk.mounted(image, mode) as disk:
            faults = _kill(scene, point, disk)
            loop_disk.copied(image, found)
        with loop_disk.mounted(found, mode) as disk:
            _restart_application(scene, disk)
            scene.check_recovered(disk)
        return faults

    return _judged(f"{scene.name}, power cut before {point.line}, seed {seed}", scene, fault, recover=False)


def _restart_application(scene: Scene, root: Path) -> None:
    """The machine starts what `current` names. What it saved is its own matter, and durable."""
    if version := scene.check_serving(root):
        (root / "app/running").write_text(version)
    for release in RELEASES:
        (root / f"app/saved-{release}").touch()


@functools.lru_cache(4)
def _loaded(file: Path) -> Recording:
    recording: Recording = pickle.loads(file.read_bytes())  # noqa: S301 - our own
    return recording


def _kill(scene: Scene, point: Point, root: Path) -> int:
    return int(traced(scene.at(root), point.injecting(KILL)).code == -signal.SIGKILL)


def _taken(root: Path) -> int:
    """The bytes of all files in versions/ and staging."""
    places = [root / "site/versions", root / "site/.unrep/staging"]
    return sum(path.lstat().st_size for place in places for path in place.rglob("*") if not path.is_dir())


def _judged(where: str, scene: Scene, fault: Callable[[Path], int], recover: bool = True) -> Verdict:
    faults = 0
    with scene.copied() as root:
        try:
            faults = fault(root)
            if recover:
                scene.check_recovered(root)
        except Exception as broken:  # noqa: BLE001 - a sweep goes on, and reports all at the end
            return Verdict(where, faults, f"{type(broken).__name__}: {broken}")
    return Verdict(where, faults)

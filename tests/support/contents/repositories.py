"""A repository ashore with small releases, worked on in this process."""

import contextlib
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle.host.progress import Quiet
from bundle.trust.signing import Signer
from repository.beginning import begin
from repository.layout import Repository
from repository.promotion import promote
from repository.prune import Pruned, prune
from repository.record.database import Record
from repository.release import Makers, ReleaseReport, ReleaseRequest, release
from repository.settings import Settings, first_settings, load_settings
from repository.store.objects import ObjectStore
from repository.verify import Findings, verify
from tests.support.contents.releases import KEY, Tree, write_tree
from tests.support.observers.command import run
from transfer.channels.channel import Channel
from transfer.publishing.destination import read_channel
from transfer.publishing.directory import DirectoryBackend

TEXT = b"".join(b"line %d of a file that every release has\n" % number for number in range(400))


def content(number: int) -> Tree:
    """The files of release number `number`: one that changes, one that stays, one of its own."""
    changed = TEXT.replace(b"line 7 ", b"line seven %d " % number)
    return {"app/main.txt": changed, "app/same.txt": TEXT[::-1], f"app/new{number}.txt": b"new in %d\n" % number}


@dataclass
class Ashore:
    """A repository below `root`, its destinations `www` and what else is named, all of them directories."""

    root: Path
    destinations: tuple[str, ...] = ("www",)
    more: str = ""  # lines for the top of repo.toml
    signer: Signer = KEY
    held: Mapping[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.destinations:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        if not (self.root / "repo").exists():
            addresses = [str(self.root / name) for name in self.destinations]
            text = first_settings("vms", "any", {"key": "k.key"}, addresses, channels=["stable", "canary"])
            begin(self.root / "repo", text)
            self.settle(self.more)

    @property
    def repository(self) -> Repository:
        return Repository.at(self.root / "repo")

    @property
    def settings(self) -> Settings:
        return load_settings(self.repository.settings_file)

    @property
    def store(self) -> ObjectStore:
        return ObjectStore(self.repository, self.settings.platform)

    def settle(self, lines: str) -> None:
        """Gives keys of repo.toml other values; one that is not there comes on top."""
        path = self.root / "repo" / "repo.toml"
        text = path.read_text().splitlines()
        for line in lines.splitlines():
            name = line.split("=")[0].strip()
            places = [at for at, old in enumerate(text) if old.split("=")[0].strip() == name]
            text[slice(places[0], places[0] + 1) if places else slice(0, 0)] = [line]
        path.write_text("\n".join(text) + "\n")

    def source(self, number: int) -> Path:
        """The directory of a release."""
        return write_tree(self.root / f"source-{number}", content(number))

    def release(self, number: int, version: str = "", **request: Any) -> ReleaseReport:
        """Releases 1.0.`number`."""
        source = request.pop("source", None) or self.source(number)
        asked = ReleaseRequest(source=source, version=version or f"1.0.{number}", held=self.held, **request)
        with ThreadPoolExecutor(1) as pool:
            makers = Makers(signer=self.signer, pool=pool, progress=Quiet())
            return release(self.repository, self.settings, asked, makers)

    def prune(self, *, dry_run: bool = False) -> Pruned:
        return prune(self.repository, self.settings, self.held, self.signer, None, Quiet(), dry_run=dry_run)

    def promote(self, version: str, name: str, *, go_back: bool = False) -> bool:
        return promote(self.repository, self.settings, version, name, self.signer, None, go_back=go_back)[1]

    def verify(self) -> Findings:
        return verify(self.repository, self.settings, Quiet())

    def record(self) -> Record:
        return Record(self.repository.database_file)

    def channel(self, name: str = "stable", destination: str = "www") -> Channel | None:
        """What a channel's file says at a destination."""
        there = read_channel(DirectoryBackend(self.root / destination), name)
        return there[1] if there else None

    def published(self, destination: str = "www") -> set[str]:
        """The names of the bundles at a destination."""
        return {path.name for path in (self.root / destination).glob("*.unrep")}

    def files(self) -> dict[str, bytes]:
        """Everything below the root but the sources, and what the lock says."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.name != "lock" and not path.relative_to(self.root).parts[0].startswith("source")
        }


def sound(ashore: Ashore) -> bool:
    """Whether the repository verifies, and each destination has whole all that its channel files name."""
    if ashore.verify().faults:
        return False
    for name in ashore.destinations:
        for channel in ("stable", "canary"):
            if said := ashore.channel(channel, name):
                sizes = {path.name: path.stat().st_size for path in (ashore.root / name).iterdir()}
                if any(sizes.get(bundle.file) != bundle.length for bundle in said.bundles):
                    return False
    return True


def begin_by_commands(shore: Path, sources: int) -> None:
    """A repository in `shore` with two releases, as a person types it, and so many directories to release."""
    with contextlib.chdir(shore):
        assert run("keygen --out k")[0] == 0
        for number in range(sources):
            write_tree(shore / f"vms-{number}", content(number))
        publish = "--publish www --channel stable --channel canary --price-per-mb 12.5 --currency USD"
        assert run(f"repo init repo --product vms --key k.key {publish}")[0] == 0
        for number in range(2):
            assert run(f"release vms-{number} --version 1.0.{number} --repo repo")[0] == 0


def copied(made: Path, shore: Path) -> Path:
    """A copy of that to work in, whose destinations are its own."""
    shutil.copytree(made, shore)
    settings = shore / "repo" / "repo.toml"
    settings.write_text(settings.read_text().replace(str(made), str(shore)))
    return shore

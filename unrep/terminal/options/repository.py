"""The options of commands that work on a repository, and what repo.toml says of who signs and who works."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from bundle.host.progress import Progress
from bundle.recipients.ship_key import load_ship_public_key
from bundle.trust.signing import Signer
from bundle.trust.trust import Trust, load_trust
from repository.layout import Repository
from repository.release import Makers
from repository.settings import Settings, load_settings
from repository.store.objects import ObjectStore
from unrep.errors import UsageRefused
from unrep.terminal.console import say
from unrep.terminal.options.signing import CommandSigner, private_key
from unrep.terminal.workers import dask_cluster, local_processes

REPO_VARIABLE = "UNREP_REPO"

repo_option = click.option(
    "--repo",
    metavar="DIR",
    required=True,
    envvar=REPO_VARIABLE,
    type=click.Path(path_type=Path),
    help=f"The repository's directory. Default: {REPO_VARIABLE} of the environment.",
)


@dataclass(frozen=True)
class OpenRepository:
    """A repository that is there, and its settings."""

    repository: Repository
    settings: Settings

    @property
    def store(self) -> ObjectStore:
        """Its objects."""
        return ObjectStore(self.repository, self.settings.platform)

    def signer(self) -> Signer:
        """Who signs, as repo.toml says. Raises UsageRefused or InputError."""
        named = self.settings.signer
        if bool(named.key) == bool(named.command) or bool(named.command) != bool(named.public):
            raise UsageRefused(
                f"{self.repository.settings_file}: signer: name either a key, or a command together with public"
            )
        if named.command:
            return CommandSigner(named.command, self._path(named.public))
        return private_key(self._path(named.key), self._path(named.passphrase_file) if named.passphrase_file else None)

    def trust(self) -> Trust | None:
        """What bundles carry of whom to trust. Raises InputError or Refused."""
        return load_trust(self._path(self.settings.trust)) if self.settings.trust else None

    @contextmanager
    def makers(self, progress: Progress) -> Iterator[Makers]:
        """Who signs and who works, while the block runs. Raises UsageRefused, InputError or Refused."""
        signer, trust, build = self.signer(), self.trust(), self.settings.build
        if build.dask and build.workers:
            raise UsageRefused(f"{self.repository.settings_file}: build: workers and dask exclude each other")
        ships = [load_ship_public_key(self._path(name)) for name in self.settings.recipients]
        with dask_cluster(build.dask) if build.dask else local_processes(build.workers) as pool:
            yield Makers(signer=signer, pool=pool, progress=progress, trust=trust, recipients=ships)

    def _path(self, name: str) -> Path:
        return self.repository.root / Path(name).expanduser()


def open_repository(directory: Path) -> OpenRepository:
    """Raises NotARepository, SettingsRefused or StorageFailed."""
    repository = Repository.at(directory)
    return OpenRepository(repository, load_settings(repository.settings_file))


def say_if_unpublished(opened: OpenRepository) -> None:
    """Says it of a repository without destinations."""
    if not opened.settings.destinations:
        say(f"{opened.repository.settings_file}: destinations is empty, so nothing is published; name one there")

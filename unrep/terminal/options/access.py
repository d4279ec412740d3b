"""The options of commands that ask servers: credentials, certificate authorities, a proxy."""

from dataclasses import dataclass
from pathlib import Path

import click

from transfer.links.access import Access, read_access
from unrep.terminal.options.grouping import gathered


@dataclass(frozen=True)
class AccessOptions:
    """What was named for access to servers."""

    auth_file: Path | None
    ca_file: Path | None
    proxy: str | None

    def read(self) -> Access:
        """Raises AccessRefused for a file that cannot be used."""
        return read_access(self.auth_file, self.ca_file, self.proxy)


access_options = gathered(
    "access",
    AccessOptions,
    click.option(
        "--auth-file",
        metavar="F",
        type=click.Path(path_type=Path),
        help="User and password, or a token, for servers by https, and for hosts and proxies that it names; a file "
        "that only its owner may read.",
    ),
    click.option(
        "--ca-file",
        metavar="F",
        type=click.Path(path_type=Path),
        help="Certificate authorities to trust instead of the system's, in PEM form.",
    ),
    click.option("--proxy", metavar="URL", help="Ask through this proxy, not the one of the environment."),
)

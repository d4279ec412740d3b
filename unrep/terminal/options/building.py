"""The options of commands that make a bundle: the trust it carries, the ships that can read it, the processes."""

from dataclasses import dataclass
from pathlib import Path

import click

from bundle.trust.trust import Trust, load_trust
from unrep.terminal.options.grouping import gathered


@dataclass(frozen=True)
class TrustOptions:
    """What a bundle is to carry of whom to trust: a trust file, and from which of its trust roots on."""

    trust: Path | None
    trust_from: int

    def load(self) -> Trust | None:
        """Raises InputError or Refused for a file that no ship could follow."""
        return load_trust(self.trust) if self.trust else None


trust_options = gathered(
    "carried",
    TrustOptions,
    click.option(
        "--trust",
        metavar="T",
        type=click.Path(path_type=Path),
        help="Trust file of 'unrep trust' whose chain and revocation list the bundle carries.",
    ),
    click.option(
        "--trust-from",
        metavar="N",
        default=0,
        type=click.IntRange(0),
        help="Carry only trust roots from version N on, where every ship has those before.",
    ),
)
recipient_option = click.option(
    "--recipient",
    "recipients",
    metavar="SHIP.pub",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Encrypt to this ship, from 'unrep ship-key new'; repeatable. Shore's own, too, to make more tickets later.",
)
workers_option = click.option(
    "--workers", metavar="N", type=click.IntRange(1), help="Processes to use. Default: one a core."
)

"""`unrep trust`: making and reading trust roots, ashore.

Options and reports only; the work is in `bundle.trust`.
"""

import click

from unrep.commands.trust.init import init_command
from unrep.commands.trust.revoke import revoke_command
from unrep.commands.trust.rotate import rotate_command
from unrep.commands.trust.show import show_command
from unrep.commands.trust.sign import sign_command
from unrep.terminal.command import CommandGroup


@click.group("trust", cls=CommandGroup)
def trust_command() -> None:
    """Make and show trust roots: who may sign releases, and who may change that.

    A trust file begins as a draft, and is signed by the holders of the root keys one after the other. Ships get it
    once, as --trust; what follows comes with the bundles.
    """


for command in (init_command, sign_command, rotate_command, revoke_command, show_command):
    trust_command.add_command(command)

"""`unrep demo`: the whole story on this machine."""

import click

from unrep.demo.story import tell
from unrep.terminal.command import Command


@click.command("demo", cls=Command, examples=[("unrep demo", "See the whole life of a release in under a minute:")])
def demo_command() -> None:
    """Show an update, a bad link, a bad release and a rollback; takes under a minute, needs nothing, leaves nothing."""
    tell()

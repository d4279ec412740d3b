"""`unrep demo`: the whole story on this machine."""

import click

from unrep.demo.story import tell


@click.command("demo")
def demo_command() -> None:
    """Show an update, a bad link, a bad release and a rollback; takes under a minute, needs nothing, leaves nothing."""
    tell()

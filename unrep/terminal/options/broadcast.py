"""What the commands of a broadcast have in common: their options."""

from ipaddress import AddressValueError, IPv4Address

import click

from transfer.broadcasting.multicast import Group, parse_group


def _group(ctx: click.Context, param: click.Parameter, value: str) -> Group:
    try:
        return parse_group(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _interface(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        return str(IPv4Address(value)) if value else None
    except AddressValueError as error:
        raise click.BadParameter(f"{value!r} is no address of an interface, such as 10.0.0.5", ctx, param) from error


group_option = click.option(
    "--group", metavar="G:PORT", required=True, callback=_group, help="Multicast group and port: 239.1.2.3:4000."
)
interface_option = click.option(
    "--interface", metavar="IP", callback=_interface, help="Address of the network interface; the system's choice else."
)

"""The `unrep` command: its group, and the one place where errors become a sentence and an exit code."""

import io
import json
import sys
import traceback

import click

from unrep.commands.agent import agent_command
from unrep.commands.apply import apply_command
from unrep.commands.broadcast import broadcast_command
from unrep.commands.build import build_command
from unrep.commands.collect import collect_command
from unrep.commands.demo import demo_command
from unrep.commands.export import export_command
from unrep.commands.fetch import fetch_command
from unrep.commands.gc import gc_command
from unrep.commands.hear import hear_command
from unrep.commands.heartbeat import heartbeat_command
from unrep.commands.history import history_command
from unrep.commands.hold import hold_command, resume_command
from unrep.commands.inspect import inspect_command
from unrep.commands.join import join_command
from unrep.commands.keygen import keygen_command
from unrep.commands.listen import listen_command
from unrep.commands.metrics import metrics_command
from unrep.commands.need import need_command
from unrep.commands.plan import plan_command
from unrep.commands.publish import publish_command
from unrep.commands.receipt import receipt_command
from unrep.commands.recover import recover_command
from unrep.commands.repair import repair_command
from unrep.commands.resign import resign_command
from unrep.commands.rollback import rollback_command
from unrep.commands.run import run_command
from unrep.commands.selftest import selftest_command
from unrep.commands.serve import serve_command
from unrep.commands.ship_key import ship_key_command
from unrep.commands.status import status_command
from unrep.commands.ticket import ticket_command
from unrep.commands.trust import trust_command
from unrep.commands.verify import verify_command
from unrep.console import EXIT_CODES_HELP, ExitCode, exit_code, say

COMMANDS = (
    keygen_command,
    ship_key_command,
    trust_command,
    collect_command,
    build_command,
    ticket_command,
    resign_command,
    heartbeat_command,
    inspect_command,
    verify_command,
    publish_command,
    serve_command,
    export_command,
    broadcast_command,
    plan_command,
    fetch_command,
    join_command,
    listen_command,
    apply_command,
    rollback_command,
    status_command,
    hear_command,
    history_command,
    metrics_command,
    receipt_command,
    need_command,
    repair_command,
    recover_command,
    gc_command,
    hold_command,
    resume_command,
    agent_command,
    run_command,
    selftest_command,
    demo_command,
)


@click.group(epilog=EXIT_CODES_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unrep", message="unrep %(version)s")
def cli() -> None:
    """Carry software releases from shore to ships: small signed bundles, applied whole, rolled back by themselves."""


for command in COMMANDS:
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a Windows pipe takes few letters, and names of files have any
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(cli.main(arguments, prog_name="unrep", standalone_mode=False) or ExitCode.DONE)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; Python would complain about it at exit
        sys.exit(ExitCode.DONE)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: whatever it is, it ends in one sentence
        sys.exit(_report(error, "--json" in arguments))


def _report(error: BaseException, as_json: bool) -> ExitCode:
    code = exit_code(error)
    sentence = _sentence(error, code)
    say(f"unrep: {sentence}")
    if as_json:
        click.echo(json.dumps((getattr(error, "document", None) or {}) | {"error": sentence, "exit_code": int(code)}))
    return code


def _sentence(error: BaseException, code: ExitCode) -> str:
    if code == ExitCode.INTERRUPTED:
        return "interrupted; run the same command again, it goes on from there"
    if code == ExitCode.INTERNAL:
        traceback.print_exception(error)
        return f"internal error, a defect of unrep: {error!r}; please report it with the lines above"
    if isinstance(error, click.UsageError):
        hint = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
        return error.format_message().rstrip(".") + hint
    return error.format_message() if isinstance(error, click.ClickException) else str(error)

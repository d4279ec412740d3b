"""Examples below the options of a command."""

import pytest
from click.testing import CliRunner

from unrep.terminal.command import Command, CommandGroup

LONG = "unrep x " + " ".join(f"--option-{number} value" for number in range(9))


@pytest.mark.parametrize("kind", [Command, CommandGroup])
def test_a_long_line_can_be_pasted(kind: type[Command] | type[CommandGroup]) -> None:
    command = kind("x", examples=[("unrep x", "Do it:"), (LONG, "Do all of it:")])
    assert command.examples == [("unrep x", "Do it:"), (LONG, "Do all of it:")]
    out = CliRunner().invoke(command, ["--help"]).output
    assert "  Do it:\n    unrep x\n  Do all of it:\n    unrep x --option-0" in out
    assert max(map(len, out.splitlines())) < 80
    assert " ".join(out[out.index("unrep x --") :].replace("\\\n", "").split()) == LONG


def test_none_are_no_section() -> None:
    assert "Examples" not in CliRunner().invoke(Command("x"), ["--help"]).output

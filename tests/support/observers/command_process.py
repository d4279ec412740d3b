"""The command as a process of its own, as a person or a script starts it: exit code, output, messages."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.repository import REPOSITORY
from tests.support.sites.site import PATIENCE_S, Ship, shore


def started(*arguments: object) -> "subprocess.Popen[str]":
    """Starts `unrep` with these words."""
    command = [sys.executable, "-m", "unrep", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Waits for it: exit code, standard output, standard error; none of them shows a traceback."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def unrep(*arguments: object) -> tuple[int, str, str]:
    """Runs `unrep` to its end: exit code, standard output, standard error."""
    return ended(started(*arguments))


def document(*arguments: object, code: int = 0) -> dict[str, Any]:
    """The one JSON object that a command prints, at that exit code."""
    actual, out, err = unrep(*arguments, "--json")
    assert actual == code, err
    assert out.count("\n") == 1
    return dict(json.loads(out))


def applying(ship: Ship, bundle: Path, *more: object) -> list[object]:
    """The words that apply a bundle at a site."""
    return ["apply", bundle, "--site", ship.root, "--trust", shore().trust_file, *more]

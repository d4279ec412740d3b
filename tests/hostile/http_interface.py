"""The office's HTTP interface, asked by schemathesis whatever spec/fleet.openapi.json allows and forbids [L-61].

    python -m tests.hostile.http_interface [SCHEMATHESIS] [EXAMPLES]

`make schemathesis` installs the program in an environment of its own. An office without users is asked, then one with
a releaser who is logged in, in PostgreSQL where that is installed. Ends with 1 for an answer of 500, and for a status
or a kind of content that the description does not name.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.support.fleet import postgresql
from tests.support.fleet.office import Office
from tests.support.fleet.pages import lively, served, with_users
from tests.support.repository import REPOSITORY

DESCRIPTION: Final = REPOSITORY / "spec" / "fleet.openapi.json"
PROGRAM: Final = REPOSITORY / ".venv-schemathesis" / "bin" / "schemathesis"
CHECKS: Final = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def asked(program: Path, examples: int) -> tuple[int, str]:
    """The first exit code other than 0, and what the program said."""
    said = ""
    with ExitStack() as stack:
        places: list[Path | str] = [Path(stack.enter_context(tempfile.TemporaryDirectory())) / "fleet.db"]
        if postgresql.is_installed():
            places.append(stack.enter_context(postgresql.running()).new_database())
        for number, where in enumerate([*places, *places][:2]):
            root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            office = lively(root, time.time(), where if number < len(places) else root / "fleet.db")
            done = _of(with_users(office) if number else office, program, examples)
            office.database.close()
            said += done.stdout + done.stderr
            if done.returncode:
                break
    return done.returncode, said


def _of(office: Office, program: Path, examples: int) -> "subprocess.CompletedProcess[str]":
    with served(office) as client:
        client.log_in("paul")
        headers = [f"--header=Cookie: {name}={value}" for name, value in client.cookies.items()]
        return _run(program, client.url, examples, headers)


def _run(program: Path, url: str, examples: int, headers: list[str]) -> "subprocess.CompletedProcess[str]":
    command = [str(program), "run", str(DESCRIPTION), f"--url={url}", f"--checks={CHECKS}", *headers]
    command += [f"--max-examples={examples}", "--suppress-health-check=all", "--no-color"]
    with tempfile.TemporaryDirectory() as scratch:
        return subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=3_600)


def main() -> None:
    """Asks, and says what came of it."""
    program = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else PROGRAM
    code, said = asked(program, int(sys.argv[2]) if len(sys.argv) > 2 else 100)
    print(said)
    sys.exit(1 if code else 0)


if __name__ == "__main__":
    main()

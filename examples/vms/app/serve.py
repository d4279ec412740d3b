"""Serves the release that this file is part of: `python serve.py --listen 127.0.0.1:8000`, with VMS_DATA set.

The tree is resolved once, here. Started through `current`, a server would otherwise import from the next release
as soon as `current` is switched under it. Nor does it work in the tree: Windows cannot remove a directory in which
a process works.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

# A release tree is verified file by file: nothing may add byte code to it.
sys.dont_write_bytecode = True
TREE = os.path.realpath(Path(__file__).parent)
sys.path[0] = TREE


def stop(_signal: int, _frame: object) -> None:
    """Lets waitress finish the requests that it has begun."""
    sys.exit(0)


def main() -> None:
    """Claims the data directory, brings the database up to date, and serves until it is told to stop."""
    parser = argparse.ArgumentParser(description="Serves the VMS release that this file is part of.")
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT")
    listen = parser.parse_args().listen

    import pid_file

    data = Path(os.environ["VMS_DATA"])
    data.mkdir(parents=True, exist_ok=True)
    os.chdir(data)
    if not pid_file.claim(data / "vms.pid"):
        sys.exit(f"a VMS server runs already on {data}: use restart.py")
    signal.signal(signal.SIGTERM, stop)

    import waitress
    from django.core.management import call_command
    from vms.wsgi import application

    call_command("check")
    call_command("migrate", interactive=False, verbosity=0)
    waitress.serve(application, listen=listen, ident="vms")


if __name__ == "__main__":
    main()

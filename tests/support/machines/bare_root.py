"""A bare Debian in a directory: where it comes from, and how a script runs in it, with mounts of its own."""

import re
import subprocess
import sys
from typing import Final

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APART: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
_ENTER: Final = """
set -e
mount --bind "$1" "$1"
cd "$1"
mkdir -p .outside
pivot_root . .outside
mount -t proc proc /proc
umount -l /.outside
shift
"""


def entering(root: str, script: str, *words: str) -> list[str]:
    """The command that runs a script of sh(1) within that root directory, with `words` as "$1" and on. Needs root."""
    return [*_APART, "sh", "-c", _ENTER + script, "sh", root, *words]


def mirror() -> str:
    """Where this machine's apt has its own release from. Ends the program if it has none."""
    form = "$(ORIGIN) $(COMPONENT) $(RELEASE) $(CODENAME) $(REPO_URI)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form], check=True, capture_output=True, text=True
    ).stdout
    for line in listed.splitlines():
        origin, component, release, codename, uri = line.split(" ")
        if (origin, component) == ("Debian", "main") and not re.search("-", release + codename):
            return uri
    sys.exit("this machine's apt names no mirror of Debian: name one with --mirror")

"""`make kit-lock`: the locks of Debian's packages that kits are made of, anew, from the sources of this machine's apt.

apt has checked the signature of the lists that the hashes come from.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from unrep.kit.packages import LOCKS, apt_of

PACKAGES = (
    *("libbz2-1.0", "libc6", "libexpat1", "libffi8", "libgcc-s1", "liblzma5", "libpython3.11-minimal"),
    *("libpython3.11-stdlib", "libsqlite3-0", "libssl3", "libstdc++6", "libuuid1", "python3.11-minimal", "zlib1g"),
)
HEAD = "# Debian 12: NAME VERSION SHA256. Made by `make kit-lock`.\n"


def lock(architecture: str) -> str:
    """The lines of a lock. Raises CalledProcessError, or KeyError for a package that the sources do not have."""
    with tempfile.TemporaryDirectory(prefix="unrep-apt-") as scratch:
        options = apt_of(architecture, Path(scratch))
        subprocess.run(["apt-get", "-q", *options, "update"], check=True, stdout=subprocess.DEVNULL)
        shown = ["apt-cache", *options, "show", "--no-all-versions", *PACKAGES]
        text = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|SHA256): (\S+)$", paragraph, re.MULTILINE))
        if fields:
            found[fields["Package"]] = f"{fields['Package']} {fields['Version']} {fields['SHA256']}\n"
    return HEAD + "".join(found[name] for name in PACKAGES)


def main() -> int:
    for architecture in ("amd64", "arm64"):
        (LOCKS / f"debian-{architecture}.lock").write_text(lock(architecture), "ascii", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

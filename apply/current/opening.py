"""The switch that a site uses: the link of this operating system, or a pointer file where it is configured so."""

import os
from pathlib import Path
from typing import Literal

from apply.current.contract import Switch
from apply.current.junction import JunctionSwitch
from apply.current.kernel32 import Kernel32
from apply.current.pointer_file import PointerSwitch
from apply.current.symlink import PosixSwitch


def open_switch(site: Path, current: Literal["link", "pointer"] = "link") -> Switch:
    """The switch for the site: the link of this operating system, or a pointer file."""
    if current == "pointer":
        return PointerSwitch(site)
    if os.name == "nt":
        return JunctionSwitch(site, Kernel32())
    return PosixSwitch(site)

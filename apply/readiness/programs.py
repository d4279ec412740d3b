"""The commands that a configuration names: can the system start them? [A-141]"""

import os
from collections.abc import Iterator
from pathlib import Path

from apply.application.programs import located
from apply.readiness.findings import Finding
from apply.site.config import SiteConfig
from apply.site.health_checks import CommandCheck
from apply.site.layout import Site, StepContext
from bundle.host import presence
from bundle.host.files import open_plain

_HEAD_BYTES = 256
_OF_A_VERSION = ("{tree}", "{current}", "{version}")


def examine_commands(site: Site, config: SiteConfig, version: str) -> Iterator[Finding]:
    """What keeps a named command from being started.

    `version`: whose tree stands for {tree} and {current}. "": commands in a tree are not looked at.
    """
    for key, argv in _commands(config):
        word = argv[0]
        if any(name in word for name in _OF_A_VERSION):
            if not version:
                continue
            word = word.replace("{current}", "{tree}")
        if problem := _problem(StepContext(site.root, version, site.tree(version)).expand(word), site):
            yield Finding(key, problem)


def _commands(config: SiteConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, argv in (
        ("prepare.command", config.prepare.command),
        ("switch.restart", config.switch.restart),
        ("hooks.snapshot", config.hooks.snapshot),
        ("hooks.restore", config.hooks.restore),
        ("hooks.on_event", config.hooks.on_event),
    ):
        if argv:
            yield key, argv
    for number, check in enumerate(config.health):
        if isinstance(check, CommandCheck):
            yield f"health[{number}].argv", check.argv


def _problem(word: str, site: Site) -> str:
    """Why the program cannot be started; "" if nothing speaks against it."""
    found = located(word)
    if not found:
        return f"{word!r} is in no directory of PATH; install it, or name it by its full path"
    path = site.root / found
    if os.name == "nt" and not path.suffix:
        path = path if presence.is_file(path) else path.with_name(f"{path.name}.exe")
    if presence.is_directory(path):
        return f"{path} is a directory; name the program in it"
    if not presence.is_file(path):
        return f"{path} is not there; install it, or correct the path"
    return _unstartable(path, site) if os.name == "posix" else ""


def _unstartable(path: Path, site: Site) -> str:
    if not os.access(path, os.X_OK):
        return f"{path} may not be executed by this account; chmod +x it"
    try:
        with open_plain(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""  # a program may be executed and not read
    if head.startswith(b"#!"):
        interpreter = os.fsdecode(head[2:].split(b"\n")[0].strip(b" \t").split(b" ")[0])
        if not presence.is_file(site.root / interpreter):
            return f"{path} begins with #!{interpreter!r}, which is not there; correct its first line"
    elif head and not head.startswith(b"\x7fELF") and head.isascii() and b"\0" not in head:
        return f"{path} is a text without #! in its first line; begin it with such as #!/bin/sh"
    return ""

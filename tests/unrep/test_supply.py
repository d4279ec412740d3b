"""The supply of our own: locks that agree with each other, and an audit that does not take silence for good news."""

import re
from typing import Any

from tests.support.machines.supply_audit import exit_code, read_report
from tests.support.repository import REPOSITORY

REQUIREMENTS = REPOSITORY / "requirements"
PINNED = re.compile(r"^([a-z0-9.-]+)==(\S+) \\$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PINNED.findall((REQUIREMENTS / name).read_text(encoding="utf-8")))


def report(**more: Any) -> dict[str, Any]:
    return {"dependencies": [{"name": "good", "version": "1", "vulns": []}, {"name": "other", "version": "2"} | more]}


def test_the_audit_tells_what_is_known_from_what_was_not_asked() -> None:
    clean, silent = read_report(report(vulns=[])), read_report(report(skip_reason="not found"))
    bad = read_report(report(vulns=[{"id": "X-1", "aliases": ["Y-2"], "fix_versions": ["2.1"]}]))
    assert exit_code([clean, clean]) == 0
    assert exit_code([clean, silent]) == 2 and silent.unasked == ("other: not found",)
    assert exit_code([bad, silent]) == 1 and bad.known == ("other 2: X-1, Y-2, mended in 2.1",)
    assert exit_code([read_report({"dependencies": []})]) == 2, "a lock that was not read"


def test_what_runs_is_what_was_tested() -> None:
    """Every package of the product is locked, with hashes, in the version that the suite runs with."""
    runtime, tested = pins("runtime.lock"), pins("dev.lock")
    assert len(runtime) > 10 and runtime.items() <= tested.items()
    for name in (
        "runtime.lock",
        "dev.lock",
        "hooks.lock",
        "windows-ci.lock",
        "fuzz.lock",
        "docs.lock",
        "audit.lock",
        "schemathesis.lock",
    ):
        text = (REQUIREMENTS / name).read_text(encoding="utf-8")
        assert len(pins(name)) == len(re.findall(r"^[a-z]", text, re.MULTILINE)), f"{name}: one without a hash"


def test_what_goes_into_one_environment_has_one_version() -> None:
    """The suite, the documentation and the hooks before a commit are installed beside each other."""
    docs, hooks, tested = pins("docs.lock"), pins("hooks.lock"), pins("dev.lock")
    for one, other in ((docs, tested), (hooks, tested), (hooks, docs)):
        shared = one.keys() & other.keys()
        assert len(shared) > 1 and {name: one[name] for name in shared} == {name: other[name] for name in shared}

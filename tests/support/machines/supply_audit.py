"""`make audit`: what is known against the packages that are locked, and a bill of materials (CycloneDX) of what runs.

    python -m tests.support.machines.supply_audit DIRECTORY-OF-THE-TOOLS OUT

Exit code 0: every package was asked for, and nothing is known. 1: something is known. 2: the service could not be asked
about every package, which is not the same as that nothing is known.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.repository import REPOSITORY

LOCKS = ("runtime", "dev", "fuzz", "docs", "hooks")


@dataclass(frozen=True)
class Finding:
    """What pip-audit said of one lock file; `known` and `unasked` are lines for a person."""

    packages: int
    known: tuple[str, ...]
    unasked: tuple[str, ...]


def read_report(report: dict[str, Any]) -> Finding:
    """From its JSON. A package that it skipped was not asked for."""
    listed = report["dependencies"]
    known = [
        f"{package['name']} {package['version']}: {', '.join([fault['id'], *fault.get('aliases', [])])}, "
        f"mended in {', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in listed
        for fault in package.get("vulns", ())
    ]
    unasked = [f"{package['name']}: {package['skip_reason']}" for package in listed if "skip_reason" in package]
    return Finding(len(listed), tuple(known), tuple(unasked))


def exit_code(findings: list[Finding]) -> int:
    """1 before 2: what is known needs a person first. A lock without packages was not read, and counts as unasked."""
    if any(finding.known for finding in findings):
        return 1
    return 2 if any(finding.unasked or not finding.packages for finding in findings) else 0


def audit(tools: Path, lock: Path) -> Finding:
    """Asks about one lock file, by the hashes in it: nothing is installed or resolved."""
    command = [str(tools / "pip-audit"), "--progress-spinner=off", "--format=json", "--require-hashes", "--disable-pip"]
    ended = subprocess.run([*command, "-r", str(lock)], capture_output=True, encoding="utf-8")
    try:
        return read_report(json.loads(ended.stdout))
    except (ValueError, KeyError):
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Finding(0, (), (f"all of {lock.name}: {last}",))


def write_bill(tools: Path, lock: Path, out: Path) -> None:
    """The bill of materials of a lock file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    form = ["--output-reproducible", "--of=JSON", "--mc-type=application", f"--pyproject={REPOSITORY}/pyproject.toml"]
    program = [str(tools / "python"), "-W", "ignore", "-m", "cyclonedx_py"]
    subprocess.run([*program, "requirements", str(lock), *form, "-o", str(out)], check=True)


def main(tools: Path, out: Path) -> int:
    bill = out / "unrep.cdx.json"
    write_bill(tools, REPOSITORY / "requirements" / "runtime.lock", bill)
    print(f"{bill}: {len(json.loads(bill.read_text())['components'])} components")
    findings = []
    for name in LOCKS:
        finding = audit(tools, REPOSITORY / "requirements" / f"{name}.lock")
        findings.append(finding)
        asked = finding.packages - len(finding.unasked)
        print(f"{name}.lock: {max(asked, 0)} of {finding.packages} packages asked for, {len(finding.known)} findings")
        for line in finding.known:
            print(f"  KNOWN: {line}")
    code = exit_code(findings)
    if code == 2 or any(finding.unasked for finding in findings):
        missed = [line for finding in findings for line in finding.unasked]
        print("NOT AUDITED: the service that knows of vulnerabilities did not answer for these. Nothing is proven.")
        print("\n".join(f"  {line}" for line in missed[:5]))
        print(f"  and {len(missed) - 5} more" if len(missed) > 5 else "")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

"""Health checks that no version here has ever passed: is the check at fault? [A-144]

A check that was passed once and fails now says something of the application. One that never was may be misspelt, and
would condemn every release. So the version that runs is asked first.
"""

import time
from collections.abc import Iterator

from apply.application.checks import check_once, fingerprint, label
from apply.readiness.findings import Finding
from apply.record.state import SiteState
from apply.site.config import SiteConfig
from apply.site.layout import Site

_ATTEMPTS = 3
_PAUSE_S = 0.5


def examine_checks(site: Site, config: SiteConfig, state: SiteState) -> Iterator[Finding]:
    """Required checks that are new here, and that the running version does not pass."""
    if not state.current_version or state.pending:
        return
    for number, check in enumerate(config.health):
        if check.requirement != "required" or fingerprint(check) in state.passed_checks:
            continue
        context = site.context(state.current_version)
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE_S if attempt else 0)
            result = check_once(check, context)
            if result.passed:
                break
        else:
            yield Finding(
                f"health[{number}]",
                f"{label(check)} was never passed here, and version {state.current_version}, which runs, does not pass "
                f'it either: {result.detail}; correct the check, or set requirement = "wanted" until a version has '
                "passed it",
            )

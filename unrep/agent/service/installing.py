"""What an agent is as a service of the operating system: its name and its command.

The name tells sites of one machine apart. The command names this very Python, not one that PATH might find. Where
unrep is a release at a site of its own, it names the launcher there.
"""

import os
import re
import sys
import sysconfig
from pathlib import Path

from apply.site.layout import Site
from unrep.renewing.home import home_site
from unrep.renewing.installing import PROVEN_S, launching


def service_name(site: Site) -> str:
    """Such as "unrep-agent-vms", from the name of the site's directory."""
    return "unrep-agent-" + (re.sub(r"[^A-Za-z0-9]+", "-", site.root.name).strip("-") or "site")


def renewal_name(home: Site) -> str:
    """Of what makes the rounds of unrep's own site, such as "unrep-renew-unrep"."""
    return service_name(home).replace("agent", "renew", 1)


def renewal_argv(home: Site, site: Site) -> list[str]:
    """The command that it runs [A-232]. The launcher must be there."""
    words = (str(site.root), str(PROVEN_S))
    if os.name == "nt":
        return launching(home, "renewals", renewal_name(home), str(home.private / "renew.log"), *words) or []
    return launching(home, "renew", *words) or []


def agent_argv(site: Site, config: Path | None, name: str) -> list[str]:
    """The command that a service runs; on Windows it writes what it tells into SITE/.unrep/agent.log.

    The launchers must be there, where unrep has a site of its own.
    """
    told = ["--site", str(site.root), *(["--config", str(config.absolute())] if config else [])]
    argv = ["agent", *told]
    for_service = [name, str(site.private / "agent.log")] if os.name == "nt" else []
    if home := home_site():  # of whatever version is current there when it starts
        return launching(home, "agent", *for_service, *told) or []
    if os.name == "nt":
        return [*_python("unrep.agent.service.windows_service"), *for_service, *argv]
    return [sys.executable, "-P", "-m", "unrep", *argv]


def _python(module: str) -> list[str]:
    """The command that runs a module with this Python, by the real executable.

    A virtual environment's python.exe only starts the real one as its child. The service manager expects to hear from
    the process that it started.
    """
    if sys.prefix == sys.base_prefix:
        return [sys.executable, "-P", "-m", module]
    real, ours = Path(sys.base_prefix) / Path(sys.executable).name, sysconfig.get_path("purelib")
    return [str(real), "-P", "-c", f"import site; site.addsitedir({ours!r}); from {module} import main; main()"]

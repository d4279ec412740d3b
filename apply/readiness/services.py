"""The services, pools and hosts that a configuration names: do they exist? [A-142]"""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from apply.application.commands import run_own
from apply.application.programs import system32, system_program
from apply.application.windows_programs import service_state
from apply.errors import StepFailed
from apply.readiness.findings import Finding
from apply.site.config import SiteConfig
from apply.site.health_checks import HttpCheck, SystemdUnitCheck, TcpCheck, WindowsServiceCheck
from apply.site.layout import Site, StepContext

STEP: Final = "check"
_TIMEOUT_S: Final = 20.0
Question = Callable[[StepContext], str]  # says what is wrong, "" for nothing; raises StepFailed


def examine_services(site: Site, config: SiteConfig) -> Iterator[Finding]:
    """Each named thing of the system that is not there, or cannot be asked for."""
    context = StepContext(site.root, "", site.versions)
    for key, ask in _questions(config):
        try:
            problem = ask(context)
        except StepFailed as error:
            problem = error.reason
        if problem:
            yield Finding(key, problem)


def _questions(config: SiteConfig) -> Iterator[tuple[str, Question]]:
    switch = config.switch
    if switch.systemd_unit is not None:
        yield "switch.systemd_unit", partial(_unit, switch.systemd_unit)
    if switch.windows_service is not None:
        yield "switch.windows_service", partial(_service, switch.windows_service)
    if switch.iis_app_pool is not None:
        yield "switch.iis_app_pool", partial(_pool, switch.iis_app_pool)
    for number, check in enumerate(config.health):
        match check:
            case SystemdUnitCheck():
                yield f"health[{number}].name", partial(_unit, check.name)
            case WindowsServiceCheck():
                yield f"health[{number}].name", partial(_service, check.name)
            case TcpCheck():
                yield f"health[{number}].host", partial(_host, check.host)
            case HttpCheck():
                yield f"health[{number}].url", partial(_host, urlsplit(check.url).hostname or "")


def _unit(name: str, context: StepContext) -> str:
    argv = [system_program("systemctl"), "show", "--property=LoadState", "--value", "--", name]
    state = run_own(argv, context, step=STEP, timeout_s=_TIMEOUT_S).strip()
    return "" if state == "loaded" else f"systemd has no unit {name!r} that it can start ({state or 'no answer'})"


def _service(name: str, context: StepContext) -> str:
    service_state(name, context, step=STEP, timeout_s=_TIMEOUT_S)
    return ""


def _pool(name: str, context: StepContext) -> str:
    argv = [system32("inetsrv/appcmd.exe"), "list", "apppool", f"/apppool.name:{name}", "/text:state"]
    state = run_own(argv, context, step=STEP, timeout_s=_TIMEOUT_S).strip()
    return "" if state else f"IIS has no application pool {name!r}"


def _host(host: str, _: StepContext) -> str:
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"host {host!r} has no address here ({reason}); correct the name, or give an address"
    return ""

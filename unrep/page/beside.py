"""The mate's page beside an agent, in a thread of the same process, where the configuration asks for it [A-197]."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apply.site.layout import Site
from bundle.host.clock import WallClock
from transfer.errors import OutputRefused
from unrep.page.server import PageServer
from unrep.terminal.console import say
from unrep.terminal.options.site import configuration


@contextmanager
def page_beside(site: Site, config_file: Path | None, clock: WallClock) -> Iterator[None]:
    """Shows the page for as long as the block lasts, if page.by_agent says so; a port that is taken is only told.

    In the end it waits for what a button has begun. Raises what `configuration` does.
    """
    config = configuration(site.root, config_file)
    server = _opened(site, config.page.port, clock, config_file) if config.page.by_agent else None
    if server is None:
        yield
        return
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True)
        thread.start()
        say(f"{site.root}: the mate's page is at {server.url}")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.jobs.wait()


def _opened(site: Site, port: int, clock: WallClock, config_file: Path | None) -> PageServer | None:
    try:
        return PageServer(site, port, clock, config_file)
    except OutputRefused as error:
        say(f"the mate's page is not shown: {error}")
        return None

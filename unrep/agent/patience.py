"""How soon an update is tried again that the ship itself was not fit for [A-160].

Such a try may cost a whole rebuild, and a record and a receipt each time. So the pause doubles from round to round, up
to four hours. It ends at once when the configuration changes, for that is where a person mends it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apply.site.config import SiteConfig

LONGEST_PAUSE_S: Final = 4 * 3600.0


@dataclass(frozen=True)
class _Failure:
    bundle: str
    config: SiteConfig
    pause_s: float
    until: float


class Patience:
    """Of one agent; times are those of a clock that cannot be set."""

    def __init__(self) -> None:
        self._last: _Failure | None = None

    def may_try(self, bundle: Path, config: SiteConfig, now: float) -> bool:
        """Whether it is time to try that bundle."""
        last = self._of(bundle, config)
        return last is None or now >= last.until

    def failed(self, bundle: Path, config: SiteConfig, now: float) -> None:
        """The ship was not fit for it."""
        last = self._of(bundle, config)
        pause_s = min(2 * last.pause_s, LONGEST_PAUSE_S) if last else config.agent.poll_interval_s
        self._last = _Failure(bundle.name, config, pause_s, now + pause_s)

    def forget(self) -> None:
        """An update came to a verdict."""
        self._last = None

    def _of(self, bundle: Path, config: SiteConfig) -> _Failure | None:
        last = self._last
        return last if last and (last.bundle, last.config) == (bundle.name, config) else None

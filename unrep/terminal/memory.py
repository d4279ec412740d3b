"""How much memory a run took."""

import sys

if sys.platform != "win32":
    import resource


def peak_rss_bytes() -> int | None:
    """The largest resident size in bytes of this process or of one of its finished children; None on Windows."""
    if sys.platform == "win32":
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

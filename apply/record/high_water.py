"""How far releases have come: at the site, and by the word of shore."""

import msgspec

Mark = tuple[int, int]  # epoch, seq


class HighWater(msgspec.Struct, frozen=True):
    """The newest release whose switch was ever intended. Only this very release or a newer one is admitted."""

    epoch: int
    seq: int
    tree: str

    @property
    def mark(self) -> Mark:
        """See Release.mark."""
        return self.epoch, self.seq


class Shore(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest heartbeat announced as newest, at `time` in seconds since 1970.

    under: the version of the trust root by which it was verified. trust, revocations: the versions that shore has.
    signers: the ids of the release keys that signed it, in hex. product: "" in records of older versions of unrep.
    """

    epoch: int
    seq: int
    trust: int
    revocations: int
    time: int
    under: int
    signers: tuple[str, ...] = ()
    product: str = ""

"""Who may speak for shore now, and who signed what the site remembers: spec/trust.md, [R-19].

A release key can be stolen, and a site remembers times and numbers that it signed. So each is stored with its signers,
and is forgotten once a trust root or a revocation list no longer lets them speak.
"""

import msgspec

from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Signers, Trust


class Attribution(msgspec.Struct, frozen=True):
    """Who signed a thing: the version of the trust root at that time, and the ids of the release keys, in hex."""

    under: int = 0
    signers: tuple[str, ...] = ()


class Authority(msgspec.Struct, frozen=True):
    """Who may speak now: the version of the trust root, the ids of its release keys, in hex.

    spoken_at: the latest time that root keys have signed. speaks_until: see Trust. Both in seconds since 1970.
    """

    version: int
    keys: frozenset[str]
    spoken_at: int
    speaks_until: int

    @classmethod
    def of(cls, trust: Trust) -> "Authority":
        """The authority that follows from a verified trust."""
        return cls(trust.root.version, frozenset(_ids(trust.release_keys)), trust.spoken_at, trust.speaks_until)

    def includes(self, signers: tuple[str, ...]) -> bool:
        """Whether all of these keys may still speak."""
        return self.keys.issuperset(signers)

    def attribution(self, signers: Signers) -> Attribution:
        """The attribution of what these keys have signed under this trust root."""
        return Attribution(self.version, _ids(signers))


def _ids(keys: frozenset[VerifyingKey]) -> tuple[str, ...]:
    return tuple(sorted(key.key_id.hex() for key in keys))

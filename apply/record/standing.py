"""Whose word counts: what a site remembers of what release keys said, and when it forgets that again [R-19].

A release key can be stolen, and a site remembers times and numbers that it signed. So each is kept with who said it,
and is forgotten once a trust root or a revocation list no longer lets that key speak.
"""

import msgspec

from bundle.trust.signing import VerifyingKey
from bundle.trust.trust import Signers, Trust


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who said it: the trust root that counted then, and the release keys that signed, by their ids in hex."""

    under: int = 0
    signers: tuple[str, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """Who may speak now: the trust root, its release keys, and the latest time that root keys have signed.

    `speaks_until`: see Trust. Times in seconds since 1970.
    """

    version: int
    keys: frozenset[str]
    spoken_at: int
    speaks_until: int

    @classmethod
    def of(cls, trust: Trust) -> "Standing":
        """As that trust has it."""
        return cls(trust.root.version, frozenset(_ids(trust.release_keys)), trust.spoken_at, trust.speaks_until)

    def counts(self, signers: tuple[str, ...]) -> bool:
        """Whether all of these may still speak."""
        return self.keys.issuperset(signers)

    def word_of(self, signers: Signers) -> Word:
        """What these say now."""
        return Word(self.version, _ids(signers))


def _ids(keys: frozenset[VerifyingKey]) -> tuple[str, ...]:
    return tuple(sorted(key.key_id.hex() for key in keys))

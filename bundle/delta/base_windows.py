"""Windows of content, sampled by their own bytes: what two contents share gives the same samples in both.

A. Broder, "Identifying and filtering near-duplicate documents", 2000. A sample of every n-th offset would not do: after
an insertion of one byte the two contents would have no sample in common.
"""

import numpy as np
from numpy.typing import NDArray

Samples = tuple[NDArray[np.uint64], NDArray[np.int64]]

_WORD_BYTES = 8
_BLOCK_BYTES = 64 * 1024  # what is worked on at once: its arrays stay in the processor's cache
# Both are odd, so that multiplying by them modulo 2^64 loses nothing. The first is 2^64 over the golden ratio (Knuth,
# The Art of Computer Programming, 6.4), which spreads similar words evenly. The second is a prime that xxHash uses.
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX_NEXT = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)


def sampled(data: NDArray[np.uint8], width: int, share: int) -> Samples:
    """(fingerprint, offset) of about one window in `share`, in the order of offsets. `width`: bytes, a multiple of 8.

    Windows that begin with 9 equal bytes are left out.
    """
    count = len(data) - width + 1
    if count <= 0:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    words = np.lib.stride_tricks.sliding_window_view(data, _WORD_BYTES).view("<u8")[:, 0]
    limit = np.uint64((1 << 64) // share - 1)
    parts = [
        _block(words, start, min(start + _BLOCK_BYTES, count), width, limit) for start in range(0, count, _BLOCK_BYTES)
    ]
    return np.concatenate([mixed for mixed, _ in parts]), np.concatenate([at for _, at in parts])


def _block(words: NDArray[np.uint64], start: int, end: int, width: int, limit: np.uint64) -> Samples:
    # The first word alone decides whether a window is a sample. So most offsets cost one multiplication. The rest of a
    # window is hashed for the few that were chosen.
    mixed = words[start:end] * _MIX
    at = np.flatnonzero(mixed <= limit)
    # A word that equals the one a byte further on is a run of one byte: zeros, spaces. In it every offset would be a
    # sample, or none would be. And it occurs in so many places that it does not tell what moved where.
    at = at[words[start + at] != words[start + at + 1]]
    mixed, at = mixed[at], at + start
    for more in range(_WORD_BYTES, width, _WORD_BYTES):
        mixed = ((mixed ^ (mixed >> _HALF)) + words[at + more]) * _MIX_NEXT
    return mixed, at

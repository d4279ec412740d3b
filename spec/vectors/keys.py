"""Public keys, raw: which a receiver may trust [F-29]. All are checked before anything is read with them."""

PRIME = 2**255 - 19
SIGN = 1 << 255
EIGHTH = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")


def key(y: int, size: int = 32) -> str:
    return (y % (1 << 256)).to_bytes(33, "little")[:size].hex()


# name, what must become of it, the key in hex, what it is
KEYS = [
    ("base-point", "accept", key(4 * pow(5, -1, PRIME)), "the point that all keys are multiples of"),
    ("base-point-negative", "accept", key(4 * pow(5, -1, PRIME) + SIGN), "the same with the other sign"),
    ("short", "malformed", key(4 * pow(5, -1, PRIME), 31), "31 bytes"),
    ("long", "malformed", key(4 * pow(5, -1, PRIME), 33), "33 bytes"),
    ("order-1", "malformed", key(1), "the neutral point"),
    ("order-1-sign", "malformed", key(1 + SIGN), "the neutral point with a sign that it has not"),
    ("order-2", "malformed", key(PRIME - 1), "the point of order 2"),
    ("order-4", "malformed", key(0), "a point of order 4"),
    ("order-4-sign", "malformed", key(SIGN), "the other point of order 4"),
    ("order-8", "malformed", key(EIGHTH), "a point of order 8"),
    ("order-8-sign", "malformed", key(EIGHTH + SIGN), "its negative"),
    ("order-8-other", "malformed", key(PRIME - EIGHTH), "another point of order 8"),
    ("order-8-other-sign", "malformed", key(PRIME - EIGHTH + SIGN), "its negative"),
    ("off-curve", "malformed", key(2), "no point of the curve has this y"),
    ("off-curve-sign", "malformed", key(2 + SIGN), "nor with this sign"),
    ("wrapped-0", "malformed", key(PRIME), "0, written as 2^255 - 19"),
    ("wrapped-1", "malformed", key(PRIME + 1), "1, written as 2^255 - 18"),
    ("wrapped-18", "malformed", key(PRIME + 18), "18, written as 2^255 - 1"),
]

"""Vectors of a file and its signatures, each broken once.

`CASES` holds what generate.py registers, as in cases.py.
"""

import struct

from raw import PIECE, STRANGER, TRUSTED, Bundle, Case, full, key_id, stored_section, with_tree, write
from sound import LARGE


def flipped_table() -> bytes:
    data = bytearray(with_tree(LARGE))
    body = stored_section(full(LARGE))[1]
    data[len(data) - len(body)] ^= 1
    return bytes(data)


def pieces_exchanged() -> bytes:
    data = with_tree(LARGE)
    first, second = data[-2 * PIECE : -PIECE], data[-PIECE:]
    return data[: -2 * PIECE] + second + first


CASES: list[Case] = [
    # The file
    ("empty", "malformed", "F-1", "no byte at all", lambda: b""),
    ("magic", "malformed", "F-1", "another magic", lambda: b"UNRAP" + write(Bundle([full()]))[5:]),
    (
        "format-2",
        "unsupported",
        "F-1",
        "format version 2 in the preamble",
        lambda: write(Bundle([full()], preamble=lambda p: p[:5] + b"\2" + p[6:])),
    ),
    (
        "root-length-0",
        "malformed",
        "F-2",
        "a root of no bytes",
        lambda: write(Bundle([full()], preamble=lambda p: p[:6] + bytes(4) + p[10:])),
    ),
    (
        "root-length-max",
        "malformed",
        "F-2",
        "a root of 262,145 bytes",
        lambda: write(Bundle([full()], preamble=lambda p: p[:6] + struct.pack("<I", 262_145) + p[10:])),
    ),
    (
        "signatures-length-max",
        "malformed",
        "F-2",
        "a signature block of 65,537 bytes",
        lambda: write(Bundle([full()], preamble=lambda p: p[:10] + struct.pack("<I", 65_537))),
    ),
    ("header-cut", "corrupt", "F-6", "cut within the root", lambda: write(Bundle([full()], file=lambda f: f[:100]))),
    (
        "cut",
        "corrupt",
        "F-6* F-150",
        "the last byte is missing",
        lambda: write(Bundle([full()], file=lambda f: f[:-1])),
    ),
    ("trailing", "malformed", "F-6", "a byte too many", lambda: write(Bundle([full()], file=lambda f: f + b"\0"))),
    (
        "flipped-body",
        "corrupt",
        "F-21",
        "a bit of the body",
        lambda: write(Bundle([full()], file=lambda f: f[:-9] + b"!" + f[-8:])),
    ),
    ("flipped-table", "corrupt", "F-21", "a byte of a hash table", flipped_table),
    ("pieces-exchanged", "corrupt", "F-21", "two pieces of the body in each other's place", pieces_exchanged),
    (
        "section-hash",
        "corrupt",
        "F-20",
        "the root names another hash of the section",
        lambda: write(Bundle([full(top=lambda h: h[::-1])])),
    ),
    # Signatures
    (
        "stranger",
        "untrusted",
        "F-28",
        "signed by a key that is not trusted",
        lambda: write(Bundle([full()], keys=[STRANGER])),
    ),
    (
        "no-signature",
        "malformed",
        "F-28",
        "an empty list",
        lambda: write(Bundle([full()], signatures=lambda e: (("s", []),))),
    ),
    (
        "signature-twice",
        "malformed",
        "F-28",
        "one signature twice, for a threshold of two",
        lambda: write(Bundle([full()], signatures=lambda e: (("s", e * 2),))),
    ),
    (
        "borrowed-key-id",
        "untrusted",
        "F-28",
        "a stranger's signature under the trusted key's id",
        lambda: write(Bundle([full()], keys=[STRANGER], signatures=lambda e: (("s", [[key_id(TRUSTED), e[0][1]]]),))),
    ),
    (
        "short-signature",
        "malformed",
        "F-28",
        "a signature of 63 bytes",
        lambda: write(Bundle([full()], signatures=lambda e: (("s", [[e[0][0], e[0][1][:63]]]),))),
    ),
    (
        "other-payload-type",
        "untrusted",
        "F-10",
        "a signature for another payload type",
        lambda: write(Bundle([full()], signed=lambda r: b"DSSEv1 12 unrep/root/2 %d %s" % (len(r), r))),
    ),
    (
        "bare-signature",
        "untrusted",
        "F-10",
        "a signature over the root without the encoding",
        lambda: write(Bundle([full()], signed=lambda r: r)),
    ),
    (
        "signature-block-key",
        "malformed",
        "F-3",
        "an unknown key in the signature block",
        lambda: write(Bundle([full()], signatures=lambda e: (("s", e), ("x", 1)))),
    ),
    (
        "root-after-signing",
        "untrusted",
        "F-4",
        "the root changed after it was signed",
        lambda: write(Bundle([full()], file=lambda f: f.replace(b"vectors", b"vektors"))),
    ),
]

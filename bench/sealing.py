"""Encrypting and decrypting bodies, beside `openssl speed` for the same cipher, the same chunks, in the same run.

    python -m bench.sealing [--mib 256] [--rounds 5] [--json FILE]

Ours is what a build and an update do: chunk after chunk through `section_cipher`, from memory; and, for comparison, the
whole of a section read through the reader, its pieces hashed before they are decrypted, and hashed alone. One core.
Both count CPU time, as `openssl speed` does unless it is told otherwise, so a busy machine slows neither much. Best of
the rounds, all in turn.
"""

import argparse
import json
import re
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random

from bundle.format.objects import MemoryObject
from bundle.format.pieces import HashTree, build_tables, pieces_of
from bundle.format.section_cipher import (
    CHUNK_BYTES,
    PLAIN_BYTES,
    ContentKey,
    SectionCipher,
    chunks_of_body,
    encrypted_bytes,
)
from bundle.read.body import DecryptedBody, StoredBody

MIB = 1024 * 1024
PIECE_BYTES = 256 * 1024


def openssl_rate(decrypt: bool) -> float:
    """Bytes per second of `openssl speed` on one core."""
    argv = ["openssl", "speed", "-seconds", "1", "-bytes", str(PLAIN_BYTES), "-evp", "chacha20-poly1305"]
    argv += ["-decrypt"] if decrypt else []
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    found = re.search(r"ChaCha20-Poly1305\s+([\d.]+)k", said, re.IGNORECASE)
    assert found, said
    return float(found[1]) * 1000


def rate(size: int, work: Callable[[], object]) -> float:
    """Bytes per second of CPU time."""
    begun = time.process_time()
    work()
    return size / (time.process_time() - begun)


def encrypt(cipher: SectionCipher, plain: MemoryObject) -> None:
    for _ in cipher.encrypt(plain):
        pass


def decrypt(cipher: SectionCipher, chunks: list[bytes]) -> None:
    for number, chunk in enumerate(chunks):
        cipher.decrypt(number, chunk)


def read_body(stored: bytes, tables: bytes, top: bytes, cipher: SectionCipher | None) -> None:
    data, size = tables + stored, len(stored)
    pieces = [(piece.offset, piece) for piece in pieces_of(size, PIECE_BYTES)]
    tree = HashTree(size, PIECE_BYTES, top)
    body = StoredBody(Path("bench"), lambda offset, length: data[offset : offset + length], pieces, tree, PIECE_BYTES)
    (DecryptedBody(Path("bench"), body, cipher) if cipher else body).verify()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    size = options.mib * MIB
    random = Random(1)
    plain = b"".join(random.randbytes(MIB) for _ in range(options.mib))  # 256 MiB at once are more than it makes
    source, key = MemoryObject(plain), ContentKey.new()
    cipher = key.section_cipher(0, chunks_of_body(encrypted_bytes(size)))
    stored = b"".join(cipher.encrypt(source))
    chunks = [stored[at : at + CHUNK_BYTES] for at in range(0, len(stored), CHUNK_BYTES)]
    tables, top = build_tables(MemoryObject(stored), PIECE_BYTES)
    works: dict[str, Callable[[], float]] = {
        "openssl speed, encrypt": lambda: openssl_rate(decrypt=False),
        "encrypt": lambda: rate(size, lambda: encrypt(cipher, source)),
        "openssl speed, decrypt": lambda: openssl_rate(decrypt=True),
        "decrypt": lambda: rate(size, lambda: decrypt(cipher, chunks)),
        "SHA-256 alone": lambda: rate(size, lambda: sha256(stored).digest()),
        "read a body, not encrypted": lambda: rate(size, lambda: read_body(stored, tables, top, None)),
        "read a body, encrypted": lambda: rate(size, lambda: read_body(stored, tables, top, cipher)),
    }
    best = dict.fromkeys(works, 0.0)
    for _ in range(options.rounds):
        for name, work in works.items():
            best[name] = max(best[name], work())
    for name, found in best.items():
        print(f"{name:28} {found / 1e6:8,.0f} MB/s")
    ratios = {name: best[name] / best[f"openssl speed, {name}"] for name in ("encrypt", "decrypt")}
    ratios["read, encrypted over not"] = best["read a body, encrypted"] / best["read a body, not encrypted"]
    for name, ratio in ratios.items():
        print(f"{name:28} {ratio:8.2f} {'of openssl' if name in best else ''}")
    print(f"{'size, encrypted over plain':28} {len(stored) / size:8.6f}")
    if options.json:
        options.json.write_text(json.dumps({"mb_per_s": best, "ratios": ratios, "size": len(stored) / size}, indent=1))


if __name__ == "__main__":
    main()

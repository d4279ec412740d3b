"""Shapes of releases that matching has to hold on: repeated content, many files joined into one, one file split up."""

from random import Random


def repeated(size: int, seed: int = 1) -> bytes:
    """Content of about `size` bytes, of which a third occurs again, in stretches of up to 64 KiB, as in disk images."""
    rng = Random(seed)
    stretches = [rng.randbytes(64 * 1024) for _ in range(max(1, size // (16 * 64 * 1024)))]
    parts, made = [], 0
    while made < size:
        if rng.random() < 1 / 3:
            parts.append(rng.choice(stretches))
        else:
            parts.append(rng.randbytes(64 * 1024))
        made += len(parts[-1])
    return b"".join(parts)


def edited(data: bytes, edits: int, most: int = 1, seed: int = 2) -> bytes:
    """The same with `edits` stretches of 1 to `most` bytes replaced, 5,000 bytes inserted at a third of it, and 7,000
    removed at two thirds."""
    rng, made = Random(seed), bytearray(data)
    for _ in range(edits):
        size = rng.randrange(most) + 1
        at = rng.randrange(len(made) - size)
        made[at : at + size] = rng.randbytes(size)
    third = len(made) // 3
    return bytes(made[:third] + rng.randbytes(5000) + made[third : 2 * third] + made[2 * third + 7000 :])


def sources(count: int, seed: int = 3) -> list[bytes]:
    """Texts that resemble the modules of a program: a common header, and lines that are their own."""
    rng = Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(3, 10))) for _ in range(3000)]
    header = b"/* Copyright the authors. Licensed under the terms of the license beside this file. */\n"
    made = []
    for number in range(count):
        lines = [f"export function {rng.choice(words)}{number}() {{"]
        lines += [
            f"  {rng.choice(words)}.{rng.choice(words)}({rng.choice(words)}, {rng.randrange(1000)});"
            for _ in range(rng.randrange(20, 260))
        ]
        made.append(header + "\n".join([*lines, "}", ""]).encode())
    return made

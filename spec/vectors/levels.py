"""The levels of conformance, and which requirement is proven at which; as in spec/conformance.md.

A vector's level is the highest of its requirements: a reader below it cannot come to the verdict. Levels stand in the
order in which that is judged.
"""

LEVELS: dict[str, tuple[tuple[str, ...], str]] = {
    "verify": ((), "F-1 to F-10 F-20 F-21 F-28 F-29 F-100 F-150 F-151"),
    "plain": (
        ("verify",),
        "F-11 to F-19 F-22 to F-27 F-30 to F-34 F-36 to F-41 F-62 to F-65 F-67 F-68 F-101 F-102 F-134 F-143",
    ),
    "archives": (("plain",), "F-35 F-45 to F-48 F-59 F-69 to F-77 F-87 to F-89 F-130 to F-133"),
    "references": (("plain",), "F-50 to F-58 F-66 F-81 F-82 F-108 F-109 F-139 to F-142"),
    "derived": (("plain",), "F-103 to F-107"),
    "sealed": (("plain",), "S-1 to S-17"),
    "trust": (("verify",), "R-1 to R-20"),
    "messages": (("verify",), "T-138 to T-140 C-1 to C-14 F-60 F-61"),
    "stages": ((), "N-11"),
}


def spread(text: str) -> list[str]:
    """Requirements of such a list, with "F-1 to F-3" filled in."""
    found: list[str] = []
    words = text.split()
    for at, word in enumerate(words):
        if word == "to" or (at and words[at - 1] == "to"):
            continue
        letter, number = word.split("-")
        end = int(words[at + 2].split("-")[1]) if words[at + 1 : at + 2] == ["to"] else int(number)
        found += [f"{letter}-{n}" for n in range(int(number), end + 1)]
    return found


OF = {number: name for name, (_, numbers) in LEVELS.items() for number in spread(numbers)}
# A plain key follows no trust root, so what a bundle carries of them is passed over with its header.
OF |= dict.fromkeys(spread(LEVELS["trust"][1]), "verify")


def level_of(requirements: list[str]) -> str:
    """The level at which a vector of these is judged."""
    return max((OF[number] for number in requirements), key=list(LEVELS).index)

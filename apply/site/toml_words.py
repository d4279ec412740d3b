"""What is wrong with a configuration, in the words of TOML: msgspec speaks of its own types and places."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bundle.names.nearness import did_you_mean

_TOML_WORDS: Final = {
    "object": "a table",
    "array": "an array",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
}


# msgspec names the place in its own notation, and calls types as Python does. A person knows TOML.
def explained(
    message: str, choices: Mapping[str, Sequence[str]], known_keys: Callable[[str], tuple[str, ...]]
) -> tuple[str, str]:
    """Our words for msgspec's, such as "Expected `int`, got `str` - at `$.health[0].port`", and the key at fault.

    `choices`: what a key of that name may be. `known_keys`: of a table.
    """
    problem, key = message, ""
    if place := re.search(r" - at `\$\.?([\w.\[\]]+)`\Z", message):
        problem, key = message[: place.start()], place[1]
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        known, name = known_keys(key), _joined(key, unknown[1])
        hint = "; 'product' stands above all tables" if unknown[1] == "product" else did_you_mean(unknown[1], known)
        return f"unknown key {name!r}; known keys are {', '.join(known)}{hint}", name
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return f"missing key {_joined(key, missing[1])!r}", key
    if problem.startswith("Invalid"):
        may_be = ", ".join(choices[key.rpartition(".")[2]])
        return f"{key!r}: {_lowered(problem)}; it may be one of {may_be}", key
    if "matching regex" in problem:
        is_name = "a-z" in problem
        allowed = "must be lower-case letters, digits, '-' and '_'" if is_name else "must not hold a NUL character"
        return f"{key!r} {allowed}", key
    if (first := re.split(r"\W", problem, maxsplit=1)[0]) in known_keys(key):  # a table says what it lacks
        return (f"{key!r}: {problem}" if key else problem), _joined(key, first)
    words = re.sub(r"`(\w+)(?: \| null)?`", lambda word: _TOML_WORDS.get(word[1], word[1]), problem)
    return (f"{key!r}: {_lowered(words)}" if key else _lowered(words)), key


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _joined(table: str, key: str) -> str:
    return f"{table}.{key}" if table else key

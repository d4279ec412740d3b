"""`.gitignore` files read as git reads them: gitignore(5), and where that is silent, git's own `wildmatch`.

A rule is matched with one entry of a directory at a time. Like git, `source_tree` does not enter an ignored
directory, so rules of deeper files cannot bring back what is in it.
"""

import codecs
import os
import re
from dataclasses import dataclass

# git matches bytes: `?` is one of the two bytes of "é". Every byte is one character here.
BYTEWISE = "latin-1"

_SPECIAL = re.compile(r"[*?[\\]")
_CLASS = re.compile(r"\[:([^\]]*):\]")
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class _NeverMatches(Exception):
    """A pattern that git drops without a word, such as one with an open bracket."""


@dataclass(frozen=True)
class Rule:
    """One line: a pattern for the last component, or for the path from the file's directory on if it has a slash."""

    pattern: "re.Pattern[str]"
    ignores: bool
    directories_only: bool
    whole_path: bool

    def matches(self, path: str, is_directory: bool) -> bool:
        """Whether it speaks of `path`, which is relative to the directory of the `.gitignore`."""
        if self.directories_only and not is_directory:
            return False
        return self.pattern.fullmatch(path if self.whole_path else path.rpartition("/")[2]) is not None


def parse(content: bytes) -> tuple[Rule, ...]:
    """The rules of a file; comments, blank lines and patterns that can match nothing are none."""
    lines = content.removeprefix(codecs.BOM_UTF8).decode(BYTEWISE).split("\n")
    rules = (_rule(line.removesuffix("\r")) for line in lines)
    return tuple(rule for rule in rules if rule)


def verdict(rules: tuple[Rule, ...], path: str, is_directory: bool) -> bool | None:
    """True if the last rule that speaks of `path` ignores it, False if it brings it back, None if none speaks of it."""
    path = os.fsencode(path).decode(BYTEWISE)
    for rule in reversed(rules):
        if rule.matches(path, is_directory):
            return rule.ignores
    return None


def _rule(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    line = re.sub(r"(?<!\\) +$", "", line)
    glob = line.removeprefix("!")
    bare = glob.removesuffix("/")
    try:
        pattern = re.compile(_expression(bare.removeprefix("/")), re.DOTALL)
    except _NeverMatches:
        return None
    return Rule(pattern, ignores=glob == line, directories_only=bare != glob, whole_path="/" in bare)


def _expression(glob: str) -> str:
    """The regular expression of a pattern. Raises _NeverMatches."""
    if not glob:
        raise _NeverMatches
    parts, at = list[str](), 0
    while at < len(glob):
        part, at = _part(glob, at)
        parts.append(part)
    return "".join(parts)


def _part(glob: str, at: int) -> tuple[str, int]:
    """The expression for what stands at a place, and the place behind it."""
    if glob[at] == "*":
        return _stars(glob, at)
    if glob[at] == "?":
        return "[^/]", at + 1
    if glob[at] == "[":
        return _bracket(glob, at + 1)
    if glob[at] == "\\":
        return re.escape(_at(glob, at + 1)), at + 2
    return re.escape(glob[at]), at + 1


def _stars(glob: str, at: int) -> tuple[str, int]:
    """Two or more that stand for whole components match across slashes; any others stay within a component.

    git cuts the text before the first special character off both sides, so the first of all begins a component too.
    """
    end = at
    while glob[end : end + 1] == "*":
        end += 1
    begins = glob[at - 1 : at] == "/" or not _SPECIAL.search(glob, 0, at)
    if end - at > 1 and begins:
        if end == len(glob) or glob.startswith("\\/", end):
            return ".*", end
        if glob[end] == "/":
            return "(?:.*/)?", end + 1
    return "[^/]*", end


def _bracket(glob: str, at: int) -> tuple[str, int]:
    """A set of characters; the first may be a closing bracket. A slash is in none."""
    negated = _at(glob, at) in "!^"
    at += negated
    members, first = list[str](), at
    while at == first or _at(glob, at) != "]":
        if glob.startswith("[:", at) and (found := _CLASS.match(glob, at)):
            if found[1] not in _CLASSES:
                raise _NeverMatches
            members.append(_CLASSES[found[1]])
            at = found.end()
            continue
        low, at = _member(glob, at)
        members.append(re.escape(low))
        if _at(glob, at) == "-" and _at(glob, at + 1) != "]":
            high, at = _member(glob, at + 1)
            if low < high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
    inside = "".join(members)
    if negated:
        return f"[^/{inside}]", at + 1
    return (f"(?!/)[{inside}]" if inside else "(?!)"), at + 1


def _member(glob: str, at: int) -> tuple[str, int]:
    """One character of a set, escaped or not."""
    return (_at(glob, at + 1), at + 2) if _at(glob, at) == "\\" else (glob[at], at + 1)


def _at(glob: str, at: int) -> str:
    """The character there. Raises _NeverMatches behind the end."""
    if at >= len(glob):
        raise _NeverMatches
    return glob[at]

"""Rules of derived objects: what they give back, what they refuse, and that the second reader says the same."""

import importlib.util
import random
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from bundle.derived.catalogues import MAX_SOURCE_BYTES
from bundle.derived.no_form import NoForm
from bundle.derived.replacing import MAX_BYTES
from bundle.derived.rules import Rule, complete, form
from bundle.derived.source_maps import MAX_NAMES
from tests.support.repository import REPOSITORY

MEMORY_BYTES = 100 << 20  # beside the source


def second_reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("second", REPOSITORY / "spec" / "reader" / "derived.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECOND = second_reader()
PO = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"POT-Creation-Date: 2024-01-01 00:00+0000\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n#: a.py:1\n#, python-format\nmsgid "%d mile"\n'
    'msgid_plural "%d miles"\nmsgstr[0] "%d Meile"\nmsgstr[1] "%d Meilen"\n\n#, fuzzy\nmsgid "old"\nmsgstr "alt"\n\n'
    'msgctxt "menu"\nmsgid "open"\nmsgstr "öffnen"\n\nmsgid "none"\nmsgstr ""\n\n#~ msgid "gone"\n#~ msgstr "weg"\n'
).encode()
MAP = (
    b'{"version":3,"names":["a","b\\"","c"],"sourcesContent":["\\"names\\":[1]"],"mappings":"AAAAA,CAACC;AACAC,GAGD,K"}'
)


def mapped(names: int, mappings: bytes = b"") -> bytes:
    return b'"names":[%b],"mappings":"%b"' % (b",".join(b'"%d"' % n for n in range(names)), mappings)


def record(count: int, seed: int = 1) -> tuple[bytes, list[tuple[bytes, int]]]:
    digests = [(sha256(b"%d %d" % (seed, at)).digest(), at * 17) for at in range(count)]
    blank = b"".join(b"pkg/%d.py,\2\r\n%d  \1\n" % (at, at) for at in range(count))
    return blank, [one for one in digests for _ in (0, 1)]


def test_a_catalogue_is_what_gnu_msgfmt_makes(tmp_path: Path) -> None:
    """[F-105]: as it came with gettext 0.21; newer ones leave the date of the template out."""
    made = [form(Rule.CATALOGUE, PO), form(Rule.UNDATED_CATALOGUE, PO)]
    assert len(made[0]) - len(made[1]) == len("POT-Creation-Date: 2024-01-01 00:00+0000\n")
    program = shutil.which("msgfmt")
    if program is None:
        pytest.skip("no msgfmt is here")
    (tmp_path / "a.po").write_bytes(PO)
    subprocess.run([program, tmp_path / "a.po", "-o", tmp_path / "a.mo"], check=True)
    assert (tmp_path / "a.mo").read_bytes() in made


def test_a_list_is_blanked_and_filled() -> None:
    """[F-106]"""
    blank, digests = record(50)
    whole = complete(Rule.DIGESTS, blank, digests)
    assert form(Rule.DIGESTS, whole) == blank
    assert whole.startswith(b"pkg/0.py,sha256=") and whole.splitlines()[0].endswith(b",0")
    with pytest.raises(NoForm, match="more marks"):
        complete(Rule.DIGESTS, blank, digests[1:])
    with pytest.raises(NoForm, match="fewer marks"):
        complete(Rule.DIGESTS, blank, [*digests, digests[0]])


@pytest.mark.parametrize("text", [b"x" + b"0" * 64, b"0" * 65, b"0" * 63, b"A" * 64, b"sha256=" + b"a" * 43 + b",01"])
def test_what_only_looks_like_a_digest_stays(text: bytes) -> None:
    """[F-106]"""
    assert form(Rule.DIGESTS, text) == text


def test_a_new_name_changes_no_other_mapping() -> None:
    """[F-107]"""
    old = form(Rule.SOURCE_MAP, MAP)
    assert complete(Rule.SOURCE_MAP, old, []) == MAP
    new = old.replace(b'"names":[', b'"names":["zero",')
    assert complete(Rule.SOURCE_MAP, new, []).endswith(b'"mappings":"AAAAC,CAACC;AACAC,GAGD,K"}')


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (Rule.SOURCE_MAP, b"{}"),
        (Rule.SOURCE_MAP, b'"names":["a"]'),
        (Rule.SOURCE_MAP, b'"names":[1],"mappings":""'),
        (Rule.SOURCE_MAP, b'"names":["a\\"],"mappings":""'),
        (Rule.SOURCE_MAP, mapped(1, b"AAAAC")),
        (Rule.SOURCE_MAP, mapped(1, b"AAAAD")),
        (Rule.SOURCE_MAP, mapped(MAX_NAMES + 1)),
        (Rule.SOURCE_MAP, b'"names":[%b],"mappings":""' % b",".join([b'""'] * 100)),
        (Rule.SOURCE_MAP, mapped(1).ljust(MAX_BYTES + 1)),
        (Rule.CATALOGUE, PO.ljust(MAX_SOURCE_BYTES + 1)),
        (Rule.CATALOGUE, b'msgid "a"\nmsgstr "b"\n' * 100),
        (Rule.CATALOGUE, b"msgid a"),
        (Rule.CATALOGUE, b"\0\1\2"),
        (Rule.DIGESTS, bytes(MAX_BYTES + 1)),
    ],
)
def test_what_has_no_form(rule: Rule, source: bytes) -> None:
    """[F-104] [F-105] [F-107]: for both readers."""
    with pytest.raises(NoForm):
        form(rule, source)
    with pytest.raises(ValueError):
        SECOND.form(rule, source)


@pytest.mark.parametrize("rule", list(Rule))
def test_rules_are_total_and_readers_agree(rule: Rule) -> None:
    """[F-103] to [F-107]: damaged sources have the same form for both readers, or none for both."""
    seed = 20261130 + rule
    print("seed", seed)
    choice = random.Random(seed)
    blank, digests = record(5)
    whole = {Rule.DIGESTS: complete(Rule.DIGESTS, blank, digests), Rule.SOURCE_MAP: MAP}.get(rule, PO)
    assert agreed(lambda: form(rule, whole), lambda: SECOND.form(rule, whole))
    sound = form(rule, whole)
    further = digests if rule == Rule.DIGESTS else []
    for _ in range(600):
        source, patched = damaged(choice, whole), damaged(choice, sound)
        agreed(partial(form, rule, source), partial(SECOND.form, rule, source))
        agreed(partial(complete, rule, patched, further), partial(SECOND.complete, rule, patched, further))


def damaged(choice: random.Random, data: bytes) -> bytes:
    """Some bytes are gone, doubled or exchanged, by ones that mean something to a rule."""
    spoilt = bytearray(data)
    for _ in range(choice.randint(1, 4)):
        at = choice.randrange(len(spoilt))
        match choice.randrange(4):
            case 0:
                spoilt[at] = choice.choice(b'"\\\n,;=[]Ag#\0\1\2\xff')
            case 1:
                del spoilt[at : at + choice.randint(1, 30)]
            case 2:
                spoilt[at:at] = spoilt[at : at + choice.randint(1, 30)]
            case _:
                spoilt[at:at] = choice.choice(
                    [b"msgctxt ", b'\n"x"\n', b'"names":[', b"gggggggB", b"sha256=", b"#, fuzzy\n"]
                )
        spoilt += b"x" * (not spoilt)
    return bytes(spoilt)


def agreed(one: Callable[[], bytes], other: Callable[[], bytes]) -> bool:
    """Whether both give something. Fails if they do not say the same."""
    results: list[bytes | None] = []
    for call in (one, other):
        try:
            results.append(call())
        except (NoForm, ValueError):
            results.append(None)
    assert results[0] == results[1]
    return results[0] is not None


@pytest.mark.parametrize(
    ("rule", "start", "part", "end"),
    [
        (Rule.SOURCE_MAP, b'"names":["a"],"mappings":"', b"AAAAA,", b'"'),
        (Rule.SOURCE_MAP, b'"names":["a"],"mappings":"', b"g", b'"'),
        (Rule.SOURCE_MAP, b'"names":[""', b',""', b'],"mappings":""'),
        (Rule.SOURCE_MAP, b"", b'"names":["', b""),
        (Rule.DIGESTS, b"", b"a" * 64 + b" ", b""),
        (Rule.CATALOGUE, b"", b'msgid "%d"\nmsgstr "b"\n', b""),
        (Rule.CATALOGUE, b'msgid "a"\n', b'""\n', b""),
        (Rule.CATALOGUE, b'msgid "', b"\\n", b'"'),
    ],
    ids=["mappings", "digits", "names", "lists", "digests", "entries", "lines", "escapes"],
)
def test_memory_grows_with_the_source_alone(rule: Rule, start: bytes, part: bytes, end: bytes) -> None:
    """[F-104]: however a source is made up, the memory that the longest one takes fits into 192 MiB."""
    size = 1 << 15
    parts = [part % n if b"%d" in part else part for n in range(size // len(part))]
    source = start + b"".join(parts) + end
    tracemalloc.start()
    try:
        form(rule, source)
    except NoForm:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    most = MAX_SOURCE_BYTES if rule == Rule.CATALOGUE else MAX_BYTES
    assert peak / len(source) * most < MEMORY_BYTES


def test_a_list_cannot_grow_without_bound() -> None:
    """[F-104]"""
    with pytest.raises(NoForm, match="over"):
        complete(Rule.DIGESTS, b"\1" * (MAX_BYTES // 63), iter([(bytes(32), 1)] * (MAX_BYTES // 63)))

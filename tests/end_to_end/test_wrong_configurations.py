"""A configuration with each key wrong in turn: each command names the line, and no release is marked [A-208].

The faults are made from the types of `apply.site.config`, so a key that is new is tried as well.

python -m tests.end_to_end.test_wrong_configurations     counts what each command found, and the releases it marked
"""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.inspect import (
    BoolType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from apply.record.state import SiteState
from apply.site.config import SiteConfig
from tests.support.observers.command import run
from tests.support.sites.site import Ship, shore

REQUIRED = {"url": "http://127.0.0.1/", "host": "localhost", "port": 80, "argv": ["true"], "name": "vms"}


@dataclass(frozen=True)
class Fault:
    """A value that a key of a table must not have. `kind`: what is wrong; `value`: None for a misspelt key."""

    table: str
    key: str
    kind: str
    value: Any
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.key} {self.kind}".lstrip(".")

    @property
    def name(self) -> str:
        """The key as it is written."""
        return self.key[:1] + self.key[2:] if self.kind == "misspelt" else self.key

    def text(self) -> str:
        """The whole configuration, as a person writes it."""
        head = [f"[{self.table}]"] if self.table else []
        if self.table.startswith("health."):
            head = ["[[health]]", f"type = {json.dumps(self.table.removeprefix('health.'))}"]
        return "\n".join(["# of the ship", *head, *self.others, f"{self.name} = {_toml(self.value)}", ""])

    def line(self) -> int:
        """Where the key stands."""
        return self.text().split("\n").index(f"{self.name} = {_toml(self.value)}") + 1


def _toml(value: Any) -> str:
    return json.dumps(value).replace("\\u0000", "\\u0000")


def tables() -> Iterator[tuple[str, StructType]]:
    """Every table by its name, a kind of health check as a table of its own."""
    found = type_info(SiteConfig)
    assert isinstance(found, StructType)
    yield from _walk("", found)


def _walk(name: str, struct: StructType) -> Iterator[tuple[str, StructType]]:
    yield name, struct
    for field in struct.fields:
        for kind in _alternatives(field.type):
            if isinstance(kind, StructType):
                inner = f"{name}.{field.encode_name}".lstrip(".")
                yield from _walk(f"{inner}.{kind.tag}" if kind.tag_field else inner, kind)


def _alternatives(kind: Type) -> list[Type]:
    kind = kind.type if isinstance(kind, Metadata) else kind
    if isinstance(kind, UnionType):
        return [bare for one in kind.types for bare in _alternatives(one)]
    if isinstance(kind, VarTupleType) and any(isinstance(one, StructType) for one in _alternatives(kind.item_type)):
        return _alternatives(kind.item_type)
    return [kind]


def faults() -> Iterator[Fault]:
    """Each key of each table: of another type, beyond each bound, and misspelt."""
    for table, struct in tables():
        for field in struct.fields:
            kinds = [kind for kind in _alternatives(field.type) if not isinstance(kind, NoneType)]
            others = tuple(
                f"{one.encode_name} = {_toml(REQUIRED[one.encode_name])}"
                for one in struct.fields
                if one.required and one is not field
            )
            if not any(isinstance(kind, StructType) for kind in kinds):
                yield from (Fault(table, field.encode_name, *fault, others) for fault in _of(kinds[0]))
                yield Fault(table, field.encode_name, "misspelt", _valid(field, kinds[0]), others)


def _of(kind: Type) -> Iterator[tuple[str, Any]]:
    """What a value of that type must not be."""
    match kind:
        case StrType():
            yield "of another type", 7
            yield from ([("empty", "")] if kind.min_length else [])
            yield from ([("too long", "x" * (kind.max_length + 1))] if kind.max_length else [])
            yield from ([("with a NUL" if "\0" in kind.pattern else "of another form", "a\0b")] if kind.pattern else [])
        case IntType() | FloatType():
            yield "of another type", "seven"
            low, high = kind.ge if kind.ge is not None else kind.gt, kind.le
            yield from ([("too small", type(low)(low - 1))] if low is not None else [])
            yield from ([("too large", high + 1)] if high is not None else [])
        case BoolType():
            yield "of another type", "yes"
        case LiteralType():
            yield from (("of another type", 7), ("none of the choices", "neither"))
        case VarTupleType():
            yield from (("of another type", "text"), ("with an item of another type", [7]))
            yield from ([("empty", [])] if kind.min_length else [])
            yield from ([("too long", ["x"] * (kind.max_length + 1))] if kind.max_length else [])
        case _:
            raise TypeError(f"no faults are known of {kind}")


def _valid(field: Field, kind: Type) -> Any:
    if field.required:
        return REQUIRED[field.encode_name]
    if field.default not in (UNSET, None):
        return field.default
    return ["true"] if isinstance(kind, VarTupleType) else 1 if isinstance(kind, IntType | FloatType) else "x"


FAULTS = list(faults())
# What no type says: a key whose value is not what it should be, and the words that must be said of it.
MEANT = [
    Fault("", "product", "that no product is called", "Größe"),
    Fault("switch", "restart", "beside another way", ["true"], ('systemd_unit = "vms"',)),
    Fault("health.http", "url", "of no web address", "ftp://ship/"),
    Fault("health_window", "deadline_s", "that leaves no time", 0.1),
    Fault("agent", "fetch_windows", "of no times", ["25:00-26:00"]),
    Fault("agent", "maintenance_windows", "of no times", ["night"]),
    Fault("agent", "time_zone", "that is nowhere", "Mars/Base"),
    Fault("agent", "channel", "that no channel is called", "Stable!"),
    Fault("prepare.python_wheels", "wheels", "outside", "../wheels"),
    Fault("prepare.python_wheels", "requirements", "outside", "/etc/passwd"),
]
# What the file alone cannot show: the ship lacks what a key names.
LACKING = [
    Fault("switch", "restart", "that is no command", ["no-such-command"]),
    Fault("hooks", "snapshot", "that is no command", ["no-such-command"]),
    Fault("hooks", "restore", "that is no command", ["no-such-command"]),
    Fault("prepare", "command", "that is no command", ["no-such-command"]),
    Fault("health.command", "argv", "that is no command", ["no-such-command"]),
    Fault("prepare.python_wheels", "python", "that is no Python", "no-such-python"),
]


@pytest.fixture(scope="module")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Ship:
    """A site with 1.0.0, whose own configuration each test replaces."""
    return Ship.sailing(tmp_path_factory.mktemp("ship"), "1.0.0")


def marks(state: SiteState) -> tuple[object, ...]:
    """What a release that was tried leaves in the state of a site."""
    return state.releases, state.pending, state.quarantined


def judged(ship: Ship, fault: Fault, tmp_path: Path, code: int) -> list[str]:
    """What `check`, a dry run and an update say, each with that exit code; no release at the site changes."""
    config = tmp_path / "wrong.toml"
    config.write_text(fault.text(), encoding="utf-8")
    before = ship.state
    bundle, trust = shore().bundle("1.0.1", 2, "1.0.0"), shore().trust_file
    said = []
    for line in ("check", f"apply {bundle} --trust {trust} --dry-run", f"apply {bundle} --trust {trust}"):
        ended, out, err = run(line, "--site", ship.root, "--config", config)
        assert ended == code and err.startswith("unrep: ") and err.count("\n") == 1, f"{line}: {ended} {out} {err}"
        said.append(f"{out}{err}")
    after = ship.state
    assert marks(after) == marks(before), "no release is marked"
    assert ship.current == "1.0.0"
    return said


def test_no_key_is_left_out() -> None:
    """[A-208]: each has a wrong type and a wrong name."""
    keys = {(fault.table, fault.key) for fault in FAULTS}
    assert len(keys) >= 50 and len(FAULTS) >= 150
    for kind in ("of another type", "misspelt"):
        assert keys == {(fault.table, fault.key) for fault in FAULTS if fault.kind == kind}


@pytest.mark.parametrize("fault", [*FAULTS, *MEANT], ids=str)
def test_a_key_that_is_wrong(ship: Ship, fault: Fault, tmp_path: Path) -> None:
    """[A-208]"""
    for sentence in judged(ship, fault, tmp_path, 2):
        assert f"{tmp_path / 'wrong.toml'}: line {fault.line()}: " in sentence, f"{fault.text()}{sentence}"
        assert re.search(rf"\b{fault.name}\b", sentence), f"{fault.text()}{sentence}"
        if fault.kind == "misspelt":
            assert f"did you mean '{fault.key}'" in sentence, sentence
        assert ("NUL" in sentence) == ("NUL" in fault.kind), sentence


@pytest.mark.parametrize("fault", LACKING, ids=str)
def test_what_the_ship_lacks(ship: Ship, fault: Fault, tmp_path: Path) -> None:
    """[A-208]"""
    for sentence in judged(ship, fault, tmp_path, 5):
        assert f"line {fault.line()}: " in sentence and fault.key in sentence, f"{fault.text()}{sentence}"


def main() -> None:
    """Tries all of them on one site."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        ship = Ship.sailing(Path(scratch, "ship"), "1.0.0")
        before = marks(ship.state)
        for code, wrong in ((2, [*FAULTS, *MEANT]), (5, LACKING)):
            for fault in wrong:
                said = judged(ship, fault, Path(scratch), code)
                told = (f"line {fault.line()}: " in sentence for sentence in said)
                found.update(dict(zip(("check", "dry run", "apply"), told, strict=True)))
        print(f"configurations with a fault: {len(FAULTS) + len(MEANT) + len(LACKING)}")
        print("found, and the line named, by", ", ".join(f"{command}: {count}" for command, count in found.items()))
        print("releases marked:", 0 if marks(ship.state) == before else "some")


if __name__ == "__main__":
    main()

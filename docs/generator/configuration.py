"""The page of `unrep.toml`: every key with its type, bounds and default, read from `apply.site.config`.

What a key means stands in `keys.toml` beside this file. A key without a meaning, or a meaning without a key, stops the
build.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
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

from apply.site.config import SiteConfig
from docs.generator.markdown import code, escaped, page, paragraphs, table

MEANINGS = Path(__file__).with_name("keys.toml")
INTRODUCTION = (
    "The file `SITE/unrep.toml`, or the one that `--config` names. Every key is optional unless the table says "
    "otherwise. A key that does not stand here is refused by name. This page is made from the program at build time."
)


class Undocumented(Exception):
    """A key has no meaning in keys.toml, or a meaning has no key; the text names them."""


def configuration_page() -> str:
    """The whole page. Raises Undocumented."""
    meanings = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    known = set(keys())
    if wrong := known.symmetric_difference(meanings):
        raise Undocumented(f"{MEANINGS.name} and apply/site/config.py do not agree about {', '.join(sorted(wrong))}")
    sections = [_section(name, struct, meanings) for name, struct in _tables()]
    return page("Configuration: `unrep.toml`", INTRODUCTION, *sections)


def keys() -> list[str]:
    """Every key by its full name, such as `agent.sources` or `health.http.url`."""
    return [_full(name, field) for name, struct in _tables() for field in _values(struct)]


def _tables() -> Iterator[tuple[str, StructType]]:
    """The tables, outermost first; a kind of health check counts as a table of its own."""
    yield from _walk("", _struct(type_info(SiteConfig)))


def _struct(found: Type) -> StructType:
    assert isinstance(found, StructType)  # noqa: S101 - a configuration is a table
    return found


def _walk(name: str, struct: StructType) -> Iterator[tuple[str, StructType]]:
    yield name, struct
    for field in struct.fields:
        inner = f"{name}.{field.encode_name}".lstrip(".")
        for kind in _alternatives(field.type):
            if isinstance(kind, StructType):
                yield from _walk(f"{inner}.{kind.tag}" if kind.tag_field else inner, kind)


def _alternatives(kind: Type) -> list[Type]:
    kind = _bare(kind)
    if isinstance(kind, UnionType):
        return [bare for one in kind.types for bare in _alternatives(one)]
    if isinstance(kind, VarTupleType):
        return _alternatives(kind.item_type)
    return [kind]


def _bare(kind: Type) -> Type:
    return kind.type if isinstance(kind, Metadata) else kind


def _values(struct: StructType) -> list[Field]:
    return [f for f in struct.fields if not any(isinstance(kind, StructType) for kind in _alternatives(f.type))]


def _full(name: str, field: Field) -> str:
    return f"{name}.{field.encode_name}".lstrip(".")


def _section(name: str, struct: StructType, meanings: dict[str, str]) -> str:
    rows = [
        (code(field.encode_name), escaped(meanings[_full(name, field)]), _type(field.type), _default(field))
        for field in _values(struct)
    ]
    said = paragraphs(struct.cls.__doc__)
    blocks = [_heading(name, struct), said, table(["key", "meaning", "type", "default"], rows) if rows else ""]
    return "\n\n".join(filter(None, blocks))


def _heading(name: str, struct: StructType) -> str:
    if not name:
        return "## Above all tables { #top }"
    anchor = f"{{ #{name.replace('.', '-')} }}"
    if struct.tag_field:
        table_name = name.rsplit(".", 1)[0]
        return f'## `[[{table_name}]]` with `{struct.tag_field} = "{struct.tag}"` {anchor}'
    return f"## `[{name}]` {anchor}"


def _type(kind: Type) -> str:
    """A type with its bounds, in TOML's words."""
    kind = _bare(kind)
    if isinstance(kind, UnionType):
        return " or ".join(_type(one) for one in kind.types if not isinstance(one, NoneType))
    if isinstance(kind, LiteralType):
        return " or ".join(code(f'"{value}"') for value in kind.values)
    if isinstance(kind, VarTupleType):
        return f"list of: {_type(kind.item_type)}{_lengths(kind, 'entries')}"
    if isinstance(kind, StrType):
        return f"text{_lengths(kind, 'characters')}"
    if isinstance(kind, IntType | FloatType):
        return ("whole number" if isinstance(kind, IntType) else "number") + _range(kind)
    if isinstance(kind, BoolType):
        return "true or false"
    raise TypeError(f"no words for {kind}")  # a new kind of key needs some


def _lengths(kind: Any, unit: str) -> str:
    low, high = kind.min_length or 0, kind.max_length
    if not low and high is None:
        return ""
    return f", {low} to {high} {unit}" if high is not None else f", at least {low} {unit}"


def _range(kind: IntType | FloatType) -> str:
    bounds = [(kind.ge, "at least"), (kind.gt, "above"), (kind.le, "at most"), (kind.lt, "below")]
    return "".join(f", {word} {bound:,g}" for bound, word in bounds if bound is not None)


def _default(field: Field) -> str:
    if field.required:
        return "required"
    value = field.default
    if value is msgspec.NODEFAULT or value is None or value in ("", ()):
        return "none"
    return code(_written(value))


def _written(value: Any) -> str:
    """As it stands in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(_written, value))}]"
    return f"{value:g}"

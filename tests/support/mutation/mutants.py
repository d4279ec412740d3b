"""Mutants of a module: its syntax tree with one check disabled, or one rule changed, at a time.

Each is made from a fresh tree, so that nothing of one is left in the next. A mutant is named by its function, what
stood there and what became of it. So its name stays where lines move.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

SHOWN = 90
REFUSING = ("Refused", "malformed", "corrupt", "untrusted", "sealed")
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLS = {"min": "max", "max": "min"}
Change = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class Mutant:
    """One change. `number`: which one of its module; `line`: the statement that it is in, 0 outside of functions.

    `is_check`: whether what was changed refuses.
    """

    module: str
    function: str
    number: int
    line: int
    is_check: bool
    change: str

    @property
    def name(self) -> str:
        """What it is known by in the list of those that no input can tell."""
        return f"{self.module}.{self.function or '(module)'}: {self.change}"


@dataclass(frozen=True)
class _Place:
    """A node with where it hangs: `parent.field`, or an item of that list."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    function: str
    line: int
    is_check: bool

    def put(self, new: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            getattr(self.parent, self.field)[self.index] = new

    def drop(self) -> None:
        del getattr(self.parent, self.field)[self.index]


def mutants(module: str, source: str, left_out: set[str]) -> list[Mutant]:
    """All mutants of a module. `left_out`: functions and classes that are no part of what is tried."""
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for number, (place, (what, _)) in enumerate(_changes(ast.parse(source))):
        names = place.function.split(".")
        if {place.function, names[0], names[-1]} & left_out:
            continue
        mutant = Mutant(module, place.function, number, place.line, place.is_check, what)
        seen[mutant.name] += 1
        if seen[mutant.name] > 1:
            mutant = replace(mutant, change=f"{what} (no. {seen[mutant.name]})")
        found.append(mutant)
    return found


def mutated(source: str, number: int) -> ast.Module:
    """The tree of that mutant. Raises ValueError if the module has none of that number."""
    tree = ast.parse(source)
    for at, (_, (_, apply)) in enumerate(_changes(tree)):
        if at == number:
            apply()
            return ast.fix_missing_locations(tree)
    raise ValueError(number)


def _changes(tree: ast.Module) -> Iterator[tuple[_Place, Change]]:
    start = _Place(tree, tree, "", None, "", 0, False)
    for place in list(_below(start)):
        for change in _of(place):
            yield place, change


def _below(above: _Place) -> Iterator[_Place]:
    """All nodes that count, in their order: no annotations, no texts of refusals, no imports."""
    node = above.node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "ctx", "op", "ops", "decorator_list", "args") and not isinstance(
            node, ast.Call
        ):
            continue
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        if isinstance(node, ast.Call) and field == "args" and _called(node) in ("need", *REFUSING):
            items = items[:1] if _called(node) == "need" else []
        for index, item in items:
            if isinstance(item, ast.AST) and not _is_aside(item):
                place = _placed(item, above, field, index)
                yield place
                yield from _below(place)


def _is_aside(item: ast.AST) -> bool:
    """Imports, texts, and what makes a module a program."""
    if isinstance(item, ast.If) and "__name__" in ast.unparse(item.test):
        return True
    return isinstance(item, ast.Import | ast.ImportFrom | ast.JoinedStr)


def _placed(item: ast.AST, above: _Place, field: str, index: int | None) -> _Place:
    function, line, is_check = above.function, above.line, above.is_check
    if isinstance(item, ast.FunctionDef | ast.ClassDef):
        function, line, is_check = f"{function}.{item.name}".lstrip("."), 0, False
    elif isinstance(item, ast.stmt):
        line = item.lineno if above.line or isinstance(above.node, ast.FunctionDef) else 0
        is_check = _refuses(item)
    return _Place(item, above.node, field, index, function, line, is_check)


def _refuses(statement: ast.stmt) -> bool:
    """Whether it is a check: it calls `need`, or raises under a condition."""
    if isinstance(statement, ast.If):
        return any(isinstance(inner, ast.Raise) for inner in statement.body)
    return isinstance(statement, ast.Expr) and _called(statement.value) in ("need", "spend")


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    named = node.func
    return named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else ""


def _of(place: _Place) -> Iterator[Change]:
    node = place.node
    if isinstance(node, ast.stmt):
        yield from _of_statement(place, node)
    elif isinstance(node, ast.expr):
        yield from _of_expression(place, node)


def _of_statement(place: _Place, node: ast.stmt) -> Iterator[Change]:
    if isinstance(node, ast.Expr):
        dropped = isinstance(node.value, ast.Call) and _called(node.value) != "need"  # its condition is forced
    elif isinstance(node, ast.Assign):
        dropped = isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    else:
        dropped = isinstance(node, ast.AugAssign | ast.Continue | ast.Break | ast.Delete)
    if dropped:
        yield f"without `{_text(node)}`", lambda: place.put(ast.Pass())
    if isinstance(node, ast.AugAssign) and type(node.op) in SWAPPED:
        new = SWAPPED[type(node.op)]()
        yield f"`{_text(node)}` with {_symbol(new)}", lambda: setattr(node, "op", new)


def _of_expression(place: _Place, node: ast.expr) -> Iterator[Change]:
    if _is_condition(place):
        ways = (False,) if isinstance(place.parent, ast.While) else (True, False)
        for way in ways if not isinstance(node, ast.Constant) else ():
            yield f"{way} for `{_text(node)}`", _setter(place, way)
    if isinstance(node, ast.Constant):
        yield from _of_constant(place, node)
    elif isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in SWAPPED:
                new = SWAPPED[type(operator)]()
                which = f" (operator {at + 1})" if len(node.ops) > 1 else ""
                yield f"`{_text(node)}` with {_symbol(new)}{which}", _put_into(node.ops, at, new)
    elif isinstance(node, ast.BinOp):
        if type(node.op) in SWAPPED and not (_is_text(node.left) or _is_text(node.right)):
            changed = SWAPPED[type(node.op)]()
            yield f"`{_text(node)}` with {_symbol(changed)}", lambda: setattr(node, "op", changed)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"`{_text(node)}` without not", lambda: place.put(node.operand)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        named = node.func
        yield f"`{_text(node)}` with {CALLS[named.id]}", lambda: setattr(named, "id", CALLS[named.id])
    elif isinstance(node, ast.Set | ast.Tuple) and len(node.elts) > 2 and all(map(_is_number, node.elts)):
        for at in range(len(node.elts)):
            yield f"`{_text(node)}` without {_text(node.elts[at])}", _remover(node.elts, at)


def _is_condition(place: _Place) -> bool:
    """Whether an expression decides: of an if, of `need`, or one of several that do."""
    parent, field = place.parent, place.field
    if isinstance(parent, ast.If | ast.IfExp | ast.While) and field == "test":
        return True
    if isinstance(parent, ast.comprehension) and field == "ifs":
        return True
    return (_called(parent) == "need" and field == "args") or isinstance(parent, ast.BoolOp)


def _of_constant(place: _Place, node: ast.Constant) -> Iterator[Change]:
    value, around = node.value, _text(place.parent)
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        is_index = isinstance(place.parent, ast.Subscript | ast.Slice)
        for new in (value + 1,) if is_index or not value else (value + 1, value - 1):
            yield f"{new} for {value} in `{around}`", lambda new=new: setattr(node, "value", new)  # type: ignore[misc]
    elif isinstance(value, bytes) and value:
        other = bytes([value[0] ^ 1]) + value[1:]
        yield f"{other!r:.30} for {value!r:.30} in `{around}`", lambda: setattr(node, "value", other)


def _setter(place: _Place, way: bool) -> Callable[[], None]:
    return lambda: place.put(ast.Constant(way))


def _put_into(items: list[ast.cmpop], at: int, new: ast.AST) -> Callable[[], None]:
    return lambda: items.__setitem__(at, new)  # type: ignore[call-overload]


def _remover(items: list[ast.expr], at: int) -> Callable[[], None]:
    return lambda: items.__delitem__(at)


def _symbol(operator: ast.AST) -> str:
    symbols = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Add: "+", ast.Sub: "-"}
    return {**symbols, ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|"}[type(operator)]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While | ast.For | ast.With | ast.FunctionDef | ast.ClassDef | ast.Module):
        return type(node).__name__
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"

"""The second reader's modules, one of them mutated, before the cases of the conformance runner, in this process.

Where no mutant is tried, each statement of the reader notes that it ran. So a mutant meets those cases alone that reach
its statement. A case that takes ten times its time, or that much memory, counts as one that disagrees.
"""

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType, ModuleType
from typing import Any

from tests.support.mutation.mutants import Mutant, mutated
from tests.support.repository import REPOSITORY

READER = REPOSITORY / "spec" / "reader"
NOTE = "__note__"
MEMORY_MAX = 3 << 30
SPARE_S, TIMES = 0.3, 10
HEAVY_S = 0.2  # of cases that are asked only where a bound was changed
ENGINES = ("codings", "xz")  # modules on which it depends whether the engines give their known bytes


class TooLong(BaseException):
    """A case took too long. No reader catches it."""


@dataclass
class Cases:
    """What is asked, with the seconds that each takes, and the statements (module, line) that each reaches."""

    cases: Sequence[Any]
    levels: Sequence[str]
    seconds: list[float] = field(default_factory=list)
    reached: dict[tuple[str, int], list[int]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[int]:
        """The cases that a mutant can make a difference to, the quickest first."""
        found = self.reached.get((mutant.module, mutant.line), []) if mutant.line else range(len(self.seconds))
        light = [number for number in found if self.seconds[number] < HEAVY_S]
        heavy = [number for number, seconds in enumerate(self.seconds) if seconds >= HEAVY_S]
        bounds = "_MAX" in mutant.change or not mutant.line
        return sorted(light, key=self.seconds.__getitem__) + (heavy if bounds else [])


class Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves the reader's modules from code that was compiled before, in place of their files."""

    def __init__(self) -> None:
        self.texts = {path.stem: path.read_text("utf-8") for path in sorted(READER.glob("*.py"))}
        self.plain = {name: compile(text, f"{name}.py", "exec") for name, text in self.texts.items()}
        self.code: dict[str, CodeType] = dict(self.plain)
        self.notes: set[tuple[str, int]] = set()
        self.trusts_engines = False

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """As importlib asks; other modules are none of its own."""
        return importlib.util.spec_from_loader(name, self) if name in self.code else None

    def exec_module(self, module: ModuleType) -> None:
        """As importlib asks."""
        name = module.__name__
        module.__file__ = str(READER / f"{name}.py")
        setattr(module, NOTE, lambda line: self.notes.add((name, line)))
        exec(self.code[name], module.__dict__)  # noqa: S102 - the reader's own code
        if name == "codings" and self.trusts_engines:
            module.__dict__["gives_known_bytes"] = lambda feature: True

    def adapter(self) -> ModuleType:
        """The reader's adapter, with all modules new."""
        for name in self.texts:
            sys.modules.pop(name, None)
        return importlib.import_module("conformance")

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Every statement of a function notes that it ran."""
        self.code = {name: compile(_noting(text), f"{name}.py", "exec") for name, text in self.texts.items()}
        try:
            yield
        finally:
            self.code = dict(self.plain)

    @contextmanager
    def mutant(self, one: Mutant) -> Iterator[None]:
        """One module is that mutant."""
        self.code[one.module] = compile(mutated(self.texts[one.module], one.number), f"{one.module}.py", "exec")
        self.trusts_engines = one.module not in ENGINES
        try:
            yield
        finally:
            self.code = dict(self.plain)


def _noting(text: str) -> ast.Module:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            _note_block(node)
    return ast.fix_missing_locations(tree)


def _note_block(owner: ast.AST) -> None:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(owner, name, None)
        if isinstance(block, list) and block:
            noted = [part for statement in block for part in (_note(statement.lineno), statement)]
            setattr(owner, name, noted)
            for statement in block:
                if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                    _note_block(statement)
    for handler in getattr(owner, "handlers", ()):
        _note_block(handler)


def _note(line: int) -> ast.stmt:
    call = ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(line)], [])
    return ast.copy_location(ast.Expr(call), ast.Pass(lineno=line, col_offset=0))


class Trial:
    """A process that tries mutants one after the other. It hooks imports, takes SIGALRM, and bounds its memory."""

    def __init__(self, only: str = "*") -> None:
        sys.path.insert(0, str(REPOSITORY / "spec" / "conformance"))
        cases = importlib.import_module("unrep_conformance.cases")
        self._judging = importlib.import_module("unrep_conformance.judging")
        suite = cases.read_suite(cases.vectors_directory())
        self.sources = Sources()
        sys.meta_path.insert(0, self.sources)
        self.cases = Cases(suite.cases, list(suite.levels))
        self._armed = False
        signal.signal(signal.SIGALRM, self._too_long)

    def measure(self) -> list[str]:
        """What each case takes and reaches. The names of those that the reader judges otherwise."""
        disagreed = []
        adapter = self.sources.adapter()
        self._agrees(adapter, self.cases.cases[0])  # engines are tried once
        for case in self.cases.cases:
            begun = time.perf_counter()
            if not self._agrees(adapter, case):
                disagreed.append(case.name)
            self.cases.seconds.append(time.perf_counter() - begun)
        with self.sources.noting():
            adapter = self.sources.adapter()
            for number, case in enumerate(self.cases.cases):
                if self.cases.seconds[number] >= HEAVY_S:
                    continue
                self.sources.notes.clear()
                self._agrees(adapter, case)
                for place in self.sources.notes:
                    self.cases.reached.setdefault(place, []).append(number)
        return disagreed

    def killer(self, mutant: Mutant) -> str | None:
        """The first case that tells the mutant from the reader, or what became of it before any; None: it survives."""
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, resource.getrlimit(resource.RLIMIT_AS)[1]))
        with self.sources.mutant(mutant):
            try:
                adapter = self.sources.adapter()
            except (Exception, SystemExit) as fault:  # noqa: BLE001 - a module that does not load is no reader
                return f"(not loaded: {type(fault).__name__})"
            for number in self.cases.of(mutant):
                case, seconds = self.cases.cases[number], SPARE_S + TIMES * self.cases.seconds[number]
                try:
                    agrees = self._agrees(adapter, case, seconds)
                except TooLong:  # it came while the answer was judged
                    agrees = False
                if not agrees:
                    return str(case.name)
        return None

    def _agrees(self, adapter: ModuleType, case: Any, seconds: float = 0) -> bool:
        self._armed = seconds > 0
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            answer = adapter.answer(dict(case.request))
        except (Exception, TooLong):  # noqa: BLE001 - whatever a mutant raises, it is no verdict
            return False
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        return bool(self._judging.judge(case, answer, self.cases.levels).kind == self._judging.AGREED)

    def _too_long(self, _: int, __: FrameType | None) -> None:
        """A signal may be handled a little later than it came."""
        if self._armed:
            raise TooLong

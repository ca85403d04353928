"""What a factory of a case file is made of: its own statement, and every top-level one that it reaches by name."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

#: Fields of a syntax tree that say nothing a reader of the source could see, or differ among Pythons.
_SILENT = frozenset({"ctx", "kind", "type_comment"})

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

#: A top-level name of a case file that says where on this machine something lies: no part of what a case is.
PLACE = "PLACE"


class Statement(NamedTuple):
    """A top-level statement, or one name's part of an import, without docstrings and without the arguments of
    `case(...)`, which the declaration holds. `text`: its syntax tree as JSON, equal for equal code."""

    text: str
    names: tuple[str, ...]


class Span(NamedTuple):
    """A statement with its first and last lines, decorators included."""

    first: int
    last: int
    statement: Statement


class CaseSource(NamedTuple):
    """The top-level statements of a case file. `bound`: by name, in one, those that make or change it; the text is a
    list."""

    spans: Sequence[Span]
    bound: Mapping[str, Statement]

    def reached(self, line: int) -> str | None:
        """The statement at that line, under "", and by name all statements that it reaches, as a JSON object; None
        where no statement is there."""
        own = next((span.statement for span in self.spans if span.first <= line <= span.last), None)
        if own is None:
            return None
        found = {"": own.text}
        waiting = ["*", *own.names]
        while waiting:
            name = waiting.pop()
            if name != PLACE and name not in found and name in self.bound:
                found[name], names = self.bound[name]
                waiting += names
        return as_object(found)


def as_object(values: Mapping[str, str]) -> str:
    """The JSON object of values that are JSON already, as json.dumps(..., sort_keys=True) writes it."""
    return f"{{{', '.join(f'{_quoted(name)}: {values[name]}' for name in sorted(values))}}}"


def encode(source: CaseSource) -> bytes:
    """A source as bytes, for `decode`."""
    return json.dumps([source.spans, source.bound]).encode()


def decode(data: bytes) -> CaseSource:
    """The source of those bytes."""
    spans, bound = json.loads(data)
    return CaseSource(
        [Span(first, last, _statement(*statement)) for first, last, statement in spans],
        {name: _statement(*statement) for name, statement in bound.items()},
    )


def _statement(text: str, names: Iterable[str]) -> Statement:
    return Statement(text, tuple(names))


def read(text: str) -> CaseSource:
    """The source of a case file. Raises SyntaxError."""
    tree = ast.parse(text)
    called = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfparity"
        for alias in node.names
        if alias.name == "case"
    }
    spans: list[Span] = []
    bound: dict[str, list[Statement]] = {}
    for node in tree.body:
        first = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
        reading = _Reading(node, called)
        spans.append(Span(first, node.end_lineno or first, reading.statement))
        for name, statement in _binds(node, reading):
            bound.setdefault(name, []).append(statement)
    return CaseSource(spans, {name: _together(statements) for name, statements in bound.items()})


def _together(statements: Sequence[Statement]) -> Statement:
    names = dict.fromkeys(name for statement in statements for name in statement.names)
    return Statement(f"[{', '.join(statement.text for statement in statements)}]", tuple(names))


@cache
def _quoted(text: str) -> str:
    return json.dumps(text)


def _binds(node: ast.stmt, reading: _Reading) -> Iterator[tuple[str, Statement]]:
    """The top-level names that a statement makes or changes, each with what does it: of an import, its own part."""
    if isinstance(node, _Scope):
        yield node.name, reading.statement
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0], _Reading(ast.Import([alias])).statement
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            part = ast.ImportFrom(node.module, [alias], node.level)
            yield alias.asname or alias.name, _Reading(part).statement
    else:
        for name in reading.changed:
            yield name, reading.statement


class _Reading:
    """One walk over a statement. `called`: the names under which the file calls `case`. `changed`: names that the
    statement makes or changes, anywhere in it; empty for a definition, whose inside is its own."""

    def __init__(self, node: ast.stmt, called: Collection[str] = ()) -> None:
        self._called = called
        self._defines = isinstance(node, _Scope)
        self._text: list[str] = []
        self._names: dict[str, None] = {}
        self.changed: dict[str, None] = {}
        self._read(node)
        self.statement = Statement("".join(self._text), tuple(self._names))

    def _read(self, value: object) -> None:
        """A part of a tree as JSON. ast.dump would differ from one Python to the next (3.12 adds type_params)."""
        if isinstance(value, list):
            self._text.append("[")
            for place, part in enumerate(value):
                self._text.append(", " if place else "")
                self._read(part)
            self._text.append("]")
        elif not isinstance(value, ast.AST):
            self._text.append(_quoted(repr(value)))
        elif self._declares(value):
            self._node(ast.Name("case", ast.Load()))
        else:
            self._node(value)

    def _node(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self._names[node.id] = None
        if not self._defines:
            self.changed.update(dict.fromkeys(self._changed(node)))
        self._text.append(f'["{type(node).__name__}", {{')
        between = ""
        for name in _telling(node._fields):
            part = getattr(node, name, None)
            if name == "body" and isinstance(node, _Scope) and ast.get_docstring(node, clean=False) is not None:
                part = node.body[1:]
            if part is not None and part != []:
                self._text.append(f'{between}"{name}": ')
                self._read(part)
                between = ", "
        self._text.append("}]")

    def _declares(self, node: ast.AST) -> bool:
        """Whether it is `case(...)`."""
        if not isinstance(node, ast.Call):
            return False
        func = node.func
        if isinstance(func, ast.Attribute):
            return func.attr == "case" and isinstance(func.value, ast.Name) and func.value.id == "tfparity"
        return isinstance(func, ast.Name) and func.id in self._called

    def _changed(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, _Scope):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.Attribute | ast.Subscript):
            if not isinstance(node.ctx, ast.Load):
                yield from self._root(node)  # TABLE["x"] = 1
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not self._declares(node.value):
            yield from self._root(node.value.func)  # TABLE.update(...)
            for given in (*node.value.args, *(keyword.value for keyword in node.value.keywords)):
                yield from self._root(given)  # fill(TABLE)

    def _root(self, part: ast.expr) -> Iterator[str]:
        while isinstance(part, ast.Attribute | ast.Subscript):
            part = part.value
        if isinstance(part, ast.Name):
            yield part.id
        elif self._declares(part):
            yield "case"


@cache
def _telling(fields: tuple[str, ...]) -> list[str]:
    return sorted(set(fields) - _SILENT)

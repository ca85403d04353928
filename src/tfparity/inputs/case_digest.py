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

#: Under what the text of the whole file stands: no name.
WHOLE = "the whole file"


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
    list. `whole`: all of the file, where it changes what no name tells (see _Effects); else None."""

    spans: Sequence[Span]
    bound: Mapping[str, Statement]
    whole: str | None = None

    def reached(self, line: int) -> str | None:
        """The statement at that line, under "", and by name all statements that it reaches, as a JSON object; None
        where no statement is there."""
        own = next((span.statement for span in self.spans if span.first <= line <= span.last), None)
        if own is None:
            return None
        found = {"": own.text} if self.whole is None else {"": own.text, WHOLE: self.whole}
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
    return json.dumps(source).encode()


def decode(data: bytes) -> CaseSource:
    """The source of those bytes."""
    spans, bound, whole = json.loads(data)
    return CaseSource(
        [Span(first, last, _statement(*statement)) for first, last, statement in spans],
        {name: _statement(*statement) for name, statement in bound.items()},
        whole,
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
    effects = _Effects(called)
    bound: dict[str, list[Statement]] = {}
    for node in tree.body:
        first = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
        reading = _Reading(node, called)
        spans.append(Span(first, node.end_lineno or first, reading.statement))
        effects.read(node, reading)
        for name, statement in _binds(node, reading):
            bound.setdefault(name, []).append(statement)
    places = {id(statement) for statement in bound.get(PLACE, ())}
    whole = _together([span.statement for span in spans if id(span.statement) not in places]).text
    return CaseSource(
        spans,
        {name: _together(statements) for name, statements in bound.items()},
        whole if effects.unnamed() else None,
    )


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


class _Effects:
    """Whether a file, as it is imported, can change what none of its statements names: by a decorator other than
    `case`, a base class that hears of its subclasses, or a call of a function of its own that declares no case, or of
    what it imports from elsewhere."""

    def __init__(self, called: Collection[str]) -> None:
        self._called = called
        self._imported: set[str] = set()
        self._functions: dict[str, Statement] = {}
        self._declaring: set[str] = set()
        self._calls: set[str] = set()
        self._registers = False

    def read(self, node: ast.stmt, reading: _Reading) -> None:
        """Take a top-level statement into account."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            of = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            self._imported.update(
                (one.asname or one.name).split(".")[0]
                for one in node.names
                if (of or one.name).split(".")[0] != "tfparity"
            )
        elif isinstance(node, _Scope):
            self._functions[node.name] = reading.statement
            if reading.declares:
                self._declaring.add(node.name)
        self._run(node, reading)

    def _run(self, node: ast.AST, reading: _Reading) -> None:
        """What runs on import: all but the insides of functions."""
        if isinstance(node, _Scope):
            self._registers |= not all(_plain(one) or reading.is_case(one) for one in node.decorator_list)
            if isinstance(node, ast.ClassDef):
                heard = any(isinstance(one, _Scope) and one.name == "__init_subclass__" for one in node.body)
                self._registers |= heard or bool(node.keywords)
                for part in node.body:
                    self._run(part, reading)
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.Call) and not reading.is_case(node):
            root: ast.AST = node.func
            while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
                root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name):
                self._calls.add(root.id)
        for child in ast.iter_child_nodes(node):
            self._run(child, reading)

    def unnamed(self) -> bool:
        """Whether there is such a change."""
        declaring, more = set[str](), self._declaring
        while more:  # what calls a function that declares cases declares them too
            declaring |= more
            named = {name for name, made in self._functions.items() if not declaring.isdisjoint(made.names)}
            more = named - declaring
        return self._registers or bool(self._calls & (self._imported | (self._functions.keys() - declaring)))


def _plain(decorator: ast.expr) -> bool:
    """Whether it is one that makes a method what it is."""
    return isinstance(decorator, ast.Name) and decorator.id in ("classmethod", "property", "staticmethod")


class _Reading:
    """One walk over a statement. `called`: the names under which the file calls `case`. `changed`: names that the
    statement makes or changes, anywhere in it; empty for a definition, whose inside is its own."""

    def __init__(self, node: ast.stmt, called: Collection[str] = ()) -> None:
        self._called = called
        self._defines = isinstance(node, _Scope)
        self._text: list[str] = []
        self._names: dict[str, None] = {}
        self.changed: dict[str, None] = {}
        self.declares = False
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
        elif self.is_case(value):
            self.declares = True
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

    def is_case(self, node: ast.AST) -> bool:
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
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not self.is_case(node.value):
            yield from self._root(node.value.func)  # TABLE.update(...)
            for given in (*node.value.args, *(keyword.value for keyword in node.value.keywords)):
                yield from self._root(given)  # fill(TABLE)

    def _root(self, part: ast.expr) -> Iterator[str]:
        while isinstance(part, ast.Attribute | ast.Subscript):
            part = part.value
        if isinstance(part, ast.Name):
            yield part.id
        elif self.is_case(part):
            yield "case"


@cache
def _telling(fields: tuple[str, ...]) -> list[str]:
    return sorted(set(fields) - _SILENT)

"""What a factory of a case file is made of: its own statement, and every top-level one that it reaches by name."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from tfparity.inputs import python_source

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
    """The source of a case file. Raises SyntaxError, also for what Python compiles and is nested too deeply here."""
    try:
        return _read(python_source.module(text))
    except RecursionError:
        raise SyntaxError(python_source.TOO_DEEP) from None


def _read(tree: ast.Module) -> CaseSource:
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


#: Builtins that change nothing but what they give; none that calls what it is given, unless by `key`.
_PURE = frozenset(
    (
        *("abs", "bool", "bytes", "complex", "dict", "divmod", "enumerate", "float", "frozenset", "int", "len", "list"),
        *("max", "min", "print", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple"),
        "zip",
    )
)

#: Methods of tables, sets and texts that only read them.
_READS = frozenset(
    (
        *("capitalize", "copy", "count", "difference", "endswith", "format", "get", "index", "intersection", "items"),
        *("join", "keys", "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rsplit", "rstrip", "split"),
        *("splitlines", "startswith", "strip", "title", "union", "upper", "values", "zfill"),
    )
)

#: Those that change a table, whose name then tells the change (see _Reading).
_CHANGES = frozenset(
    ("add", "append", "discard", "extend", "insert", "pop", "remove", "reverse", "setdefault", "sort", "update")
)

#: What an expression is that gives a table or a value, and no code.
_DATA = (
    *(ast.Constant, ast.JoinedStr, ast.Dict, ast.List, ast.Set, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.Compare),
    *(ast.DictComp, ast.ListComp, ast.SetComp, ast.GeneratorExp),
)


class _Effects:
    """Whether a file, as it is imported, can change what none of its statements names: by a decorator other than
    `case`, a base class that hears of its subclasses, or a call of anything but pure builtins, methods of tables,
    tfparity's own functions and functions of the file that declare cases and call nothing else either."""

    def __init__(self, called: Collection[str]) -> None:
        self._called = called
        self._bound: dict[str, int] = {}
        self._ours: set[str] = set()
        self._tables: dict[str, bool] = {}
        self._functions: dict[str, tuple[ast.stmt, _Reading]] = {}
        self._calls: list[tuple[ast.Call, frozenset[str]]] = []
        self._registers = False

    def read(self, node: ast.stmt, reading: _Reading) -> None:
        """Take a top-level statement into account."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            of = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for one in node.names:
                name = (one.asname or one.name).split(".")[0]
                self._bind(name)
                if (of or one.name).split(".")[0] == "tfparity":
                    self._ours.add(name)
        elif isinstance(node, _Scope):
            self._bind(node.name)
            self._functions[node.name] = node, reading
        else:
            for name in _makes(node):
                self._bind(name)
                self._tables[name] = False
            self._take_table(node)
        self._run(node, reading, frozenset())

    def _bind(self, name: str) -> None:
        self._bound[name] = self._bound.get(name, 0) + 1

    def _take_table(self, node: ast.stmt) -> None:
        """A name that is bound once, to a table or a value."""
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        pure = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _PURE
        for target in targets:
            if isinstance(target, ast.Name):
                self._tables[target.id] = self._bound[target.id] == 1 and (isinstance(value, _DATA) or pure)

    def _run(self, node: ast.AST, reading: _Reading, local: frozenset[str]) -> None:
        """What runs on import: all but the insides of functions. `local`: names of the function that runs."""
        if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            parts: list[ast.AST | None] = [*given.defaults, *given.kw_defaults]
            if not isinstance(node, ast.Lambda):
                every = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
                parts += [*(one.annotation for one in every if one), node.returns]
                parts += self._decorated(node, reading)
        elif isinstance(node, ast.ClassDef):
            heard = any(isinstance(one, _Scope) and one.name == "__init_subclass__" for one in node.body)
            self._registers |= heard or bool(node.keywords)
            parts = [*node.bases, *node.body, *self._decorated(node, reading)]
        else:
            if isinstance(node, ast.Call) and not reading.is_case(node):
                self._calls.append((node, local))
            parts = list(ast.iter_child_nodes(node))
        for part in parts:
            if part is not None:
                self._run(part, reading, local)

    def _decorated(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, reading: _Reading
    ) -> list[ast.AST]:
        """The decorators' parts that run; whether there is one that is none of ours."""
        self._registers |= not all(_plain(one) or reading.is_case(one) for one in node.decorator_list)
        return list(node.decorator_list)

    def unnamed(self) -> bool:
        """Whether there is such a change."""
        declaring = self._declaring()
        seen: set[str] = set()
        for call, local in self._calls:  # grows by the calls of each function that is called
            name = call.func.id if isinstance(call.func, ast.Name) else None
            if name in declaring and name not in local and self._bound[name] == 1:
                if name not in seen:
                    seen.add(name)
                    self._enter(*self._functions[name])
            elif not self._is_pure(call, local):
                return True
        return self._registers

    def _declaring(self) -> set[str]:
        """The functions that declare cases, or that name one which does."""
        declaring, more = set[str](), {name for name, (_, made) in self._functions.items() if made.declares}
        while more:
            declaring |= more
            named = {
                name for name, (_, made) in self._functions.items() if not declaring.isdisjoint(made.statement.names)
            }
            more = named - declaring
        return {name for name in declaring if not isinstance(self._functions[name][0], ast.ClassDef)}

    def _enter(self, node: ast.stmt, reading: _Reading) -> None:
        """The inside of a function that is called on import."""
        for part in getattr(node, "body", ()):
            self._run(part, reading, frozenset(_makes(node)))

    def _is_pure(self, call: ast.Call, local: frozenset[str]) -> bool:
        """Whether a call changes nothing but what it gives, or a table by its name."""
        func = call.func
        if any(keyword.arg == "key" for keyword in call.keywords):
            return False
        if isinstance(func, ast.Name):
            builtin = func.id in _PURE and not {func.id, "*"} & self._bound.keys()
            ours = func.id in self._ours and self._bound[func.id] == 1
            return func.id not in local and (builtin or ours)
        if isinstance(func, ast.Call):  # case(...)(lambda: …)
            return isinstance(func.func, ast.Name) and func.func.id in self._called
        if not isinstance(func, ast.Attribute):
            return False
        of = func.value
        if isinstance(of, ast.Name) and of.id in self._ours and of.id not in local:
            return self._bound[of.id] == 1
        if func.attr not in _READS | _CHANGES:
            return False
        if isinstance(of, ast.Name) and of.id in local:
            return func.attr in _READS
        if isinstance(of, ast.Name):
            return self._tables.get(of.id, False)
        return isinstance(of, _DATA) or (isinstance(of, ast.Call) and self._is_pure(of, local))


def _makes(node: ast.stmt) -> Iterator[str]:
    """The names that are made anywhere in a statement, of parameters, definitions and imports too; not its own."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            yield part.id
        elif isinstance(part, ast.arg):
            yield part.arg
        elif isinstance(part, _Scope) and part is not node:
            yield part.name
        elif isinstance(part, ast.alias):
            yield (part.asname or part.name).split(".")[0]


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

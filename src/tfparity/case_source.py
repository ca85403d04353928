"""What a factory of a case file is made of: its own statement, and every top-level one that it reaches by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

#: Fields of a syntax tree that say nothing a reader of the source could see, or differ among Pythons.
_SILENT = frozenset({"ctx", "kind", "type_comment"})


#: A top-level name of a case file that says where on this machine something lies: no part of what a case is.
PLACE = "PLACE"


class CaseSource:
    """The top-level statements of a case file, in plain values that are equal for equal code."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        strip = _Strip(tree)
        self._spans: list[tuple[int, int, Any, list[str]]] = []
        self._bound: dict[str, list[tuple[Any, list[str]]]] = {}
        for node in tree.body:
            first = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
            last = node.end_lineno or first
            stripped = strip.visit(node)
            plain, names = _plain(stripped), _names(stripped)
            self._spans.append((first, last, plain, names))
            for name, bound in _binds(stripped):
                entry = (plain, names) if bound is stripped else (_plain(bound), _names(bound))
                self._bound.setdefault(name, []).append(entry)

    def reached(self, line: int) -> dict[str, Any] | None:
        """The statement at that line, under "", and all that it reaches, by name; None where none is there."""
        own = next((span for span in self._spans if span[0] <= line <= span[1]), None)
        if own is None:
            return None
        found: dict[str, Any] = {"": own[2]}
        waiting = ["*", *own[3]]
        while waiting:
            name = waiting.pop()
            if name == PLACE or name in found or name not in self._bound:
                continue
            found[name] = [plain for plain, _ in self._bound[name]]
            waiting += [further for _, names in self._bound[name] for further in names]
        return found


@lru_cache(maxsize=64)
def read(text: str) -> CaseSource:
    """The source of a case file. Raises SyntaxError."""
    return CaseSource(text)


class _Strip(ast.NodeTransformer):
    """Takes out the arguments of `case(...)`, which the declaration holds, and docstrings."""

    def __init__(self, tree: ast.Module) -> None:
        self.called = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfparity"
            for alias in node.names
            if alias.name == "case"
        }

    def visit_Call(self, node: ast.Call) -> ast.AST:
        func = node.func
        if isinstance(func, ast.Name) and func.id in self.called:
            return ast.Name("case", ast.Load())
        if isinstance(func, ast.Attribute) and ast.unparse(func) == "tfparity.case":
            return ast.Name("case", ast.Load())
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_docstring(node)

    def _without_docstring(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def _plain(value: Any) -> Any:
    """A tree as JSON values. ast.dump would differ from one Python to the next (3.12 adds type_params)."""
    if isinstance(value, ast.AST):
        fields = {
            name: _plain(part)
            for name, part in ast.iter_fields(value)
            if name not in _SILENT and part is not None and part != []
        }
        return [type(value).__name__, fields]
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return repr(value)


def _names(node: ast.AST) -> list[str]:
    return [leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)]


def _binds(node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The top-level names that a statement makes or changes, each with what does it: of an import, its own part."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, node
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0], ast.Import([alias])
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, ast.ImportFrom(node.module, [alias], node.level)
    else:
        for name in dict.fromkeys(_changed(node)):
            yield name, node


def _changed(node: ast.stmt) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
            yield part.id
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield part.name
        elif isinstance(part, ast.alias):
            yield (part.asname or part.name).split(".")[0]
        elif isinstance(part, ast.Attribute | ast.Subscript) and not isinstance(part.ctx, ast.Load):
            yield from _root(part)  # TABLE["x"] = 1
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            yield from _root(part.value.func)  # TABLE.update(...)
            for given in (*part.value.args, *(keyword.value for keyword in part.value.keywords)):
                yield from _root(given)  # fill(TABLE)


def _root(part: ast.expr) -> Iterator[str]:
    while isinstance(part, ast.Attribute | ast.Subscript):
        part = part.value
    if isinstance(part, ast.Name):
        yield part.id

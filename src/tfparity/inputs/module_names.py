"""Which names a module binds, read from its source: nothing of it is run."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

from tfparity import paths
from tfparity.inputs import python_source
from tfparity.inputs.names import closest

#: Names by which code binds others that its source doesn't show, and such attributes.
_HIDING = frozenset(
    [
        "__getattr__",
        "__builtins__",
        "__import__",
        "exec",
        "eval",
        "globals",
        "locals",
        "vars",
        "setattr",
        "modules",
        "import_module",
    ]
)
_HIDING_ATTRIBUTES = frozenset(["__dict__", "__globals__", "f_globals", "modules", "exec", "import_module"])


def lacks(root: Path, module: str, name: str) -> str | None:
    """Why `from module import name` cannot do, the module being below a folder, where another name of it is likely
    meant; None where it can, or where the source doesn't tell. What other modules put into this one is not seen: hence
    nothing is said where no name of it is like the one asked for."""
    parts = module.split(".")
    packages = [root.joinpath(*parts[:depth]) / "__init__.py" for depth in range(1, len(parts))]
    below = root.joinpath(*parts)
    file = next((one for one in (below / "__init__.py", below.with_suffix(".py")) if one.is_file()), None)
    if file is None or (below / name).is_dir() or (below / f"{name}.py").is_file():
        return None
    mine, *others = [bound(one) for one in (file, *packages) if one.is_file()]
    if mine is None or None in others:
        return None
    known = mine.union(*filter(None, others))
    meant = None if unicodedata.normalize("NFKC", name) in known else closest(name, mine)
    return f"{file} has no {name}, did you mean {module}:{meant}?" if meant else None


def functions(file: Path) -> tuple[str, ...] | None:
    """The functions and classes of a module's top level; None of a file that cannot be read, or that imports tfparity's
    `case`: it is a case file."""
    try:
        tree = python_source.module(paths.read_bytes(file))
    except (OSError, SyntaxError):
        return None
    if any(isinstance(one, ast.ImportFrom) and one.module == "tfparity" for one in ast.walk(tree)):
        return None
    return tuple(
        one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )


def bound(file: Path) -> frozenset[str] | None:
    """The names that a module binds at its top level. None where its source doesn't tell: it imports by a star, defines
    __getattr__, or writes into its own namespace; or this Python cannot read it."""
    try:
        tree = python_source.module(paths.read_bytes(file))
    except (OSError, SyntaxError):
        return None
    found: set[str] = set()
    for node in ast.walk(tree):  # a name bound inside a function counts too: of what is asked for, none must be missed
        match node:
            case ast.Name(id=name, ctx=ctx):
                if name in _HIDING:
                    return None
                if not isinstance(ctx, ast.Load):
                    found.add(name)
            case ast.Attribute(attr=name) if name in _HIDING_ATTRIBUTES:
                return None
            case ast.Attribute(attr=name, ctx=ast.Store()):  # of what may be this very module
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if name in _HIDING:
                    return None
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                if any(one.name == "*" for one in names):
                    return None
                found.update((one.asname or one.name).partition(".")[0] for one in names)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
    return frozenset(found)

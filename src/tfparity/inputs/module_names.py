"""Which names a module binds, read from its source: nothing of it is run."""

from __future__ import annotations

import ast
from pathlib import Path

from tfparity.inputs.names import closest

#: Names by which code binds others that its source doesn't show, and such attributes.
_HIDING = ("__getattr__", "exec", "eval", "globals", "locals", "vars", "setattr")
_HIDING_ATTRIBUTES = ("__dict__", "modules")


def lacks(root: Path, module: str, name: str) -> str | None:
    """Why `from module import name` cannot do, the module being below a folder; None where it can, or where the source
    doesn't tell."""
    below = root.joinpath(*module.split("."))
    file = next((one for one in (below.with_suffix(".py"), below / "__init__.py") if one.is_file()), None)
    names = bound(file) if file else None
    if names is None or name in names or (below / name).is_dir() or (below / f"{name}.py").is_file():
        return None
    meant = closest(name, names)
    return f"{file} has no {name}" + (f", did you mean {module}:{meant}?" if meant else "")


def bound(file: Path) -> frozenset[str] | None:
    """The names that a module binds at its top level. None where its source doesn't tell: it imports by a star, defines
    __getattr__, or writes into its own namespace; or this Python cannot read it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
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

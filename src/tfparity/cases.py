"""The zoo: case files loaded, checked and digested. Nothing of a model is built here."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import traceback
from collections.abc import Iterable
from pathlib import Path

from tfparity.errors import CaseError
from tfparity.worker import declare, plugins
from tfparity.worker.declare import Case, DeclarationError


def load(paths: Iterable[Path]) -> dict[str, Case]:
    """Every case of the files, or of the .py files of the folders, by id, in file order.

    Raises CaseError with file and line where a file cannot be imported or declares a case wrongly.
    """
    cases: dict[str, Case] = {}
    for path in paths:
        if not path.exists():
            raise CaseError("no such case file or folder", file=path)
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            _import(file)
            cases.update((id, case) for id, case in declare.registered().items() if Path(case.file) == file.resolve())
    if not cases:
        raise CaseError("no case is declared here; see CONTRIBUTING.md, add a case", file=next(iter(paths), Path()))
    return cases


def _import(file: Path) -> None:
    try:
        plugins.load(str(file.resolve()), "")
    except DeclarationError as wrong:
        raise CaseError(str(wrong), file=wrong.file or file, line=wrong.line or None) from None
    except SyntaxError as wrong:
        raise CaseError(f"cannot be read: {wrong.msg}", file=file, line=wrong.lineno) from None
    except BaseException as wrong:
        if isinstance(wrong, KeyboardInterrupt):
            raise
        lines = [
            frame.lineno for frame in traceback.extract_tb(wrong.__traceback__) if frame.filename == str(file.resolve())
        ]
        raise CaseError(
            f"raises {type(wrong).__name__} when imported: {wrong}; import frameworks inside the factory",
            file=file,
            line=lines[-1] if lines else None,
        ) from None


def digest(case: Case) -> str:
    """sha256 of what the case is: its declaration, its factory, and every top-level name of its file
    that the factory reaches. Comments, and other cases of the file, do not count."""
    tree = ast.parse(Path(case.file).read_text(encoding="utf-8"))
    tops: dict[str, ast.stmt] = {}
    for node in tree.body:
        for name in _binds(node):
            tops[name] = node
    name = inspect.unwrap(case.factory).__name__
    reached: dict[str, str] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in reached or current not in tops:
            continue
        reached[current] = ast.dump(tops[current])
        waiting += [node.id for node in ast.walk(tops[current]) if isinstance(node, ast.Name)]
    declaration = case.declaration()
    del declaration["tags"]  # how a case is chosen does not change what it is
    text = json.dumps([declaration, sorted(reached.items())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _binds(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    return []

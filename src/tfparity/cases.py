"""The zoo: case files loaded, checked and digested. Nothing of a model is built here."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfparity import case_source, onnx_reader, paths
from tfparity.errors import CaseError
from tfparity.worker import declare, plugins
from tfparity.worker.declare import Case, DeclarationError


def load(places: Iterable[Path]) -> dict[str, Case]:
    """Every case of the files, or of the .py files of the folders, by id, in file order.

    Raises CaseError with file and line where a file cannot be imported or declares a case wrongly.
    """
    cases: dict[str, Case] = {}
    for path in places:
        if not path.exists():
            raise CaseError("no such case file or folder", file=path)
        if path.is_file() and path.suffix != ".py":
            raise CaseError("a case file's name ends in .py", file=path)
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            _import(file)
            here = str(file.resolve())
            cases.update((id, case) for id, case in declare.registered().items() if case.file == here)
    if not cases:
        raise CaseError("no case is declared here; see CONTRIBUTING.md, add a case", file=next(iter(places), Path()))
    return cases


def _import(file: Path) -> None:
    try:
        plugins.load(str(file.resolve()), "")
    except DeclarationError as wrong:
        raise CaseError(str(wrong), file=wrong.file or file, line=wrong.line or None) from None
    except SyntaxError as wrong:
        raise CaseError(f"cannot be read: {wrong.msg}", file=wrong.filename or file, line=wrong.lineno) from None
    except BaseException as wrong:
        if isinstance(wrong, KeyboardInterrupt):
            raise
        lines = [
            frame.lineno for frame in traceback.extract_tb(wrong.__traceback__) if frame.filename == str(file.resolve())
        ]
        hint = "; import frameworks inside the factory" if isinstance(wrong, ImportError) else ""
        raise CaseError(
            f"raises {type(wrong).__name__} when imported: {wrong}{hint}",
            file=file,
            line=lines[-1] if lines else None,
        ) from None


def digest(case: Case) -> str:
    """sha256 of what the case is: its declaration, its factory with the values that it closes over, the functions that
    give its inputs, every top-level name of its file that these reach, and the .onnx file that it is.

    Tags, the answer for people, comments, docstrings, formatting, and other cases of the file, do not count; nor does
    the Python that reads it.

    Raises CaseError where the file has changed so much since it was loaded that the factory is not there, and where it
    closes over what has no plain value.
    """
    source = case_source.read(Path(case.file).read_text(encoding="utf-8"))
    reached = source.reached(case.line)
    if reached is None:
        raise CaseError(f"case {case.id!r} has gone while it was in use", file=case.file, line=case.line)
    declaration = case.declaration()
    del declaration["tags"], declaration["operators"]  # how a case is chosen does not change what it is
    held = _closed_over(case)
    made = {i.name: source.reached(i.make.__code__.co_firstlineno) for i in case.inputs if i.make}
    parts = [declaration, reached, *([held] if held else []), *([made] if made else []), *_onnx_file(case)]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _onnx_file(case: Case) -> list[str]:
    """A digest of the .onnx file that the case names, and of its weights beside it; nothing for a file in a package of
    the toolchain, which is locked, and for a model."""
    if not case.onnx_opset:
        return []
    try:
        path = Path(case.factory())
    except Exception:  # noqa: BLE001 - it asks for what is in the toolchain alone
        return []
    found = onnx_reader.read(path)
    for name in found.external:
        if not (path.parent / name).is_file() or not (path.parent / name).resolve().is_relative_to(
            path.parent.resolve()
        ):
            raise CaseError(f"has weights in {name!r}, which is no file of its folder", file=path)
    try:
        return [paths.digest([path, *(path.parent / name for name in found.external)], path.parent)]
    except OSError as missing:
        raise CaseError(f"{path.name} has weights in a file of their own: {missing}", file=path) from None


def _closed_over(case: Case) -> dict[str, Any]:
    """The values that a factory made by another function holds from there, by name; its defaults are some of them."""
    code, defaults = case.factory.__code__, case.factory.__defaults__ or ()
    cells = [cell.cell_contents for cell in case.factory.__closure__ or ()]
    values = {
        **dict(zip(code.co_freevars, cells, strict=True)),
        **dict(zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)),
        **(case.factory.__kwdefaults__ or {}),
    }
    held = {}
    for name, value in values.items():
        try:
            held[name] = json.loads(json.dumps(value, sort_keys=True))
        except (TypeError, ValueError):
            raise CaseError(
                f"case {case.id!r}: its factory closes over {name}, a {type(value).__name__}: pass plain values "
                "(numbers, strings, lists, dictionaries) and make the rest inside",
                file=case.file,
                line=case.line,
            ) from None
    return held

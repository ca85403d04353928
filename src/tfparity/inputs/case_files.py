"""The zoo: case files loaded, checked and digested. Nothing of a model is built here."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import marshal
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from tfparity import paths
from tfparity.errors import CaseError
from tfparity.inputs import case_digest, python_source
from tfparity.inputs import onnx_file as onnx_reader
from tfparity.inputs.case_digest import CaseSource
from tfparity.inputs.read_cache import ReadCache
from tfparity.records import exits
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
            here = str(paths.real(file))
            cases.update((id, case) for id, case in declare.registered().items() if case.file == here)
    if not cases:
        raise CaseError("no case is declared here; see CONTRIBUTING.md, add a case", file=next(iter(places), Path()))
    return cases


def _import(file: Path) -> None:
    if not file.is_file():  # a pipe would be waited for
        raise CaseError("is no file that can be read", file=file)
    place = paths.real(file)
    try:
        with exits.guarded():
            plugins.load(str(place), "", lambda: _code(place))
    except DeclarationError as wrong:
        raise CaseError(str(wrong), file=wrong.file or file, line=wrong.line or None) from None
    except SyntaxError as wrong:
        raise CaseError(f"cannot be read: {wrong.msg}", file=wrong.filename or file, line=wrong.lineno) from None
    except BaseException as wrong:
        if isinstance(wrong, KeyboardInterrupt):
            raise
        lines = [frame.lineno for frame in traceback.extract_tb(wrong.__traceback__) if frame.filename == str(place)]
        needed = "; import what the model needs inside the factory; a folder of your own that has it goes to --path"
        hint = needed if isinstance(wrong, ImportError) else ""
        raise CaseError(
            f"raises {type(wrong).__name__} when imported: {wrong}{hint}",
            file=file,
            line=lines[-1] if lines else None,
        ) from None


#: The bytecode of case files. Python's own cache of it lies beside the file, in a folder that is a person's.
_CODE = ReadCache("code", f"{importlib.util.MAGIC_NUMBER.hex()} {sys.flags.optimize}")


def _code(file: Path) -> CodeType:
    """The compiled file. Raises SyntaxError, OSError."""
    content = paths.read_bytes(file)
    kept = _CODE.get(file, content)
    if kept is not None:
        found = marshal.loads(kept)  # nosec B302 # noqa: S302 - sealed, and as safe as the file beside it: its code is run next
        assert isinstance(found, CodeType)
        return found
    made = python_source.compiled(content, str(file))
    _CODE.put(file, content, marshal.dumps(made))
    return made


def digest(case: Case) -> str:
    """sha256 of what the case is: its declaration, its factory with the values that it closes over, the functions that
    give its inputs, every top-level name of its file that these reach, and the .onnx file that it is.

    Tags, the answer for people, comments, docstrings, formatting, and other cases of the file, do not count; nor does
    the Python that reads it. Kept per case until its file changes, but where an .onnx file belongs to it.

    Raises CaseError where the file has changed so much since it was loaded that the factory is not there, and where it
    closes over what has no plain value.
    """
    state = _State.of(case.file)
    known = _known.get(id(case))
    if known and known.case is case and known.state == state:
        return known.digest
    found = _digest(case, _source(case.file, state))
    if state.settled and not case.onnx_opset:
        _known[id(case)] = _Known(case, state, found)
    return found


class _State(NamedTuple):
    """What tells that a file has changed."""

    changed: int
    size: int
    inode: int

    @classmethod
    def of(cls, file: str) -> _State:
        found = _path(file).stat()
        return cls(found.st_mtime_ns, found.st_size, found.st_ino)

    @property
    def settled(self) -> bool:
        """Whether a change from now on would tell: not of a file written a moment ago, for FAT counts in two seconds,
        ext4 in hundredths."""
        return time.time_ns() - self.changed > 2_000_000_000


@functools.cache
def _path(file: str) -> Path:
    return Path(file)


class _Known(NamedTuple):
    case: Case
    state: _State
    digest: str


#: Digests by the identity of their case, which is held beside so that no other gets it.
_known: dict[int, _Known] = {}

#: Their statements: see case_digest, whose code decides what a reading comes to.
_SOURCE = ReadCache("case", f"{sys.version_info[:2]} {paths.digest([Path(case_digest.__file__)])}")

#: What was read of case files last.
_sources: dict[str, tuple[_State, CaseSource]] = {}


def _source(file: str, state: _State) -> CaseSource:
    known = _sources.get(file)
    if known and known[0] == state:
        return known[1]
    path = Path(file)
    content = paths.read_bytes(path)
    kept = _SOURCE.get(path, content)
    if kept is not None:
        found = case_digest.decode(kept)
    else:
        try:
            found = case_digest.read(content.decode("utf-8"))
        except (SyntaxError, UnicodeDecodeError) as wrong:
            raise CaseError(f"cannot be read: {wrong}", file=path) from None
        _SOURCE.put(path, content, case_digest.encode(found))
    if state.settled:
        _sources[file] = state, found
    return found


_JSON = json.JSONEncoder(sort_keys=True)
_SCALARS = (str, int, float, bool, type(None))


def _digest(case: Case, source: CaseSource) -> str:
    reached = source.reached(case.line)
    if reached is None:
        raise CaseError(f"case {case.id!r} has gone while it was in use", file=case.file, line=case.line)
    declaration = case.declaration()
    del declaration["tags"], declaration["operators"]  # how a case is chosen does not change what it is
    held = _closed_over(case)
    made = {i.name: source.reached(i.make.__code__.co_firstlineno) or "null" for i in case.inputs if i.make}
    parts = [_JSON.encode(declaration), reached]
    parts += [case_digest.as_object(values) for values in (held, made) if values]
    parts += [json.dumps(part) for part in _onnx_file(case)]
    return hashlib.sha256(f"[{', '.join(parts)}]".encode()).hexdigest()


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
        if not (path.parent / name).is_file() or not paths.real(path.parent / name).is_relative_to(
            paths.real(path.parent)
        ):
            raise CaseError(f"has weights in {name!r}, which is no file of its folder", file=path)
    try:
        return [paths.digest([path, *(path.parent / name for name in found.external)], path.parent)]
    except OSError as missing:
        raise CaseError(f"{path.name} has weights in a file of their own: {missing}", file=path) from None


def _closed_over(case: Case) -> dict[str, str]:
    """The values that a factory made by another function holds from there, by name, as JSON; its defaults are some of
    them."""
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
            text = _JSON.encode(value)
            held[name] = text if type(value) in _SCALARS else _JSON.encode(json.loads(text))  # keys sorted as texts
        except (TypeError, ValueError):
            raise CaseError(
                f"case {case.id!r}: its factory closes over {name}, a {type(value).__name__}: pass plain values "
                "(numbers, strings, lists, dictionaries) and make the rest inside",
                file=case.file,
                line=case.line,
            ) from None
    return held

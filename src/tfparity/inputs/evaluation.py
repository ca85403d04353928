"""A user's own measure of a model, as it is named on the command line: located here, and never imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.inputs import module_names, names, python_source

_FORM = re.compile(r"(?P<place>.+):(?P<function>[A-Za-z_]\w*)")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

SAYS = "write FILE.py:FUNCTION, or MODULE:FUNCTION of a module here or below --path"


@dataclass(frozen=True)
class Evaluation:
    """`function` of `file` takes a model as a function of named arrays, and returns one number (docs/converting.md).
    root: the folder that the file's own imports are found in."""

    file: Path
    function: str
    root: Path

    @property
    def name(self) -> str:
        """As a person calls it."""
        return f"{self.file.name}:{self.function}"


def named(said: str, path: Sequence[Path] = ()) -> Evaluation:
    """The measure of that name, FILE.py:FUNCTION, or MODULE:FUNCTION where the module lies in the working folder or
    below one of `path`. Raises UsageError where there is none."""
    form = _FORM.fullmatch(said)
    if form is None:
        raise UsageError(f"--evaluate {said}: {SAYS}")
    place, function = form["place"], form["function"]
    if place.endswith(".py"):
        file, root = Path(place), Path(place).parent
    elif _MODULE.fullmatch(place):
        below = Path(*place.split(".")).with_suffix(".py")
        root = next((folder for folder in (Path(), *path) if (folder / below).is_file()), Path())
        file = root / below
    else:
        raise UsageError(f"--evaluate {said}: {SAYS}")
    if not file.is_file():
        raise UsageError(f"--evaluate {said}: there is no file {file}; {SAYS}")
    _check_syntax(said, file)
    bound = module_names.bound(file)
    if bound is not None and function not in bound:
        meant = names.closest(function, bound)
        raise UsageError(f"--evaluate {said}: {file} has no {function}" + (f", did you mean {meant}?" if meant else ""))
    return Evaluation(paths.real(file), function, paths.real(root))


def _check_syntax(said: str, file: Path) -> None:
    """Raises UsageError for a file that is no Python."""
    try:
        python_source.module(paths.read_bytes(file))
    except OSError as wrong:
        raise UsageError(f"--evaluate {said}: {file} cannot be read: {wrong.strerror}") from None
    except SyntaxError as wrong:
        line = f":{wrong.lineno}" if wrong.lineno else ""
        raise UsageError(f"--evaluate {said}: {file}{line} is no Python: {wrong.msg}") from None

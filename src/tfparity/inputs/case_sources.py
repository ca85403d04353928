"""What `--cases` names: case files and folders of them, and models that have none, for which one is made."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfparity import paths
from tfparity.errors import CaseError, UsageError
from tfparity.inputs import case_files, module_names, names, own_models
from tfparity.inputs.own_models import NOWHERE, Declared, Where
from tfparity.paths import Cache, Project
from tfparity.worker.declare import Case

#: What is said where something is declared of models that say it themselves.
NOTHING_DECLARED = (
    "--input, --output and --axis are for module:function, .onnx files and Hugging Face folders: a case of the zoo or "
    "of a case file says itself what it takes and gives"
)


def load(
    sources: Iterable[str], declared: Declared, project: Project, cache: Cache, where: Where = NOWHERE
) -> dict[str, Case]:
    """The cases of all sources by id; those of the project's zoo where no source is named.

    Raises UsageError for a source that is none, does not say enough or is told of wrongly, CaseError for a wrong case
    file.
    """
    found = files(sources, declared, cache.made, where)
    if not found and declared != Declared():
        raise UsageError(NOTHING_DECLARED)
    try:
        return case_files.load(found or [project.cases])
    except CaseError as wrong:
        if Path(wrong.file).parent != cache.made:
            raise
        # Nobody wrote that file: what it says was said on the command line.
        options = zip(
            ("--input", "--output", "--axis"), (declared.inputs, declared.outputs, declared.axes), strict=True
        )
        given = [f"{option} {text!r}" for option, texts in options for text in texts]
        raise UsageError(f"{', '.join(given) or '--cases'}: {wrong.message}") from None


def files(sources: Iterable[str], declared: Declared, folder: Path, where: Where = NOWHERE) -> list[Path]:
    """Case files and folders as they are; what stands for a model as a case file made in `folder`.

    Raises UsageError for what is none of these, or does not say enough.
    """
    return [_file(source, declared, folder, where) for source in sources]


def _file(source: str, declared: Declared, folder: Path, where: Where) -> Path:
    path = Path(source)
    if path.suffix == ".onnx":
        return own_models.of_onnx_file(path, declared, folder)
    if (named := of_file(source)) is not None:
        raise UsageError(f"{source}: --cases names a file, and --case one of its cases: {shlex.join(named.words)}")
    if not path.exists() and own_models.names_function(source):
        return own_models.of_function(source, declared, folder, where)
    if (path / "config.json").is_file():
        return own_models.of_pretrained(paths.real(path), declared, folder)
    if declared != Declared():
        raise UsageError(f"{source}: {NOTHING_DECLARED}")
    return path


class OfFile(NamedTuple):
    """One case of a case file."""

    file: str
    case: str

    @property
    def words(self) -> tuple[str, ...]:
        """As words of a command line."""
        return "--cases", self.file, "--case", self.case


def of_file(source: str) -> OfFile | None:
    """The case that FILE.py:CASE means, by its id, a glob or the name of its function; None of what does not read so.

    Raises UsageError where the file has no such case, with what it has; CaseError for a wrong file.
    """
    file, _, name = source.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or Path(source).exists():
        return None
    try:
        cases = case_files.load([path])
    except CaseError:
        known = module_names.functions(path)
        if known is None:
            raise
        raise UsageError(_no_case_file(path, name, known)) from None
    if fnmatch.filter(cases, name):
        return OfFile(file, name)
    by_function = [id for id, case in cases.items() if case.factory.__name__ == name]
    if by_function:
        return OfFile(file, by_function[0])
    meant = names.closest(name, cases)
    raise UsageError(
        f"{path} has no case {name!r}{f', did you mean {meant!r}?' if meant else ';'} it has {', '.join(cases)}"
    )


def _no_case_file(path: Path, name: str, functions: Sequence[str]) -> str:
    """What is said of a function of a module that is named as a case of a file is."""
    if name in functions:
        return (
            f"{path} is no case file; a function of a module is named without .py: {path.stem}:{name}, with --input "
            f"for what the model takes and {shlex.join(['--path', str(path.parent)])} for where the module is"
        )
    meant = names.closest(name, functions)
    there = f"it has the functions {', '.join(functions)}" if functions else "it has no function"
    guess = f", did you mean {path.stem}:{meant}?" if meant else ";"
    return f"{path} has no case, and no function {name!r}{guess} {there}"


def is_one_model(source: str) -> bool:
    """Whether it is one model, of which something may be declared: no case file or folder of them."""
    path = Path(source)
    function = not path.exists() and own_models.names_function(source)
    return path.suffix == ".onnx" or function or (path / "config.json").is_file()

"""What `--cases` names: case files and folders of them, and models that have none, for which one is made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tfparity import paths
from tfparity.errors import CaseError, UsageError
from tfparity.inputs import case_files, own_models
from tfparity.inputs.own_models import NOWHERE, Declared, Where
from tfparity.paths import Cache, Project
from tfparity.worker.declare import Case


def load(
    sources: Iterable[str], declared: Declared, project: Project, cache: Cache, where: Where = NOWHERE
) -> dict[str, Case]:
    """The cases of all sources by id; those of the project's zoo where no source is named.

    Raises UsageError for a source that is none, does not say enough or is told of wrongly, CaseError for a wrong case
    file.
    """
    found = files(sources, declared, cache.made, where) or [project.cases]
    try:
        return case_files.load(found)
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
    if not path.exists() and own_models.names_function(source):
        return own_models.of_function(source, declared, folder, where)
    if (path / "config.json").is_file():
        return own_models.of_pretrained(paths.real(path), declared, folder)
    if declared != Declared():
        raise UsageError(
            f"{source}: --input, --output and --axis are for module:function, .onnx files and Hugging Face folders"
        )
    return path

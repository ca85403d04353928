"""Verdicts, grades and stages in a newcomer's words: the same in the terminal, in the docs and in a job summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfparity.evidence.query import Untried
from tfparity.records.cells import Cell, Failure, Said
from tfparity.records.vocabulary import Grade, Stage, Verdict


@dataclass(frozen=True)
class Shown:
    """How a verdict is shown: a sign that needs no colour, words, and what it means in one sentence."""

    sign: str
    words: str
    meaning: str
    style: str


#: Best first; every cell has exactly one of them.
VERDICTS: dict[Verdict, Shown] = {
    Verdict.WORKS: Shown(
        "✓",
        "works",
        "every stage passes, every dynamic axis and the signature are kept, numbers agree to 1e-5 of the "
        "largest, or to four times torch's own rounding error where that is more",
        "green",
    ),
    Verdict.WORKS_WITH_REMEDY: Shown(
        "✓*", "works with a remedy", "the same, after a named change: a lower opset, a rewrite, a shim", "green"
    ),
    Verdict.PARTIAL: Shown(
        "◐",
        "partly",
        "right at the exported shape, but an axis or a name is lost, or numbers agree to 1e-3 only",
        "yellow",
    ),
    Verdict.BROKEN: Shown("✗", "broken", "it does not convert, does not run, or answers wrongly", "red"),
    Verdict.UNRESOLVABLE: Shown("∅", "no such environment", "these versions cannot be installed together", "magenta"),
    Verdict.NOT_APPLICABLE: Shown("–", "not applicable", "the case or the route cannot exist there", "dim"),
    Verdict.UNTESTED: Shown("?", "untested", "nothing was run", "dim"),
    Verdict.STALE: Shown("~", "stale", "recorded under an older revision: run it again", "yellow"),
}

GRADES = {
    Grade.FLOAT32_NOISE: "to float32 noise",
    Grade.WITHIN_1E5: "within 1e-5",
    Grade.WITHIN_PRECISION: "within its precision",
    Grade.WITHIN_1E3: "within 1e-3",
    Grade.FORM: "form only",
    Grade.DIVERGED: "different numbers",
}

#: The stages of a cell, with what a reader would call them.
STAGES = {
    Stage.RESOLVE: "finding versions that fit",
    Stage.INSTALL: "installing",
    Stage.IMPORT: "importing",
    Stage.BUILD: "building the model",
    Stage.EXPORT: "exporting from torch",
    Stage.CHECK: "checking the ONNX file",
    Stage.CONVERT: "converting to TensorFlow",
    Stage.LOAD: "loading the SavedModel",
    Stage.PARITY: "comparing numbers",
    Stage.DYNAMIC_SHAPE: "running other sizes",
    Stage.SIGNATURE: "checking names and order",
    Stage.PROBE: "probing further inputs",
    Stage.TARGET: "making the target of the SavedModel",
    Stage.COMPILE: "compiling for an edge device",
}


def stage(name: str) -> str:
    """What a reader would call a stage."""
    return STAGES[Stage(name)] if name in list(Stage) else name


def verdict(name: Verdict) -> Shown:
    """How that verdict is shown."""
    return VERDICTS[name]


def axes(dynamic: Mapping[str, bool] | None) -> str:
    """Which declared axes are kept: "batch", "batch, not sequence", "–" where none is declared."""
    if not dynamic:
        return "–"
    kept = [axis for axis, ok in dynamic.items() if ok]
    lost = [axis for axis, ok in dynamic.items() if not ok]
    return ", ".join(kept + [f"not {axis}" for axis in lost])


def number(value: float | None) -> str:
    """An error or a floor as "1.7e-06"; "–" for none."""
    if value is None:
        return "–"
    return "0" if value == 0 else f"{float(value):.1e}"


def counted(count: int, what: str, several: str = "") -> str:
    """ "1 model", "2 models"; several: where that is no -s ("entry", "entries")."""
    return f"{count} {what if count == 1 else several or f'{what}s'}"


def cells(count: int) -> str:
    """ "1 cell", "2 cells"."""
    return counted(count, "cell")


def environments(count: int) -> str:
    """ "1 environment", "2 environments"."""
    return counted(count, "environment")


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"; empty for none."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def untried(counted: Untried) -> str:
    """How many failing cells have a remedy that they have not tried: empty where none has."""
    parts = [f"{counted.waiting} of {counted.failing} that are broken or partly have a remedy not yet tried"]
    parts = parts if counted.waiting else []
    if counted.left_out:
        parts.append(f"{counted.left_out} had no time left for one")
    return ", ".join(parts)


def answer(said: Said) -> str:
    """What the outputs mean on both sides, in one sentence."""
    if said.torch == said.tensorflow:
        return f"torch and TensorFlow say: {said.torch}" if said.torch else "neither side has an answer"
    return f"torch says: {said.torch or 'nothing'}; TensorFlow says: {said.tensorflow or 'nothing'}"


def remedy(name: str) -> str:
    """ "opset-12" → "opset 12"; "shim:onnx-mapping" → "shim onnx-mapping"."""
    if name.startswith("opset-"):
        return f"opset {name.removeprefix('opset-')}"
    kind, colon, what = name.partition(":")
    return f"{kind} {what}" if colon else name


def remedies(names: Sequence[str]) -> str:
    """Remedies in words, a comma between them."""
    return ", ".join(remedy(name) for name in names)


def failure(error: Failure) -> str:
    """One line of what went wrong: stage, kind and message."""
    message = " ".join(error.message.split())
    head = f"{error.type}: " if error.type and not message.startswith(error.type) else ""
    return f"{error.stage}: {head}{message}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: "40 s", "5 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def shortened(text: str, length: int) -> str:
    """The text cut to `length` characters, an ellipsis for what is missing."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


#: More opsets than these are told as a range.
MOST_OPSETS = 5


def opset(cell: Cell | None) -> str:
    """The opset that decided, and the file's own where the exporter wrote another: "13 (file: 18)"; all that were tried
    of a broken cell."""
    if cell is None or not cell.opset:
        return "–"
    if cell.verdict is Verdict.BROKEN:
        tried = list(dict.fromkeys(attempt.opset or 0 for attempt in cell.attempts)) or [cell.opset]
        return ", ".join(map(str, tried)) if len(tried) <= MOST_OPSETS else f"{min(tried)} to {max(tried)}"
    first = next((attempt for attempt in cell.attempts if attempt.opset == cell.opset), None)
    written = first.file_opset if first else None
    return f"{cell.opset} (file: {written})" if written not in (None, cell.opset) else str(cell.opset)

"""Verdicts, grades and stages in a newcomer's words: the same in the terminal, in the docs and in a job summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """How a verdict is shown: a sign that needs no colour, words, and what it means in one sentence."""

    sign: str
    words: str
    meaning: str
    style: str


#: Best first; every cell has exactly one of them.
VERDICTS: dict[str, Verdict] = {
    "works": Verdict(
        "✓",
        "works",
        "every stage passes, every dynamic axis and the signature are kept, numbers agree to 1e-5 or better",
        "green",
    ),
    "works-with-remedy": Verdict(
        "✓*", "works with a remedy", "the same, after a named change: a lower opset, a rewrite, a shim", "green"
    ),
    "partial": Verdict(
        "◐",
        "partly",
        "right at the exported shape, but an axis or a name is lost, or numbers agree to 1e-3 only",
        "yellow",
    ),
    "broken": Verdict("✗", "broken", "it does not convert, does not run, or answers wrongly", "red"),
    "unresolvable": Verdict("∅", "no such environment", "these versions cannot be installed together", "magenta"),
    "not-applicable": Verdict("–", "not applicable", "the case or the route cannot exist there", "dim"),
    "untested": Verdict("?", "untested", "nothing was run", "dim"),
    "stale": Verdict("~", "stale", "recorded under an older revision: run it again", "yellow"),
}

GRADES = {
    "float32-noise": "to float32 noise",
    "1e-5": "within 1e-5",
    "1e-3": "within 1e-3",
    "diverged": "different numbers",
}

#: The stages of a cell, with what a reader would call them.
STAGES = {
    "resolve": "finding versions that fit",
    "install": "installing",
    "import": "importing",
    "build": "building the model",
    "export": "exporting from torch",
    "check": "checking the ONNX file",
    "convert": "converting to TensorFlow",
    "load": "loading the SavedModel",
    "parity": "comparing numbers",
    "dynamic-shape": "running other sizes",
    "signature": "checking names and order",
}


def verdict(name: str) -> Verdict:
    """How that verdict is shown; an unknown one is shown as it is, not hidden."""
    return VERDICTS.get(name) or Verdict("!", name, "", "red")


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


def cells(count: int) -> str:
    """ "1 cell", "2 cells"."""
    return f"{count} cell" + ("" if count == 1 else "s")


def answer(said: Mapping[str, str | None]) -> str:
    """What the outputs mean on both sides (see evidence.answer), in one sentence."""
    torch, tensorflow = said.get("torch"), said.get("tensorflow")
    if torch == tensorflow:
        return f"torch and TensorFlow say: {torch}" if torch else "neither side has an answer"
    return f"torch says: {torch or 'nothing'}; TensorFlow says: {tensorflow or 'nothing'}"


def remedy(name: str) -> str:
    """ "opset-12" → "opset 12"; "shim:onnx-mapping" → "shim onnx-mapping"."""
    if name.startswith("opset-"):
        return f"opset {name.removeprefix('opset-')}"
    kind, colon, what = name.partition(":")
    return f"{kind} {what}" if colon else name


def remedies(names: Sequence[str]) -> str:
    """Remedies in words, a comma between them."""
    return ", ".join(remedy(name) for name in names)


def failure(error: Mapping[str, Any]) -> str:
    """One line of what went wrong: stage, kind and message."""
    message = " ".join(str(error.get("message", "")).split())
    kind = str(error.get("type", ""))
    head = f"{kind}: " if kind and not message.startswith(kind) else ""
    return f"{error.get('stage', '?')}: {head}{message}"


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


def opset(cell: Mapping[str, Any]) -> str:
    """The opset that decided, and the file's own where the exporter wrote another: "13 (file: 18)"; all that were tried
    of a broken cell."""
    asked = cell.get("opset")
    if not asked:
        return "–"
    if cell.get("verdict") == "broken":
        tried = list(dict.fromkeys(attempt["opset"] for attempt in cell["attempts"])) or [asked]
        return ", ".join(map(str, tried)) if len(tried) <= MOST_OPSETS else f"{min(tried)} to {max(tried)}"
    deciding = next((attempt for attempt in cell.get("attempts", ()) if attempt["opset"] == asked), None)
    written = deciding["file_opset"] if deciding else None
    return f"{asked} (file: {written})" if written not in (None, asked) else str(asked)

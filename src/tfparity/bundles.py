"""Bundles: what the source side leaves, kept by content key so that it is made once per source environment.

<key>/bundle.json                 format, declaration, samples, packages, sensitivity, floor
<key>/io.npz                      inputs and references (see docs/bundles.md)
<key>/<exporter>-<opset>-<key>/   the artifact, export.json, referee.npz
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from filelock import FileLock

from tfparity import compare, judge, referee
from tfparity.processes import Limits
from tfparity.worker import messages
from tfparity.worker.declare import Case
from tfparity.workers import Worker

FORMAT = 2

DESCRIPTION = "bundle.json"

#: A case must answer to each of its inputs, and to 1 % on any weight tensor, by more than this part of
#: max(1, max |reference|): the tolerance of the grade 1e-5. By more than its noise, too.
SENSITIVE = 1e-5

#: The coarsest noise, in the same unit, that a case may have: the tolerance of the grade 1e-3.
NOISIEST = 1e-3

_UNSEEN = {
    "output:": "an output does not change with the inputs",
    "input:": "the outputs do not change with an input",
}

_locks: dict[Path, threading.Lock] = {}
_locks_lock = threading.Lock()


@dataclass(frozen=True)
class Exported:
    """The source side of an attempt: its stages, what the file is, what the referee said of it."""

    stages: list[dict[str, Any]]
    facts: dict[str, Any]
    folder: Path
    io: Path
    referee: Path | None
    referee_error: str | None

    @property
    def passed(self) -> bool:
        return all(stage["outcome"] == "pass" for stage in self.stages)


def export(
    folder: Path,
    case: Case,
    worker: Callable[[], Worker],
    *,
    framework: str,
    exporter: str,
    opset: int,
    remedies: Sequence[str] = (),
    path: Sequence[str] = (),
    key: str,
    again: Callable[[Path], bool] = lambda _: False,
    aborted: Callable[[], bool] = lambda: False,
    limits: Limits,
    origin: Mapping[str, Any],
    on_stage: Callable[[str], None] | None = None,
) -> Exported:
    """The bundle's export by that exporter at that opset: from the folder, or made now.

    `remedies`: what the source side does otherwise. `path`: folders that the case imports from. `origin` says which
    environment made it, `key` which exporter, by which revisions of our own and which remedies. `again` says of a
    folder, the bundle's or the export's, that it has to be made anew. What a limit ended is not kept: another machine
    may do it.
    """
    made = folder / f"{Path(exporter).stem}-{opset}-{key[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    with _locks_lock:
        lock = _locks.setdefault(folder, threading.Lock())
    with lock, FileLock(folder / ".lock"):
        if again(folder):
            (folder / DESCRIPTION).unlink(missing_ok=True)
        kept = None if again(made) else kept_export(made, folder)
        if kept is None:
            kept = _make(
                made,
                folder,
                case,
                worker(),
                framework,
                exporter,
                opset,
                remedies,
                path,
                limits,
                origin,
                on_stage,
                aborted,
            )
        with suppress(OSError):  # used now, see prune; one that did not build has none
            os.utime(folder / "io.npz")
    return kept


def kept_export(made: Path, folder: Path) -> Exported | None:
    """The export in `made`, a folder of the bundle `folder`; None where either is not there as a whole."""
    common = _facts(folder)
    try:
        value = messages.read_json(str(made / "export.json"))
        stages, facts, error = value["stages"], value["facts"], value["referee_error"]
        whole = all((made / name).stat().st_size == size for name, size in value["files"].items())
        whole = whole and bool(stages) and all(_is_reply(stage) for stage in stages)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if common is None or not whole:
        return None
    answer = made / "referee.npz"
    return Exported(stages, {**common, **facts}, made, folder / "io.npz", answer if answer.exists() else None, error)


def _is_reply(stage: Any) -> bool:
    """Whether it reads as a worker's reply for a stage that there is."""
    failed = stage["outcome"] != "pass"
    return stage["stage"] in judge.STAGES and (not failed or {"type", "message"} <= set(stage["error"]))


def _facts(folder: Path) -> dict[str, Any] | None:
    """The facts of a bundle that is there as a whole, else None."""
    try:
        (folder / "io.npz").stat()
        return dict(messages.read_json(str(folder / DESCRIPTION))["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(
    made: Path,
    folder: Path,
    case: Case,
    worker: Worker,
    framework: str,
    exporter: str,
    opset: int,
    remedies: Sequence[str],
    path: Sequence[str],
    limits: Limits,
    origin: Mapping[str, Any],
    on_stage: Callable[[str], None] | None,
    aborted: Callable[[], bool],
) -> Exported:
    _remove(made, "export.json")
    made.mkdir()
    io, description = folder / "io.npz", folder / DESCRIPTION
    first = _facts(folder) is None
    answer = worker.ask(
        "source",
        {
            "framework": framework,
            "exporter": exporter,
            "opset": opset,
            "case_file": case.file,
            "case": case.id,
            "path": list(path),
            "remedies": list(remedies),
            "reference": first,
            "io": str(io),
            "artifact": str(made),
        },
        limits,
        on_stage=on_stage,
    )
    stages, facts = answer.stages, answer.facts
    if first and stages[0]["outcome"] == "pass":
        blind = insensitive(case, facts.get("sensitivity", {}), read_arrays(io))
        if blind:
            stages = [{**stages[0], "outcome": "fail", "error": {"type": "InsensitiveCase", "message": blind}}]
        else:
            bundle_facts = {
                name: facts[name] for name in ("sensitivity", "floor", "float64_error", "parameters") if name in facts
            }
            content = {
                "format": FORMAT,
                "case": case.declaration(),
                "samples": [sample._asdict() for sample in case.samples()],
                "origin": dict(origin),
                "facts": bundle_facts,
            }
            messages.write_json(str(description), content)
    if stages[-1]["outcome"] != "pass":
        return Exported(stages, facts, made, io, None, None)
    model, names = made / "model.onnx", [output.name for output in case.outputs]
    said = referee.ask(model, io, made / "referee.npz", names, limits.memory_mib, aborted) if model.exists() else None
    export_facts = {name: facts[name] for name in ("file_opset", "operators") if name in facts}
    error = said.error if said else "the route's artifact is no ONNX file"
    if said and said.error and said.error.startswith(referee.LIMITED):
        return Exported(stages, dict(_facts(folder) or {}) | dict(export_facts), made, io, None, error)
    messages.write_json(
        str(made / "export.json"),
        {
            "stages": stages,
            "facts": export_facts,
            "referee_error": error,
            "referee_failed": said.failed if said else {},
            "files": {str(file.relative_to(made)): file.stat().st_size for file in _files(made)},
        },
    )
    kept = kept_export(made, folder)
    assert kept is not None
    return kept


def insensitive(case: Case, changes: Mapping[str, Sequence[float]], references: compare.Arrays) -> str | None:
    """Why the case cannot tell right from wrong, or None: references that contradict each other, rounding noise that a
    wrong answer could hide in, inputs, outputs and weights (of a trained case: only where none is seen) that are not
    seen in the answer and not declared `insensitive`, and declarations that are not true. `changes`: see
    worker.source.sensitivity; `references`: the arrays of io.npz."""
    undetermined = compare.undetermined(case.outputs, case.samples(), references)
    if undetermined:
        return f"one of float32 and float64 is NaN where the other is not, so nothing is wrong: {_listed(undetermined)}"
    floors = compare.floors(case.outputs, case.samples(), references)
    noisy = [name for name, floor in floors.items() if compare.NOISE_FACTOR * floor > NOISIEST]
    if noisy:
        return f"float32 rounds {_listed(noisy)} so coarsely that a wrong answer would pass for noise"
    seen = [max(SENSITIVE, compare.NOISE_FACTOR * floors[output.name]) for output in case.outputs]
    dead = [
        name
        for name, by in changes.items()
        if not any(change > enough for change, enough in zip(by, seen, strict=False))
    ]
    undeclared = [name for name in dead if not any(fnmatch.fnmatch(name, glob) for glob in case.insensitive)]
    for kind, problem in _UNSEEN.items():
        named = [name.removeprefix(kind) for name in undeclared if name.startswith(kind)]
        undeclared = [name for name in undeclared if not name.startswith(kind)]
        if named:
            return f"{problem}: {_listed(named)}"
    weights = [name for name in changes if not name.startswith(tuple(_UNSEEN))]
    if undeclared and not (case.trained and len(undeclared) < len(weights)):
        return (
            f"moving a weight by 1 % does not move the output: {_listed(undeclared)}; "
            "give it weight, or declare it insensitive with the reason"
        )
    for glob in case.insensitive:
        if not fnmatch.filter(changes, glob):
            return f"declares {glob!r} insensitive, but no weight, input or output has such a name; mend the glob"
        if not fnmatch.filter(dead, glob):
            return f"declares {glob!r} insensitive, but all that it matches moves the output; take it out"
    return None


def read_arrays(path: Path | None) -> dict[str, Any]:
    """The arrays of an .npz; none where the file is missing or cannot be read. Never unpickles: a file that holds
    objects cannot be read."""
    if path is None or not path.exists():
        return {}
    try:
        with path.open("rb") as file, numpy.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, TypeError, AttributeError, NotImplementedError, EOFError, zipfile.BadZipFile):
        return {}  # a plain .npy is no archive; what is damaged breaks wherever it is read


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def prune(root: Path, limit_bytes: int) -> None:
    """Remove the bundles used longest ago until the rest is below the limit."""
    sizes = []
    for bundle in root.glob("*/*"):
        try:
            files = [file.stat() for file in bundle.rglob("*") if file.is_file()]
        except FileNotFoundError:  # another run removes it at this moment
            continue
        if bundle.is_dir():
            sizes.append(
                (max((file.st_mtime for file in files), default=0.0), sum(file.st_size for file in files), bundle)
            )
    total = sum(size for _, size, _ in sizes)
    for _, size, bundle in sorted(sizes, key=lambda entry: entry[0]):
        if total <= limit_bytes:
            return
        _remove(bundle, DESCRIPTION)
        total -= size


def _remove(folder: Path, description: str) -> None:
    """Delete a folder, first what says that it is whole: a removal that is cut off leaves nothing that counts."""
    (folder / description).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())

"""Bundles: what the source side leaves, kept by content key so that it is made once per source environment.

<key>/bundle.json                 format, declaration, samples, packages, sensitivity, floor
<key>/io.npz                      inputs and references (see docs/bundles.md)
<key>/<exporter>-<opset>/         the artifact, export.json, referee.npz
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from filelock import FileLock
from numpy.typing import NDArray

from tfparity import referee
from tfparity.processes import Limits
from tfparity.worker import messages
from tfparity.worker.declare import Case
from tfparity.workers import Worker

FORMAT = 1

#: A case must answer to its input, and to 1 % on any weight tensor, by more than this part of
#: max(1, max |reference|): the tolerance of the grade 1e-5.
SENSITIVE = 1e-5

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
    limits: Limits,
    origin: Mapping[str, Any],
    on_stage: Callable[[str], None] | None = None,
) -> Exported:
    """The bundle's export by that exporter at that opset: from the folder, or made now.

    `origin` says which environment made it. What a limit ended is not kept: another machine may do it.
    """
    made = folder / f"{Path(exporter).stem}-{opset}"
    folder.mkdir(parents=True, exist_ok=True)
    with _locks_lock:
        lock = _locks.setdefault(folder, threading.Lock())
    with lock, FileLock(folder / ".lock"):
        kept = _kept(made, folder)
        if kept is None:
            kept = _make(made, folder, case, worker(), framework, exporter, opset, limits, origin, on_stage)
    return kept


def _kept(made: Path, folder: Path) -> Exported | None:
    common = _facts(folder)
    try:
        value = messages.read_json(str(made / "export.json"))
        stages, facts, error = value["stages"], value["facts"], value["referee_error"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if common is None:
        return None
    answer = made / "referee.npz"
    return Exported(stages, {**common, **facts}, made, folder / "io.npz", answer if answer.exists() else None, error)


def _facts(folder: Path) -> dict[str, Any] | None:
    """The facts of a bundle that is there as a whole, which counts as used now (see prune); else None."""
    try:
        os.utime(folder / "io.npz")
        return dict(messages.read_json(str(folder / "bundle.json"))["facts"])
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
    limits: Limits,
    origin: Mapping[str, Any],
    on_stage: Callable[[str], None] | None,
) -> Exported:
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    io, description = folder / "io.npz", folder / "bundle.json"
    first = _facts(folder) is None
    answer = worker.ask(
        "source",
        {
            "framework": framework,
            "exporter": exporter,
            "opset": opset,
            "case_file": case.file,
            "case": case.id,
            "reference": first,
            "io": str(io),
            "artifact": str(made),
        },
        limits,
        on_stage=on_stage,
    )
    stages, facts = answer.stages, answer.facts
    if first and stages[0]["outcome"] == "pass":
        blind = insensitive(case, facts.get("sensitivity", {}), io)
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
    said = referee.ask(made / "model.onnx", io, made / "referee.npz") if (made / "model.onnx").exists() else None
    export_facts = {name: facts[name] for name in ("file_opset",) if name in facts}
    error = said.error if said else "the route's artifact is no ONNX file"
    messages.write_json(str(made / "export.json"), {"stages": stages, "facts": export_facts, "referee_error": error})
    kept = _kept(made, folder)
    assert kept is not None
    return kept


def insensitive(case: Case, changes: Mapping[str, float], io: Path) -> str | None:
    """Why the case cannot tell right from wrong, or None: outputs that ignore the input, weights that
    move nothing and are not declared `insensitive`, and declarations that are not true."""
    with numpy.load(io, allow_pickle=False) as stored:
        pairs = [[stored[f"float32/{seed}/{output.name}"] for seed in (0, 1)] for output in case.outputs]
    if not any(_differ(one, other) for one, other in pairs):
        return "the output does not change with the input"
    dead = [name for name, change in changes.items() if not change > SENSITIVE]
    undeclared = [name for name in dead if not any(fnmatch.fnmatch(name, glob) for glob in case.insensitive)]
    if undeclared:
        shown = ", ".join(undeclared[:4]) + (f" and {len(undeclared) - 4} more" if len(undeclared) > 4 else "")
        return (
            f"moving a weight by 1 % does not move the output: {shown}; "
            "give it weight, or declare it insensitive with the reason"
        )
    for glob in case.insensitive:
        if not fnmatch.filter(changes, glob):
            return f"declares {glob!r} insensitive, but no weight has such a name; take it out, or mend the glob"
        if not fnmatch.filter(dead, glob):
            return f"declares {glob!r} insensitive, but each weight that it matches moves the output; take it out"
    return None


def _differ(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two references differ by more than SENSITIVE: in shape, in where they are finite, or there in value."""
    if one.shape != other.shape:
        return True
    finite = numpy.isfinite(one)
    if not numpy.array_equal(finite, numpy.isfinite(other)):
        return True
    if not finite.any():
        return False
    was, now = one[finite].astype("float64"), other[finite].astype("float64")
    return bool(numpy.abs(was - now).max() > SENSITIVE * max(1.0, numpy.abs(was).max()))


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
        shutil.rmtree(bundle, ignore_errors=True)
        total -= size

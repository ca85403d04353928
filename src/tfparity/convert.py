"""One model taken across: the artifact, what was found of it, and a script that makes it again without tfparity."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tfparity import bundles, conversion_script, judge, paths, plan, recommend
from tfparity import cases as zoo
from tfparity.campaign import Campaign
from tfparity.crossing import Crossing
from tfparity.errors import UsageError
from tfparity.plan import PlannedCell
from tfparity.run import Observer
from tfparity.worker import plugins
from tfparity.worker.declare import Case

SAVED_MODEL = "saved-model"
TFLITE = "tflite-float32"
TARGETS = (SAVED_MODEL, TFLITE)

#: How many ways are tried where none is named.
MOST_WAYS = 3

Told = Callable[[str], None]


@dataclass(frozen=True)
class Converted:
    """A conversion that was delivered. `attempt` is the record of the SavedModel's (or, of a route that makes none, the
    file's) check; `target` that of the .tflite made of it, None where none was wanted or the route makes it itself."""

    cell: PlannedCell
    case: Case
    attempt: Mapping[str, Any]
    target: dict[str, Any] | None
    folder: Path


def convert(asked: Campaign, folder: Path, targets: Sequence[str], observer: Observer, told: Told) -> Converted | None:
    """Try ways across, the recommended first, until one gives every target right; write it into `folder`, which must
    not be there yet. None where no way does; `told` hears why of each.

    Raises UsageError for a folder that is there, a model that is several cases of the zoo, or a choice without a way.
    """
    if os.path.lexists(folder):
        raise UsageError(f"{folder}: is there already; name a folder that is not")
    asked.read()
    cells = _ways(asked, targets)
    if not os.access(folder.absolute().parent, os.W_OK):
        raise UsageError(f"{folder}: its folder is not there or may not be written")
    if not cells:
        reasons = (
            "; ".join(dict.fromkeys(str(cell.reason) for cell in asked.cells if cell.reason)) or "none is declared"
        )
        raise UsageError(f"no way across gives {' and '.join(targets)}: {reasons}")
    with asked.engine(observer) as engine, ExitStack() as stack:
        for cell in cells:
            told(f"{cell.case} by {cell.route} on {cell.toolchain}")
            sides = engine.sides(stack)
            crossing = Crossing(engine.setting, cell, sides)
            crossing.wanted = _fresh(crossing)
            attempts = crossing.attempts()
            attempt = judge.decisive(attempts)
            if judge.verdict(attempt) != "works":
                told(f"  {judge.verdict(attempt)}: {_why(attempt)}")
                continue
            target = None
            if TFLITE in targets and SAVED_MODEL in _gives(crossing.route):
                attempt, target = _with_target(crossing, TFLITE, attempt)
                if judge.verdict(target) != "works":
                    told(f"  the SavedModel is right, {TFLITE} is not: {_why(target)}")
                    continue
            done = Converted(cell, crossing.case, attempt, target, folder)
            _write(asked, crossing, done)
            return done
    return None


def _ways(asked: Campaign, targets: Sequence[str]) -> list[PlannedCell]:
    """The cells to try in their order: those of one case, or of the forms of one Hugging Face folder."""
    possible = [
        cell
        for cell in asked.cells
        if cell.applicable and all(target in _gives(plan.route(cell.route, asked.project)) for target in targets)
    ]
    forms = {cell.case.removesuffix("-eager") if asked.choice.sources else cell.case for cell in possible}
    if len(forms) > 1:
        raise UsageError(f"one model at a time, not {', '.join(sorted(forms))}: put it into a file of its own")
    ways = asked.matrix.oldest_first(dict.fromkeys((cell.toolchain, cell.route) for cell in possible))
    ordered = recommend.ways(ways, _standing(asked, possible), _like(asked, possible), asked.matrix.default)
    # Of a folder's two forms the one with eager attention is the last, and needs no remedy.
    found = [cell for way in ordered for cell in reversed(possible) if (cell.toolchain, cell.route) == way]
    return found[: MOST_WAYS * len({cell.case for cell in possible})]


def _standing(asked: Campaign, cells: Sequence[PlannedCell]) -> recommend.Standing:
    """How the first of the cases stands by each way, where something is recorded."""
    mine = [cell for cell in cells if cell.case == cells[0].case]
    found = {}
    for (toolchain, case, route), verdict in asked.verdicts(mine).items():
        content = asked.recorded.get(toolchain)
        kept = content.cell(case, route) if content else None
        if kept:
            found[toolchain, route] = verdict, kept["grade"]
    return found


def _like(asked: Campaign, cells: Sequence[PlannedCell]) -> Counter[recommend.Way]:
    """How many of the core models like these get across by each way: those of Hugging Face, or all others."""
    known = asked.cases
    if asked.choice.sources:
        known = zoo.load([asked.project.cases]) if asked.project.cases.is_dir() else {}
    kinds = {_of_transformers(asked.cases[cell.case]) for cell in cells}
    like = {case.id for case in known.values() if plan.in_tier(case, plan.CORE) and _of_transformers(case) in kinds}
    return Counter(
        (toolchain, cell["route"])
        for toolchain, content in asked.recorded.items()
        for cell in content.cells
        if cell["case"] in like and cell["verdict"] in recommend.ACROSS
    )


def _of_transformers(case: Case) -> bool:
    return case.id.startswith("huggingface/") or "transformers" in case.requires


def _gives(route: ModuleType) -> tuple[str, ...]:
    """The targets of a route; of one that does not say, a SavedModel and what is made of it."""
    return tuple(route.GIVES["targets"]) if hasattr(route, "GIVES") else TARGETS


def _with_target(
    crossing: Crossing, target: str, attempt: Mapping[str, Any]
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """That target made of the attempt's SavedModel, and where it is wrong, of another's, by the target's remedies: the
    attempt that it was made of, and its own record."""
    made = _delivered(crossing, target, attempt)
    for name in plugins.load(target, "tfparity.worker.targets").REMEDIES:
        if judge.verdict(made) == "works":
            break
        crossing.wanted = _fresh(crossing)
        again = crossing.attempt(attempt["opset"], (*attempt["remedies"], name))
        if judge.verdict(again) == "works":
            attempt, made = again, _delivered(crossing, target, again)
    return attempt, made


def _delivered(crossing: Crossing, target: str, attempt: Mapping[str, Any]) -> dict[str, Any]:
    assert crossing.wanted is not None
    exported = crossing.export(attempt["opset"], attempt["remedies"])
    return crossing.arrival.deliver(target, attempt["opset"], exported, crossing.wanted, attempt["remedies"])


def _fresh(crossing: Crossing) -> Path:
    """A folder of the run's own, not there yet, for the artifact."""
    return crossing.setting.folder / f"wanted-{uuid.uuid4().hex[:8]}"


def _why(attempt: Mapping[str, Any]) -> str:
    error = attempt["error"] or {}
    return f"{error.get('stage')}: {error.get('type')}: {' '.join(str(error.get('message')).split())[:300]}"


def _write(asked: Campaign, crossing: Crossing, done: Converted) -> None:
    """The folder, under another name until it is whole."""
    assert crossing.wanted is not None
    temporary = done.folder.with_name(f".{done.folder.name}-{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        artifact = crossing.wanted / "artifact"
        if SAVED_MODEL in _gives(crossing.route):
            shutil.copytree(artifact, temporary / "saved_model")
        else:
            shutil.copy(artifact / "model.tflite", temporary)
        if done.target is not None:
            shutil.copy(crossing.wanted / "target" / "model.tflite", temporary)
        matrix = asked.matrix
        gives = {**getattr(crossing.route, "GIVES", {}), "layout": plan.layout(crossing.route)}
        shims = list(dict.fromkeys([*crossing.source.environment.shims, *crossing.target.environment.shims]))
        used = list(dict.fromkeys((crossing.source.environment.id, crossing.target.environment.id)))
        for id in used:
            shutil.copy(asked.project.lockfiles / f"{id}.txt", temporary / f"requirements-{id}.txt")
        unsaid = conversion_script.unsaid(done.cell.route, done.case)
        script = (
            None
            if unsaid
            else conversion_script.write(
                temporary,
                done.cell.route,
                done.case,
                [matrix.environments[id] for id in used],
                done.attempt["opset"],
                done.attempt["remedies"],
                output_axes=_output_axes(crossing, done),
                tflite=done.target is not None,
                select_tf_ops=bool(done.target and done.target["target"].get("select_tf_ops")),
            )
        )
        paths.write_text(temporary / "verdict.json", json.dumps(_verdict(done, shims, gives), indent=1) + "\n")
        paths.write_text(temporary / "README.md", _readme(done, used, asked, script, unsaid, shims, gives))
        temporary.rename(done.folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _output_axes(crossing: Crossing, done: Converted) -> list[dict[int, str]]:
    exported = crossing.export(done.attempt["opset"], done.attempt["remedies"])
    return conversion_script.output_axes(done.case, bundles.read_arrays(exported.io))


def _verdict(done: Converted, shims: Sequence[str], gives: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured, without the seconds; the shims of the environments, and what the route makes of layout and
    integers."""

    def measured(attempt: Mapping[str, Any]) -> dict[str, Any]:
        names = ("opset", "remedies", "grade", "max_abs", "rms", "cosine", "top_k", "floor", "dynamic", "signature")
        return {name: attempt[name] for name in names}

    found: dict[str, Any] = {
        "case": done.case.id,
        "toolchain": done.cell.toolchain,
        "route": done.cell.route,
        "shims": shims,
        "layout": gives["layout"],
        "integers": gives.get("integers"),
        **measured(done.attempt),
    }
    if done.target is not None:
        found[TFLITE] = {**measured(done.target), **done.target["target"]}
    return found


def _readme(
    done: Converted,
    used: Sequence[str],
    asked: Campaign,
    script: str | None,
    unsaid: str | None,
    shims: Sequence[str],
    gives: Mapping[str, Any],
) -> str:
    """`script`: the lines that run it; where there is none, `unsaid` tells why."""
    attempt = done.attempt
    kept = ", ".join(attempt["dynamic"]) or "none declared"
    lines = [
        f"# {done.case.id}, converted",
        "",
        f"- by `{done.cell.route}` on toolchain `{done.cell.toolchain}`"
        + (f", opset {attempt['opset']}" if attempt["opset"] else "")
        + (f", remedies: {', '.join(attempt['remedies'])}" if attempt["remedies"] else "")
        + (f", shims: {', '.join(shims)}" if shims else ""),
    ]
    lines.append(
        f"- largest difference from torch in float64: {attempt['max_abs']:.1e} ({attempt['grade']}), over three seeds "
        f"and every size of the axes ({kept}); all names kept"
    )
    if not done.case.trained and (attempt["model"] or {}).get("parameters") != 0:
        lines.append(
            "- random weights, since the case is not declared `trained`: this shows the way across; for your own "
            "checkpoint, name its folder, file or function in place of the case"
        )
    if gives["layout"] != "kept":
        lines.append(f"- takes and gives images {gives['layout']}: they were transposed for the check")
    if done.target is not None:
        told = done.target["target"]
        needs = "; needs a runtime with TensorFlow's own operators (SELECT_TF_OPS)" if told["select_tf_ops"] else ""
        lines.append(
            f"- model.tflite, {told['megabytes']} MB: {done.target['max_abs']:.1e} ({done.target['grade']}), held "
            f"against the same inputs{needs}"
        )
    lines += ["", "Checked in a process that had not converted it; figures in verdict.json.", ""]
    lines += ["To make it again without tfparity:" if script else "Its environment:", "", "```sh"]
    for id in used:
        lines.append(f"uv venv --python {asked.matrix.environments[id].python} {id}")
        lines.append(f"uv pip sync --python {id} --require-hashes requirements-{id}.txt")
    lines += [*(script or "").splitlines(), "```", ""]
    if script:
        lines.append(f"That writes into `{conversion_script.MADE}/`; what was checked stays as it is.")
    else:
        lines.append(f"There is no script that makes it again without tfparity: {unsaid}.")
    return "\n".join([*lines, ""])

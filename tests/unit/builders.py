"""Attempts, cells and records for unit tests: made as the engine and the judge make them, in one place."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfparity.engine.context import Context, Options
from tfparity.evidence import document as documents
from tfparity.evidence.query import Standing
from tfparity.evidence.runs import runs
from tfparity.evidence.schema import Evidence
from tfparity.inputs.limitations import Limitation
from tfparity.inputs.matrix import Environment, Limits, Matrix, Toolchain
from tfparity.judging import judge
from tfparity.paths import Cache, Project
from tfparity.planning.keys import Crossing
from tfparity.records.cells import (
    Attempt,
    Cell,
    CellRecord,
    Deployed,
    Entry,
    EnvironmentFacts,
    Failure,
    PlannedCell,
    StageReply,
)
from tfparity.records.vocabulary import Grade, Outcome, Precision, Stage, Verdict
from tfparity.worker.declare import Case, floating, normal

TOOLCHAIN = "tf2.12-torch1.13"
PACKAGES = {"torch": "1.13.1", "onnx": "1.13.1", "onnx-tf": "1.10.0", "tensorflow": "2.12.1"}


def attempt(
    opset: int = 13,
    stage: str = "signature",
    outcome: str = "pass",
    message: str = "",
    type: str = "RuntimeError",
    *,
    remedies: Sequence[str] = (),
    **changed: Any,
) -> Attempt:
    """An attempt that works, or that ended at `stage` with that error. `changed`: other fields of Attempt."""
    answered = Stage(stage).position >= Stage.DYNAMIC_SHAPE.position or outcome == "pass"
    failure = None if outcome == "pass" else Failure(Stage(stage), type, message)
    seconds, peak = 1.25, 512.0
    made = Attempt(
        opset=opset,
        file_opset=opset,
        remedies=tuple(remedies),
        stage=Stage(stage),
        outcome=Outcome(outcome),
        error=failure,
        grade=Grade.FLOAT32_NOISE if answered else None,
        max_abs=1.74e-6 if answered else None,
        rms=3.14e-7 if answered else None,
        cosine=1.0 if answered else None,
        floor=9.1e-7 if answered else None,
        floor_source="float64" if answered else None,
        dynamic=dict.fromkeys(("batch",), True) if answered else {},
        signature=outcome == "pass" or None,
        stages=(StageReply(stage, Outcome(outcome), seconds, peak),),
        total_seconds=1.57,
        ran_at="2026-11-22T10:00:00+00:00",
        host="Linux x86_64",
        limits=(600.0, 8192.0),
    )
    return replace(made, **changed)


def broken(message: str = "Unsqueeze version 13 is not implemented.", opset: int = 13, **changed: Any) -> Attempt:
    """An attempt that onnx-tf refused."""
    return attempt(opset, "convert", "fail", message, **changed)


def lost_axis(axis: str = "height", opset: int = 13, **changed: Any) -> Attempt:
    """An attempt that is right at the exported shape alone."""
    given = {"dynamic": {"batch": True, axis: False}, **changed}
    return attempt(opset, "dynamic-shape", "fail", f"axis {axis!r} is lost", "AxisLost", **given)


def facts(**changed: Any) -> EnvironmentFacts:
    """An environment that installs and imports."""
    passed = Outcome.PASS
    made = EnvironmentFacts("3.10", "00", PACKAGES, (), passed, passed, passed)
    return replace(made, **changed)


def cell(
    case: str,
    *attempts: Attempt,
    route: str = "onnx-tf",
    toolchain: str = TOOLCHAIN,
    key: str = "k1",
    shims: Sequence[str] = (),
    **changed: Any,
) -> Cell:
    """The cell that these attempts make; one that works without any."""
    made = judge.cell(toolchain, case, route, attempts or (attempt(),), shims=shims, key=key)
    return replace(made, **changed)


def record(
    case: str,
    *attempts: Attempt,
    route: str = "onnx-tf",
    toolchain: str = TOOLCHAIN,
    key: str = "k1",
    shims: Sequence[str] = (),
    environments: Mapping[str, EnvironmentFacts] | None = None,
    **changed: Any,
) -> CellRecord:
    """The record of a cell that these attempts make; one that works without any."""
    made = cell(case, *attempts, route=route, toolchain=toolchain, key=key, shims=shims)
    known = {toolchain: facts()} if environments is None else environments
    found = CellRecord(toolchain, case, route, made.verdict, None, made, tuple(attempts or (attempt(),)), known)
    return replace(found, **changed)


def not_run(
    case: str, verdict: str, reason: str | None = None, *, route: str = "onnx-tf", toolchain: str = TOOLCHAIN
) -> CellRecord:
    """The record of a cell that nothing ran for."""
    return CellRecord(toolchain, case, route, Verdict(verdict), reason)


def planned(
    case: str,
    verdict: str | None = None,
    reason: str | None = None,
    *,
    route: str = "onnx-tf",
    toolchain: str = TOOLCHAIN,
) -> PlannedCell:
    """A cell of the plan, to be run or with the verdict that it has without a run."""
    return PlannedCell(toolchain, case, route, None if verdict is None else Verdict(verdict), reason)


def standing(verdict: str, made: CellRecord | None = None, limitation: Limitation | None = None) -> Standing:
    """A planned cell of that verdict: recorded as `made` with its run, or not at all."""
    if made is None or made.cell is None:
        return Standing(planned("family/name"), Verdict(verdict))
    (run,) = runs(made.toolchain, [made]).cells
    asked = planned(made.case, route=made.route, toolchain=made.toolchain)
    error = made.deciding.error if made.deciding else None
    return Standing(asked, Verdict(verdict), made.cell, error, limitation, run)


def entry(key: str = "e1", error: Failure | None = None, **changed: Any) -> Entry:
    """What stands beside a cell's verdict: a probe, a target or a runtime that passed, or failed by that error."""
    outcome = Outcome.FAIL if error else Outcome.PASS
    made = Entry(outcome, error.fingerprint if error else None, None if error else 1e-5, 1.5, key)
    return replace(made, **changed)


def deployed(key: str = "t1", error: Failure | None = None, **changed: Any) -> Entry:
    """A target that works, or that fails by that error. `changed`: fields of Deployed."""
    verdict = Verdict.BROKEN if error else Verdict.WORKS
    grade = None if error else Grade.WITHIN_PRECISION
    made = Deployed(verdict, Precision.INT8, grade, None if error else 30.0, 20.0, flex=(), signature=not error)
    return entry(key, error, deployed=replace(made, **changed))


def document(
    *records: CellRecord,
    toolchain: str = TOOLCHAIN,
    source: str | None = None,
    routes: Mapping[str, str] | None = None,
    environments: Mapping[str, EnvironmentFacts] | None = None,
) -> Evidence:
    """The evidence that these records make of a toolchain, whose sides are one environment if nothing else is said."""
    return documents.document(
        toolchain,
        source=source or toolchain,
        routes=routes or {"onnx-tf": toolchain},
        records=records,
        environments=environments,
    )


def rule(
    id: str = "unsqueeze",
    matches: str | Sequence[str] = "Unsqueeze version 13 is not implemented",
    **changed: Any,
) -> Limitation:
    """A limitation whose cause is known."""
    given = {"id": id, "stage": "convert", "matches": matches, "cause": "c", "link": "none found", "remedy": "r"}
    return Limitation.model_validate({**given, **changed})


#: A record of each kind, and the rules that explain those that fail.
RECORDS = (
    record("torchvision/resnet18"),
    record("operators/gelu", broken(), attempt(12)),
    record(
        "operators/gru",
        *(broken("GRU with linear_before_reset is not supported.", opset) for opset in (13, 12)),
    ),
    record("operators/interpolate", lost_axis()),
    record("huggingface/bert", broken(opset=12), broken("unknown rank")),
)
RULES = (
    rule(),
    rule("gru", "GRU with linear_before_reset"),
    rule("axis", "AxisLost: axis 'height'", stage="dynamic-shape"),
    rule("rank", "RuntimeError: unknown rank", cause="unknown", investigated="opsets 11 to 14"),
)


# What runs them

SOURCE, TARGET = "torch-side", "tensorflow-side"

#: One toolchain, "both", of two environments.
SPLIT = Matrix(
    schema_version=1,
    default="both",
    environments={
        id: Environment(id=id, python="3.11", as_of=datetime.date(2023, 7, 15), pins=pins)
        for id, pins in ((SOURCE, {"torch": "2.0.1"}), (TARGET, {"tensorflow": "2.12.1"}))
    },
    toolchains={"both": Toolchain(id="both", source=SOURCE, routes={"onnx-tf": TARGET})},
    limits=Limits(seconds=60, memory_gib=1),
)


def case(*outputs: str, id: str = "family/name", file: str = "cases/family.py", **changed: Any) -> Case:
    """A case of one input whose batch may change. `changed`: other fields of Case."""
    made = Case(
        id=id,
        inputs=(normal("batch", 4, name="input"),),
        outputs=tuple(floating(name) for name in outputs or ("output",)),
        axes={"batch": (2, 1, 5)},
        requires={},
        tags=(),
        insensitive={},
        factory=dict,
        file=file,
        line=1,
    )
    return made._replace(**changed)


def context(root: Path, *cases: Case, matrix: Matrix = SPLIT, **given: Any) -> Context:
    """What the parts of a run look at, in a folder without lockfiles. `given`: keys, limitations, an observer, and
    options of the run."""
    own = {name: given.pop(name) for name in ("keys", "limitations", "observer") if name in given}
    known = {case.id: case for case in cases}
    return Context(Project(root), matrix, known, Cache(root / "cache"), Options(**given), **own)


def crossing(context: Context, case: str = "family/name", route: str = "onnx-tf") -> Crossing:
    """How that case crosses on the toolchain "both"."""
    return context.keys.crossing(PlannedCell("both", case, route))

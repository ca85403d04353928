"""The latency of a cell that works: its model in torch, as SavedModel and under XLA, from the same bundle."""

from __future__ import annotations

import os

from tfparity.engine.engine import Engine, Timed
from tfparity.evidence.latency import Latency
from tfparity.features.latency.measure import SUBJECTS, Subject, measured
from tfparity.planning import routes
from tfparity.records.cells import PlannedCell
from tfparity.records.fingerprint import normalise
from tfparity.records.keys import Json

ROUNDS = 40


def bench(engine: Engine, planned: PlannedCell, rounds: int = ROUNDS) -> Latency:
    """Measure a cell; one that does not work (or is no longer there) gives a Latency that says why.

    The smallest declared batch is timed, on one thread and one core; nothing else should run meanwhile.
    """
    with engine.timed(planned) as timed:
        if timed is None:
            why = "the cell does not work, see the compatibility table"
            return Latency(planned.case, planned.route, None, {}, {}, {}, why)
        return _measure(engine, timed, rounds)


def _measure(engine: Engine, timed: Timed, rounds: int) -> Latency:
    case = timed.crossing.case
    smallest = min(case.samples(), key=lambda sample: (sample.sizes.get("batch", 1), sample.index))
    request: dict[str, Json] = {
        "cpu": max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "sample": smallest.index,
        "inputs": [declared.name for declared in case.inputs],
        "io": str(timed.io),
        "artifact": str(timed.artifact),
        "case": case.id,
        "case_file": case.file,
        "framework": routes.locate(timed.crossing.way.framework, engine.context.project),
    }

    def subject(name: str) -> Subject:
        side = "source" if name == "torch" else "target"
        return Subject(name, lambda asked: timed.ask(side, asked), request, timed.folder)

    samples, failed = measured({name: lambda name=name: subject(name) for name in SUBJECTS}, rounds)  # type: ignore[misc]
    reasons = {name: normalise(reason, timed.places) for name, reason in failed.items()}
    return Latency(case.id, timed.crossing.planned.route, timed.attempt.opset, smallest.sizes, samples, reasons)

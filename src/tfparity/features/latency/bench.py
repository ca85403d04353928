"""The latency of a cell that works: its model in torch, in what it converts to and in what it need not, by subject."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfparity.engine.engine import Engine
from tfparity.engine.timed import Timed
from tfparity.evidence.latency import Latency
from tfparity.features.latency.measure import Subject, measured, off_core
from tfparity.planning import routes, subjects, targets
from tfparity.records.cells import PlannedCell
from tfparity.records.fingerprint import normalise
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Target

#: Processes of each subject, and calls of each that count.
PROCESSES = 5
ROUNDS = 20


def bench(
    engine: Engine,
    planned: PlannedCell,
    rounds: int = ROUNDS,
    processes: int = PROCESSES,
    names: Sequence[str] = subjects.NAMES,
) -> Latency:
    """Measure a cell; one that does not work (or is no longer there) gives a Latency that says why.

    The smallest declared batch is timed, on one thread and one core; nothing else should run meanwhile.
    """
    with engine.timed(planned) as timed:
        if timed is None:
            why = "the cell does not work, see the compatibility table"
            return Latency(planned.case, planned.route, None, {}, {}, {}, why)
        return _measure(timed, rounds, processes, names)


def owed(engine: Engine, planned: PlannedCell) -> tuple[str, ...]:
    """The subjects that ran when the cell was judged: there is no reason why these should not run."""
    return (subjects.BASELINE, targets.own(engine.context.keys.crossing(planned).route))


def _measure(timed: Timed, rounds: int, processes: int, names: Sequence[str]) -> Latency:
    case, exported, context = timed.crossing.case, timed.exported, timed.context
    smallest = min(case.samples(), key=lambda sample: (sample.sizes.get("batch", 1), sample.index))
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    shared: dict[str, Json] = {
        "cpu": core,
        "sample": smallest.index,
        "inputs": [declared.name for declared in case.inputs],
        "io": str(exported.io),
        "exported": str(exported.folder),
        "case": case.id,
        "case_file": case.file,
        "path": [str(folder) for folder in context.options.path],
        "own": case.id in context.keys.own,
        "framework": routes.locate(timed.crossing.way.framework, context.project),
    }

    def subject(name: str, number: int) -> Subject:
        declared = subjects.declared(name)
        asked = number == 0 and declared.account is not None  # once, of who can tell
        request: dict[str, Json] = {**shared, "subject": subjects.MODULES[name], "account": asked}
        if declared.target is not None:
            request["artifact"] = str(timed.artifact(Target(declared.target)))
        side = timed.side(declared)
        place = timed.place(side, f"{name}-{number}")
        return Subject(name, lambda asked: timed.ask(side, asked, place), request, place)

    with off_core(core):
        series, failed = measured(subject, names, rounds, processes)
    reasons = {name: normalise(reason, timed.places) for name, reason in failed.items()}
    opset = timed.attempt.opset
    return Latency(case.id, timed.crossing.planned.route, opset, dict(smallest.sizes), series, reasons)

"""When, where and how long recorded cells ran, and what was measured: beside the evidence, since it does not repeat."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from tfparity.evidence.schema import Agreement, Evidence, Place, Run, Runs, StageRun
from tfparity.records.cells import Attempt, CellRecord, Model, two_digits
from tfparity.records.vocabulary import Stage


def runs(toolchain: str, records: Iterable[CellRecord]) -> Runs:
    """The runs of a toolchain's records: per stage the seconds, summed over attempts, and the peak MiB; of the attempt
    that decided, what was measured of the answer and of the artifact."""
    found = {
        (record.case, record.route): _run(record)
        for record in records
        if record.toolchain == toolchain and record.cell is not None
    }
    return Runs(toolchain, tuple(found[place] for place in sorted(found)))


def _run(record: CellRecord) -> Run:
    stages: dict[str, tuple[float | None, float | None]] = {}
    for reply in (reply for attempt in record.attempts for reply in attempt.stages):
        seconds, peak = stages.get(reply.stage, (None, None))
        if reply.seconds is not None:
            seconds = round((seconds or 0.0) + reply.seconds, 2)
        if reply.peak_mib is not None:
            peak = float(round(max(peak or 0.0, reply.peak_mib)))
        stages[reply.stage] = seconds, peak
    deciding = record.deciding
    return Run(
        case=record.case,
        route=record.route,
        ran_at=record.ran_at,
        host=record.host,
        seconds=round(record.seconds, 2),
        stages={stage.value: StageRun(*stages[stage]) for stage in Stage if stage in stages},
        model=_model(record),
        agreement=_agreement(deciding),
        answer=deciding.answer if deciding else None,
        artifact=deciding.artifact if deciding else None,
        max_abs=two_digits(deciding.max_abs) if deciding else None,
        floor=two_digits(deciding.floor) if deciding else None,
        notes=deciding.notes if deciding else (),
        targets=record.targets,
    )


def _model(record: CellRecord) -> Model | None:
    """The model as the attempt that decided exported it: another opset's may have no file, and so no operators."""
    attempts = [*([record.deciding] if record.deciding else []), *reversed(record.attempts)]
    return next((attempt.model for attempt in attempts if attempt.model), None)


def _agreement(deciding: Attempt | None) -> Agreement | None:
    """Three significant digits; None where no answer came back."""
    if deciding is None or deciding.grade is None:
        return None
    return Agreement(*(_three_digits(value) for value in (deciding.rms, deciding.cosine, deciding.top_k)))


def _three_digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.2e}")


def update_runs(recorded: Runs | None, new: Runs, content: Evidence, stay: Collection[Place] = ()) -> Runs:
    """`recorded` with the runs of `new` in place of its own, but those of cells that `stay`, and without those of cells
    that `content` has not. What was measured of targets stays where `content` has them still."""
    before = recorded.by_place if recorded else {}
    both = {**before, **new.by_place, **{place: before[place] for place in stay if place in before}}
    kept = []
    for place in (place for place in sorted(both) if place in content.by_place):
        earlier = before[place].targets if place in before else {}
        targets = {**earlier, **(new.by_place[place].targets if place in new.by_place else {})}
        mine = content.by_place[place].targets
        kept.append(replace(both[place], targets={name: one for name, one in targets.items() if name in mine}))
    return Runs(content.toolchain, tuple(kept))


def operators(ran: Runs | None) -> dict[Place, tuple[str, ...]]:
    """Cell → the operators of its exported file, of runs that tell them."""
    cells = ran.cells if ran else ()
    return {(run.case, run.route): run.model.operators for run in cells if run.model is not None}

"""Further targets made of what an attempt converted: a .tflite of its SavedModel, checked on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tfparity.engine import target_side
from tfparity.engine.cell_run import CellRun
from tfparity.engine.worker_client import Made
from tfparity.judging import judge
from tfparity.records.cells import Attempt
from tfparity.records.vocabulary import Stage, Target
from tfparity.worker import targets


@dataclass(frozen=True)
class Delivered:
    """A target that was made.

    attempt: the check of its answers; made: how, None where the making failed; folder: of the attempt whose SavedModel
    it is made of, with the target in `folder`/target.
    """

    attempt: Attempt
    made: Made | None
    folder: Path

    @property
    def right(self) -> bool:
        return judge.works(self.attempt) and self.made is not None


def deliver(run: CellRun, target: Target, attempt: Attempt) -> tuple[Attempt, Delivered]:
    """That target made of the attempt's SavedModel, and where it is wrong, of another's, by the target's remedies: the
    attempt that it was made of, and what came of it. Where no remedy helps it stays with the attempt as it was."""
    made = _made(run, target, attempt)
    for name in targets.load(target).remedies:
        if made.right:
            break
        again = run.attempt(attempt.opset or 0, (*attempt.remedies, name))
        second = _made(run, target, again) if judge.works(again) else made
        if second.right:
            attempt, made = again, second
    return attempt, made


def _made(run: CellRun, target: Target, attempt: Attempt) -> Delivered:
    opset = attempt.opset or 0
    folder = run.artifacts[opset, attempt.remedies]
    exported = run.source.export(opset, attempt.remedies)
    making = run.target.make(target, folder)
    if not making.passed:
        failed = replace(making.stages[-1], stage=Stage.CONVERT)
        judged = run.target.judged(opset, [*exported.stages, failed], remedies=attempt.remedies, exported=exported)
        return Delivered(judged, None, folder)
    executed = run.target.execute_target(target, exported, folder)
    judged = run.target.judged(
        opset,
        [*exported.stages, *executed.stages],
        remedies=attempt.remedies,
        exported=exported,
        executed=executed,
        result=target_side.target_outputs(folder),
    )
    return Delivered(judged, making.facts.target, folder)

"""A user's own measure of a conversion: of torch's model, of what the route gave, and of every target made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfparity.engine.context import Context
from tfparity.engine.process_limits import Limits
from tfparity.engine.targets import Delivered
from tfparity.engine.worker_pool import WorkerPool
from tfparity.errors import MachineFault
from tfparity.inputs.evaluation import Evaluation
from tfparity.planning import routes, targets
from tfparity.planning.keys import Crossing, Where
from tfparity.records.cells import Problem
from tfparity.records.fingerprint import normalise
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Target

#: What the model is called as it was built.
TORCH = "torch"

#: Seconds that one model's score may take: a person's own data are as many as they like.
SECONDS = 3600.0


@dataclass(frozen=True)
class Score:
    """What a measure made of a model: a number, or why there is none."""

    value: float | None
    problem: Problem | None = None


@dataclass(frozen=True)
class Scores:
    """What a measure, which a person calls by that name, made of torch's model, of what was converted and of the
    targets made of that."""

    measure: str
    by_model: Mapping[str, Score]

    @property
    def missing(self) -> dict[str, Problem]:
        """Why a model has none, by name."""
        return {name: score.problem for name, score in self.by_model.items() if score.problem}


def of(
    context: Context,
    pool: WorkerPool,
    crossing: Crossing,
    artifact: Path,
    made: Mapping[Target, Delivered],
    measure: Evaluation,
) -> Scores:
    """The scores of torch's model, of what the route converted and of the targets made of it; none where this
    machine ended the measure. Raises what starting a worker raises but MachineFault."""
    case, route = crossing.case, crossing.planned.route
    limits = Limits(SECONDS, context.limits.memory_mib)
    shared: dict[str, Json] = {
        "case": case.id,
        "case_file": case.file,
        "own": case.id in context.keys.own,
        "path": [str(folder) for folder in (*context.options.path, measure.root)],
        "inputs": [[declared.name, declared.dtype] for declared in case.inputs],
        "outputs": [output.name for output in case.outputs],
        "measure": [str(measure.file), measure.function],
    }

    def score(where: Where, kind: str, name: str, artifact: Path | None = None) -> Score:
        request = {**shared, "model": [kind, name], "artifact": str(artifact) if artifact else None}
        try:
            answer = pool.worker(where).ask("score", request, limits)
        except MachineFault as fault:  # the conversion is right all the same, and is not to be lost
            return Score(None, Problem("Untested", str(fault)))
        if answer.passed and answer.facts.score is not None:
            return Score(answer.facts.score)
        said = next((stage.error for stage in answer.stages if stage.error), None) or Problem(
            "NoScore", answer.stages[-1].outcome if answer.stages else "nothing came back"
        )
        return Score(None, Problem(said.type, normalise(said.message, pool.places)))

    own = targets.own(crossing.route)
    found = {
        TORCH: score(crossing.source, "framework", routes.locate(crossing.way.framework, context.project)),
        own: score(crossing.target, "routes", routes.locate(route, context.project), artifact),
    }
    for target, one in made.items():
        if target not in found:
            found[target] = score(crossing.target, "targets", targets.MODULES[target], one.place)
    return Scores(measure.name, found)

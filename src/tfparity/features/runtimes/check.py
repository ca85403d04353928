"""An artifact on every chosen runtime: by Python, and if asked by the C API and by TensorFlow's model server; put
through a chosen compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfparity.engine.artifact_runs import Ran, Runs, Way
from tfparity.features.runtimes import serving as server
from tfparity.inputs.artifact import Artifact
from tfparity.inputs.golden import Golden
from tfparity.inputs.matrix import Runtime
from tfparity.records.vocabulary import Outcome


def check(
    runs: Runs,
    chosen: Sequence[Runtime],
    artifact: Artifact,
    golden: Golden | None,
    *,
    with_switches: bool = False,
    serving: bool = False,
    told: Callable[[str], None],
) -> list[Ran]:
    """What came of each, in the order of the runtimes; the model server, of which there is one at most, last. golden:
    needed for all but compilers."""
    found = []
    for runtime in chosen:
        told(f"{artifact.path.name} on {runtime.id}")
        if runtime.compiler is not None:
            found.append(runs.compiled(runtime, artifact))
            continue
        assert golden is not None
        found.append(runs.held(runtime, artifact, golden, with_switches=with_switches))
        if serving and artifact.kind == "saved-model":
            found.append(runs.c_api(runtime, artifact, golden))
    if serving and artifact.kind == "saved-model" and golden is not None:
        found.append(server.held(artifact, golden))
    return found


def counts(ran: Ran) -> bool:
    """Whether a run has a say in the exit code: not a model server that is not here."""
    return not (ran.way is Way.SERVING and ran.outcome is Outcome.UNTESTED)

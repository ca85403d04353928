"""Faults planted into the ONNX graph, through the real onnx-tf of an old toolchain: each gets the right verdict,
stage and culprit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.engine.context import Context, Options
from tfparity.engine.engine import Engine
from tfparity.inputs import case_files as cases
from tfparity.inputs import matrix
from tfparity.planning import plan
from tfparity.records.cells import CellRecord

HERE = Path(__file__).parent
PROJECT = paths.project(HERE.parents[1])
TOOLCHAIN = "tf2.6-torch1.9"

FAULTS = {
    "faithful": ("works", "signature", None),
    "drop-an-op": ("broken", "parity", "converter"),
    "swap-outputs": ("broken", "parity", "converter"),
    "wrong-padding": ("broken", "parity", "converter"),
    "train-mode": ("broken", "parity", "converter"),
    "moved-weight": ("broken", "parity", "converter"),
    "give-nan": ("broken", "parity", "converter"),
    "freeze-batch": ("partial", "dynamic-shape", "converter"),
    "rename-output": ("partial", "signature", None),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[dict[str, CellRecord]]:
    """All faults in one run: one export, one warm onnx-tf."""
    folder = tmp_path_factory.mktemp("routes")
    whole = matrix.load(PROJECT.matrix)
    for fault in FAULTS:
        shutil.copy(HERE / "edited" / "onnx_tf_edited.py", folder / f"{fault}.py")
    routes = {str(folder / f"{fault}.py"): TOOLCHAIN for fault in FAULTS}
    toolchain = whole.toolchains[TOOLCHAIN].model_copy(update={"routes": routes})
    changed = whole.model_copy(update={"toolchains": {TOOLCHAIN: toolchain}})
    zoo = cases.load([HERE / "edited" / "edited_cases.py"])
    cells = plan.plan(changed, zoo, PROJECT, toolchains=[TOOLCHAIN])
    with Engine(Context(PROJECT, changed, zoo, paths.Cache(cache), Options(jobs=2))) as engine:
        yield {Path(record.route).stem: record for record in engine.run(cells)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_graph_gets_its_verdict_stage_and_culprit(records: dict[str, CellRecord], fault: str) -> None:
    record = records[fault]
    (attempt,) = record.attempts
    assert (record.verdict, attempt.stage, attempt.culprit) == FAULTS[fault], attempt.error


def test_no_referee_error_hides_the_culprit(records: dict[str, CellRecord]) -> None:
    said = [record.attempts[0].referee for record in records.values()]
    assert all(referee is not None and referee.grade == "float32-noise" for referee in said)

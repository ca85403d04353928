"""torch inside TensorFlow, both real: exact in the process that made it, useless as a SavedModel elsewhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tfparity import paths
from tfparity.engine.context import Context, Options
from tfparity.engine.engine import Engine
from tfparity.environments import install
from tfparity.inputs import case_files as cases
from tfparity.inputs import matrix
from tfparity.planning import plan
from tfparity.records.cells import CellRecord

HERE = Path(__file__).parent
PROJECT = paths.project(HERE.parents[1])
ENVIRONMENT = "tf2.15-torch2.15"
FACTS = HERE / "bridge" / "facts.py"
ROUTE = str(HERE / "bridge" / "in_process.py")

CASES = ["huggingface/bert", "operators/gelu", "pitfalls/two-inputs-two-outputs", "torchvision/resnet18"]
FLOATS = ["pitfalls/padded-max-pool", "pitfalls/two-inputs-two-outputs"]  # of one case file
DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int64", "bool"]


@pytest.fixture(scope="module")
def records(cache: Path) -> Iterator[dict[str, CellRecord]]:
    """The in-process form over smoke cases, judged as every route is."""
    whole = matrix.load(PROJECT.matrix)
    toolchain = whole.toolchains[ENVIRONMENT].model_copy(update={"routes": {ROUTE: ENVIRONMENT}})
    changed = whole.model_copy(update={"toolchains": {ENVIRONMENT: toolchain}})
    zoo = cases.load([PROJECT.cases])
    cells = plan.plan(changed, zoo, PROJECT, toolchains=[ENVIRONMENT], case_globs=CASES)
    with Engine(Context(PROJECT, changed, zoo, paths.Cache(cache), Options(jobs=1))) as engine:
        yield {record.case: record for record in engine.run(cells)}


@pytest.fixture(scope="module")
def run(cache: Path) -> Any:
    """Run facts.py in the environment; returns the process that ended."""
    environment = matrix.load(PROJECT.matrix).environments[ENVIRONMENT]
    python = install.ensure(PROJECT, environment, paths.Cache(cache), progress=print).python

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-I", str(FACTS), str(HERE.parents[1] / "src"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    return ran


@pytest.fixture(scope="module")
def facts(run: Any) -> dict[str, Any]:
    done = run("facts", str(PROJECT.root / "cases" / "pitfalls.py"), *FLOATS)
    assert done.returncode == 0, done.stderr
    return said(done)


def said(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_in_its_own_process_a_model_works_on_every_axis_and_keeps_its_names(
    records: dict[str, CellRecord], case: str
) -> None:
    record = records[case]
    (attempt,) = record.attempts
    found = (record.verdict, attempt.grade, attempt.signature)
    assert found == ("works", "float32-noise", True), attempt.error
    assert attempt.dynamic
    assert all(attempt.dynamic.values())
    print(case, attempt.max_abs, sorted(attempt.dynamic))


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_is_shared_both_ways(facts: dict[str, Any], dtype: str) -> None:
    """TensorFlow 2.15 takes no bool by DLPack ("Unsupported Type Codes: 6"): that one is copied."""
    assert facts["shares"][dtype] == {"dtype": True, "to TensorFlow": dtype != "bool", "to torch": True}


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_survives_in_every_shape_and_through_a_function(facts: dict[str, Any], dtype: str) -> None:
    assert facts["round trips"][dtype] == [True] * 5
    assert facts["function"][dtype] is True


def test_a_view_that_begins_between_is_copied_where_tensorflow_would_abort(facts: dict[str, Any], run: Any) -> None:
    aborted = run("unaligned")
    assert aborted.returncode == -6
    assert "Check failed: IsAligned()" in aborted.stderr
    assert facts["copied views"]["shifted begins between"]
    assert facts["copied views"]["shifted"]


def test_a_strided_view_is_copied_where_tensorflow_would_refuse(facts: dict[str, Any], run: Any) -> None:
    assert said(run("strided")) == "Invalid strides array from DLPack"
    assert facts["copied views"]["turned is strided"]
    assert facts["copied views"]["turned"]


def test_a_model_may_answer_with_such_views(facts: dict[str, Any]) -> None:
    assert facts["views through a function"] is True


def test_a_model_that_writes_into_its_input_is_refused(facts: dict[str, Any]) -> None:
    """After the call: TensorFlow's tensor has changed by then."""
    found = facts["writes into its input"]
    assert "Refused: the model writes into its input" in found["refused"]
    assert found["given"] == [0.0, 1.0]


@pytest.mark.parametrize("case", FLOATS)
def test_outputs_and_gradients_are_torchs_to_the_last_bit(facts: dict[str, Any], case: str) -> None:
    found = facts["cases"][case]
    assert len(found["equal"]) >= 9
    assert all(found["equal"])
    assert found["gradient"]["apart"] == 0
    assert found["gradient"]["size"] > 1


def test_gradients_pass_integers_by_and_are_zero_where_an_input_is_not_used(facts: dict[str, Any]) -> None:
    assert facts["mixed"]["apart"] == 0
    assert facts["mixed"]["size"] > 1


def test_a_saved_model_finds_no_function_in_another_process_or_a_wrong_one(run: Any, tmp_path: Path) -> None:
    """The number is all that is saved; where it is another function's, that one answers, without an error."""
    folder = str(tmp_path / "saved")
    right = said(run("save", folder))
    assert "Could not find callback with key=pyfunc_0" in said(run("load", folder))
    assert said(run("mistaken", folder)) == [[1.0, 1.0, 1.0]] != right

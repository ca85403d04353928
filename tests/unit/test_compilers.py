"""What a compiler for an edge device made of a target: as evidence keeps it, and as pages tell it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import deployed, document, entry, record, standing

from tfparity.evidence import schema
from tfparity.inputs import matrix
from tfparity.paths import PACKAGE
from tfparity.records.cells import Compiled, Entry, Failure
from tfparity.records.vocabulary import Stage, Target
from tfparity.report import compilers, runtimes
from tfparity.report.compilers import Tried

VELA = matrix.load(PACKAGE.parents[1] / "matrix.yaml").runtime("compile-vela5.2")

WHOLE = Compiled("ethos-u55-256", 9, 1, {})
PARTLY = Compiled("ethos-u55-256", 60, 4, {"RESHAPE": 1, "SOFTMAX": 2, "GELU": 2})
REFUSED = Failure(Stage.COMPILE, "RuntimeError", "no operator of 64-bit floats")


def compiled(made: Compiled | None, error: Failure | None = None) -> Entry:
    return entry("c1", error, compiled=made, max_abs=None, megabytes=None)


def tried(case: str, one: Entry, error: Failure | None = None) -> Tried:
    found = record(case)
    assert found.cell is not None
    cell = replace(found.cell, runtimes={VELA.id: one})
    told = standing("works", replace(found, cell=cell))
    return Tried(VELA, replace(told, beside={error.fingerprint: error} if error else {}), one)


def test_what_is_left_is_told_by_name_and_count_most_first() -> None:
    assert WHOLE.text == "all 9 operators on ethos-u55-256"
    assert PARTLY.text == "5 of 60 operators left on the CPU: GELU 2, SOFTMAX 2, RESHAPE 1"


def test_what_compilers_alone_say_stands_with_them_alone() -> None:
    found = record("zoo/net")
    assert found.cell is not None
    targets = {Target.TFLITE_INT8_IO: deployed()}
    cell = replace(found.cell, targets=targets, runtimes={VELA.id: compiled(PARTLY), "run-tf2.15": entry()})
    content = document(replace(found, cell=cell))
    text = schema.encode(content)
    assert (
        b'"compiled": {"accelerator": "ethos-u55-256", "operators": 60, "parts": 4, '
        b'"left": {"GELU": 2, "RESHAPE": 1, "SOFTMAX": 2}}' in text
    )
    assert text.count(b'"compiled"') == 1
    (back,) = schema.EvidenceFile.model_validate_json(text).evidence.cells
    assert back.runtimes[VELA.id].compiled == PARTLY


def test_the_answer_counts_what_is_taken_whole_and_what_is_left() -> None:
    found = [
        tried("zoo/whole", compiled(WHOLE)),
        tried("zoo/partly", compiled(PARTLY)),
        tried("zoo/other", compiled(replace(PARTLY, left={"SOFTMAX": 1}))),
        tried("zoo/refused", compiled(None, REFUSED), REFUSED),
    ]
    assert compilers.answer(found) == (
        "**ethos-u-vela 5.2.0 takes 3 of 4 tflite-int8-io files for ethos-u55-256, 1 of them whole; 6 of their 129 "
        "operators are left on the CPU, most often SOFTMAX (in 2 files), GELU (in 1 file), RESHAPE (in 1 file).**"
    )
    assert [one.said for one in found] == [
        "✓ all 9 operators on ethos-u55-256",
        "✓ 5 of 60 operators left on the CPU: GELU 2, SOFTMAX 2, RESHAPE 1",
        "✓ 1 of 60 operators left on the CPU: SOFTMAX 1",
        "✗ RuntimeError: no operator of 64-bit floats",
    ]


def test_a_file_that_is_refused_makes_an_answer_too() -> None:
    found = [tried("zoo/refused", compiled(None, REFUSED), REFUSED)]
    assert compilers.answer(found) == "**ethos-u-vela 5.2.0 takes 0 of 1 tflite-int8-io files, 0 of them whole.**"


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (compiled(WHOLE), "runs right on run-tf2.15; compile-vela5.2 takes it: all 9 operators on ethos-u55-256"),
        (compiled(None, REFUSED), "runs right on run-tf2.15; not on compile-vela5.2: RuntimeError: no operator of "),
    ],
)
def test_a_run_tells_it_apart_from_what_runs_the_model(one: Entry, said: str) -> None:
    found = record("zoo/net")
    assert found.cell is not None
    cell = replace(found.cell, runtimes={"run-tf2.15": entry(), VELA.id: one})
    beside = (REFUSED,) if one.error else ()
    assert runtimes.found(replace(found, cell=cell, beside=beside)).startswith(said)

"""docs/latency.md: the first sentence is counted from the evidence, and nothing is claimed that was not measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_latency_gate import run

from tfparity.evidence.gate_rates import Rates, Trials
from tfparity.evidence.latency import Latency, Recording, of_samples
from tfparity.evidence.query import Table
from tfparity.planning.subjects import NAMES
from tfparity.report import latency_page
from tfparity.report.latency_page import Timed, answer, rates, where_it_goes


def timed(factors: dict[str, float], seed: int = 1, **changes: object) -> Timed:
    (cell,) = run(seed, factors)
    cell = replace(cell, **changes)  # type: ignore[arg-type]
    return Timed("old", cell, cell.ratios)


def test_every_subject_has_its_words() -> None:
    assert tuple(latency_page.WHAT) == NAMES
    assert set(latency_page.CALLED) <= set(NAMES)


def test_the_first_sentence_counts_slower_faster_and_what_cannot_be_told() -> None:
    found = [
        timed({"saved-model": 2.0}),
        timed({"saved-model": 4.0}, 2),
        timed({"saved-model": 0.5, "saved-model-xla": 0.25}, 3),
        Timed("old", *unsure()),
    ]
    said = answer(found)
    assert "of 4 cells as a SavedModel 2 slower, 1 faster and 1 not told apart (in the median 2.0" in said
    assert "of 1 cells under XLA 1 faster (in the median 0.2" in said
    assert ".tflite" not in said
    assert answer([]) == ""


def test_of_the_slowest_it_is_told_where_the_time_goes() -> None:
    def accounted(factor: float, seed: int, **accounts: tuple[dict[str, int], dict[str, float]]) -> Timed:
        one = timed({"saved-model": factor, "saved-model-xla": factor / 2, "onnxruntime": 1.1}, seed)
        subjects = dict(one.cell.subjects)
        for name, (operators, spent) in accounts.items():
            key = name.replace("_", "-")
            subjects[key] = replace(subjects[key], operators=operators, spent=spent)
        return replace(one, cell=replace(one.cell, subjects=subjects))

    model = {"Conv2D": 2, "Transpose": 9}, {"Conv2D": 3e-3, "Transpose": 1e-3, "<b>": 0.0}
    found = [accounted(2.0, 1, saved_model=model), accounted(4.0, 2, saved_model=model, onnxruntime=({"Conv": 2}, {}))]
    text = where_it_goes([*found, timed({"saved-model": 9.0}, 3)])  # the last one tells nothing
    slow, other = text.splitlines()[-2:]
    assert "| 4.0" in slow
    assert "| 2.0" in other
    assert "Transpose 9, 0; Cast 0, 0; Reshape 0, 0" in slow
    assert "Transpose 9, –; Cast 0, –; Reshape 0, –" in other
    assert "Conv2D 75%, Transpose 25%, &lt;b&gt; 0%" in slow
    assert where_it_goes([timed({"saved-model": 9.0}, 3)]) == ""


def unsure() -> tuple[Latency, dict[str, object]]:
    few = Latency("zoo/few", "onnx-tf", 13, {}, of_samples({"torch": [1.0] * 5, "saved-model": [2.0] * 5}), {})
    return few, few.ratios  # type: ignore[return-value]


def test_what_is_told_beside_ratios_and_what_does_not_run_is_folded_and_escaped() -> None:
    cell = run(1, {"saved-model": 2.0})[0]
    processes = [
        replace(one, load_seconds=0.25, first_seconds=1.5, memory_mib=88.0)
        for one in cell.subjects["saved-model"].processes
    ]
    told = replace(cell.subjects["saved-model"], processes=processes, megabytes=44.8, ran="tensorflow 2.15.1")
    cell = replace(
        cell,
        subjects={**cell.subjects, "saved-model": told},
        failed={"torch-compile": "Error: <script>alert(1)</script> | pipe"},
    )
    recording = Recording("old", "2026-11-28T20:00:00+00:00", {"cpu": "A CPU", "cores": 2}, [cell])
    text = latency_page._toolchain("old", recording, [Timed("old", cell, cell.ratios)])
    assert "A CPU, 2 cores; 2026-11-28; 7 processes each." in text
    assert "tensorflow 2.15.1 | 1.5 s | 250 ms | 88 MiB | 44.8 MB |" in text
    assert "1 that do not run" in text
    assert "<script>" not in text


def test_rates_are_told_where_they_were_measured_and_never_else() -> None:
    assert "not recorded yet" in rates(None)
    assert "%" not in rates(None)
    found = Rates(
        "2026-11-28T20:00:00+00:00",
        {"cpu": "A CPU", "cores": 2},
        7,
        20,
        96,
        [Trials("idle", 0.0, 300, 280, 2, 7, 20), Trials("busy", 0.1, 60, 0, 0, 0, 60)],
    )
    text = rates(found)
    assert "| idle | the same (A/A) | 300 | 280 | 0.7% | 2.5% | 6.7% |" in text
    assert "| a busy process a core | 10% more work | 60 | 0 | – | – | 100.0% |" in text
    assert "A CPU, 2 cores, 2026-11-28" in text


@pytest.fixture
def table(committed_table: Table) -> Table:
    return committed_table


def test_the_page_of_the_recorded_evidence_answers_first(table: Table) -> None:
    lines = latency_page.page(table).splitlines()
    assert lines[0] == "# Latency"
    counted = sum("saved-model" in cell.ratios for cell in table.query.latencies.values())
    assert f"of {counted} cells as a SavedModel" in lines[2]
    assert "## The gate" in lines

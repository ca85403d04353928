"""The latency gate's statistics, on seeded samples: a planted slowdown is found, nothing where nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy
import pytest

from tfparity.errors import EvidenceError, UsageError
from tfparity.evidence import gate_rates, latency, slowdowns
from tfparity.evidence.gate_rates import Rates, Trials
from tfparity.evidence.latency import Latency, Process, Recording, Series
from tfparity.evidence.slowdowns import Compared, Word, compare, seen_again
from tfparity.features.latency import gate
from tfparity.features.upgrade.kinds import EXIT_CODES, Kind
from tfparity.paths import Project
from tfparity.records.cells import PlannedCell
from tfparity.report import latency as report

#: Between processes of one run, and between calls of one process.
BETWEEN, WITHIN = 0.01, 0.03


def series(random: numpy.random.RandomState, level: float, processes: int, between: float, waited: float) -> Series:
    """Processes of 20 calls each, whose levels differ by `between`."""
    return Series(
        [
            Process(random.normal(own, WITHIN * own, 20).tolist(), waited=waited)
            for own in level * random.normal(1, between, processes)
        ]
    )


def run(
    seed: int,
    factors: dict[str, float],
    *,
    processes: int = 7,
    cells: int = 1,
    between: float = BETWEEN,
    waited: float = 0.0,
) -> list[Latency]:
    """Cells with a torch and subjects that take so many times as long."""
    random = numpy.random.RandomState(seed)
    return [
        Latency(
            f"zoo/{number}",
            "onnx-tf",
            13,
            {"batch": 1},
            {
                name: series(random, 0.001 * by, processes, between, waited)
                for name, by in {"torch": 1.0, **factors}.items()
            },
            {},
        )
        for number in range(cells)
    ]


def only(found: list[Compared]) -> Compared:
    (one,) = found
    return one


@pytest.mark.parametrize(("by", "word"), [(1.10, "slower"), (1.5, "slower"), (0.85, "faster"), (1.0, "as before")])
def test_what_was_planted_is_found(by: float, word: str) -> None:
    found = only(compare(run(1, {"saved-model": 1.5}), run(2, {"saved-model": 1.5 * by})))
    assert found.word == word
    assert found.effect == pytest.approx(by - 1, abs=0.03)


def test_torch_that_slows_down_too_is_no_slowdown() -> None:
    """The whole machine is slower: the ratio is what it was."""
    head = run(2, {"saved-model": 1.5})
    slow = [
        replace(
            cell,
            subjects={
                name: replace(
                    one, processes=[replace(p, samples=[value * 1.4 for value in p.samples]) for p in one.processes]
                )
                for name, one in cell.subjects.items()
            },
        )
        for cell in head
    ]
    assert only(compare(run(1, {"saved-model": 1.5}), slow)).word is Word.SAME


def test_one_slowdown_among_a_hundred_comparisons_is_found_and_no_other() -> None:
    base, head = run(1, {"saved-model": 2.0}, cells=60), run(2, {"saved-model": 2.0}, cells=60)
    head[17] = run(3, {"saved-model": 2.3})[0]
    head[17] = replace(head[17], case="zoo/17")
    found = compare(base, head)
    assert [one.case for one in found if one.word is Word.SLOWER] == ["zoo/17"]
    assert slowdowns.counted(found) == {Word.SLOWER: 1, Word.SAME: 59}


@pytest.mark.parametrize("between", [0.005, 0.02, 0.05])
def test_where_nothing_changed_nothing_is_slower(between: float) -> None:
    trials = 300
    false = sum(
        compare(run(2 * n, {"a": 1.5}, between=between), run(2 * n + 1, {"a": 1.5}, between=between))[0].word
        is Word.SLOWER
        for n in range(trials)
    )
    assert false / trials <= 0.01


def test_small_effects_are_none_however_sure() -> None:
    found = only(compare(run(1, {"a": 1.5}, between=0.001), run(2, {"a": 1.5 * 1.04}, between=0.001)))
    assert found.word is Word.SAME
    assert found.p is not None
    assert found.p < 0.01


def test_an_effect_has_to_be_larger_than_processes_differ_among_themselves() -> None:
    """The processes of the two runs lie apart, and those of one run as far from each other as the runs are."""
    base, head = run(1, {"a": 1.0}), run(1, {"a": 1.0})
    for cell, levels in ((base[0], (1.0, 1.1)), (head[0], (1.11, 1.16))):
        torch = [Process([0.001] * 20)] * 7
        mine = [Process([0.001 * by] * 20) for by in numpy.linspace(*levels, 7)]
        cell.subjects.update({"torch": Series(torch), "a": Series(mine)})
    found = only(compare(base, head))
    assert (found.word, found.spread) == (Word.SAME, pytest.approx(0.1, abs=0.001))
    assert found.p is not None
    assert found.p < 0.01
    assert found.effect is not None
    assert found.effect > slowdowns.LEAST


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: run(2, {"a": 2.0}, waited=0.4), "the machine was loaded: calls waited 40% of their time for the core"),
        (lambda: run(2, {"a": 2.0}, between=0.3), "the processes of one run differ by"),
        (lambda: run(2, {"a": 2.0}, processes=1), "7 processes and 1 cannot tell one of 1 comparisons"),
        (lambda: [replace(run(2, {"a": 2.0})[0], case="zoo/other")], "BASE has no such cell"),
        (lambda: [replace(run(2, {"a": 2.0})[0], sizes={"batch": 8})], "BASE was measured at other sizes"),
        (lambda: [replace(run(2, {})[0], failed={"a": "aborts"})], "a has no samples in this run: aborts"),
        (lambda: run(2, {"b": 2.0}), "b has no samples in BASE: was not measured"),
    ],
)
def test_what_cannot_be_told_is_insufficient_data_with_the_reason(
    change: Callable[[], list[Latency]], said: str
) -> None:
    found = only(compare(run(1, {"a": 1.0}), change()))
    assert found.word is Word.INSUFFICIENT
    assert (found.why or "").startswith(said)
    assert gate.exit_code({"old": [found]}) == 0


def test_one_process_that_something_else_met_does_not_hide_a_slowdown() -> None:
    base, head = run(1, {"a": 1.0}, processes=11), run(2, {"a": 1.2}, processes=11)
    met = head[0].subjects["a"].processes[3]
    head[0].subjects["a"].processes[3] = replace(met, samples=[value * 1.4 for value in met.samples])
    assert only(compare(base, head, among=96)).word is Word.SLOWER


def test_few_calls_are_insufficient_data() -> None:
    short = run(2, {"a": 2.0})
    short[0].subjects["a"].processes[:] = [Process([0.002] * 9)] * 7
    short[0].subjects["torch"].processes[:] = [Process([0.001] * 9)] * 7
    assert only(compare(run(1, {"a": 1.0}), short)).why == "too few calls in this run"


def test_how_many_processes_it_takes() -> None:
    """The least p of the rank test, over the comparisons, has to reach ALPHA."""
    assert slowdowns.needed(7, 96) == 7
    assert slowdowns.needed(5, 96) == 9
    assert slowdowns.needed(1, 96) is None
    for base in range(2, 9):
        for comparisons in (1, 8, 96, 300):
            head = slowdowns.needed(base, comparisons)
            if head is not None and head > 1:
                assert comparisons / comb(base + head, base) <= slowdowns.ALPHA
                assert comparisons / comb(base + head - 1, base) > slowdowns.ALPHA


def test_a_run_too_small_for_its_number_of_comparisons_says_so_of_each() -> None:
    found = compare(run(1, {"a": 1.0}, processes=3), run(2, {"a": 1.5}, processes=3), among=96)
    assert only(found).why == "3 processes and 3 cannot tell one of 96 comparisons"
    assert only(found).effect == pytest.approx(0.5, abs=0.05)
    alone = compare(run(1, {"a": 1.0}, processes=3), run(2, {"a": 1.5}, processes=3))
    assert only(alone).word is Word.SLOWER


def test_slower_is_what_is_slower_twice() -> None:
    base = run(1, {"a": 1.0, "b": 1.0})
    first = compare(base, run(2, {"a": 1.3, "b": 1.3}))
    assert {one.word for one in first} == {Word.SLOWER}
    again = seen_again(first, compare(base, run(3, {"a": 1.3, "b": 1.0})))
    assert [one.word for one in again] == [Word.SLOWER, Word.SAME]
    assert again[1].why == "slower once, and not when measured again"
    loaded = seen_again(first, compare(base, run(3, {"a": 1.3, "b": 1.3}, waited=0.5)))
    assert {one.word for one in loaded} == {Word.INSUFFICIENT}


# The gate


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def recording(cells: list[Latency], machine: dict[str, str | int | float | None] | None = None) -> Recording:
    return Recording("old", "2026-11-23T03:31:36+00:00", machine or latency.machine(), cells)


CELL = PlannedCell("old", "zoo/0", "onnx-tf")


def test_what_is_slower_is_measured_again_and_ends_with_its_code() -> None:
    asked: list[PlannedCell] = []

    def again(cell: PlannedCell) -> Latency:
        asked.append(cell)
        return run(5, {"a": 1.3})[0]

    found = gate.compared({"old": recording(run(1, {"a": 1.0}))}, {CELL: run(2, {"a": 1.3})[0]}, again)
    assert asked == [CELL]
    assert gate.exit_code(found) == slowdowns.EXIT_CODE == EXIT_CODES[Kind.SLOWER]
    found = gate.compared({"old": recording(run(1, {"a": 1.0}))}, {CELL: run(2, {"a": 1.0})[0]}, again)
    assert asked == [CELL]
    assert gate.exit_code(found) == 0


def test_another_machine_is_insufficient_data() -> None:
    base = recording(run(1, {"a": 1.0}), {"cpu": "another"})
    found = gate.compared({"old": base}, {CELL: run(2, {"a": 1.5})[0]}, lambda _: pytest.fail("measured again"))
    assert only(found["old"]).why == "BASE was measured on another machine"


def test_as_many_processes_are_asked_for_as_the_comparisons_need() -> None:
    cells = [PlannedCell("old", f"zoo/{number}", "onnx-tf") for number in range(12)]
    names = ["torch", *"abcdefgh"]
    base = {"old": recording(run(1, dict.fromkeys("abcdefgh", 1.0), cells=12))}
    assert gate.processes(base, cells, names) == 7
    alone = {"old": recording(run(1, {"a": 1.0}, processes=1))}
    assert gate.processes(alone, cells, names) == gate.PROCESSES


def test_without_a_base_it_says_what_to_do(project: Project) -> None:
    with pytest.raises(UsageError, match="no latency of old is recorded; record it on this machine"):
        gate.bases(project, ["old"], None)
    file = project.root / "base.json"
    with pytest.raises(EvidenceError, match=r"base\.json"):
        gate.bases(project, ["old"], file)
    latency.save(project, "old", "2026-11-23T03:31:36+00:00", run(1, {"a": 1.0}))
    assert len(gate.bases(project, ["old"], None)["old"].cells) == 1
    assert gate.bases(project, ["new"], latency.path(project, "old"))["new"].toolchain == "old"


def test_rates_are_saved_and_read(project: Project) -> None:
    assert gate_rates.load(project) is None
    rates = Rates("2026-11-28T20:00:00+00:00", {"cpu": "a"}, 7, 20, 96, [Trials("idle", 0.1, 60, 50, 49, 1, 2)])
    gate_rates.save(gate_rates.path(project), rates)
    assert gate_rates.load(project) == rates
    gate_rates.path(project).write_text('{"schema": 1}')
    with pytest.raises(EvidenceError, match="run benchmarks/latency_gate"):
        gate_rates.load(project)


def test_the_table_has_the_worst_first_and_strips_what_others_wrote() -> None:
    found = [
        Compared("zoo/a", "onnx-tf", "torchscript", Word.SAME, 0.01, 0.02, 0.5),
        Compared("zoo/b", "onnx-tf", "saved-model", Word.SLOWER, 0.123, 0.02, 0.001),
        Compared("zoo/c", "onnx-tf", "onnxruntime", Word.INSUFFICIENT, why="\x1b[31maborts\nthere"),
    ]
    rows = report.compared(found)
    cells = [[str(cell) for cell in column.cells] for column in rows.columns]
    assert cells[0] == ["zoo/b", "zoo/a", "zoo/c"]
    assert cells[4] == ["+12.3%", "+1.0%", "–"]
    assert "\x1b" not in cells[-1][-1]
    assert report.totals(found) == "3 comparisons: 1 slower, 1 as before, 1 insufficient data."

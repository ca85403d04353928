"""What a person sees while cells run."""

import io
import re
from dataclasses import replace

import pytest
from builders import attempt, broken, planned, record
from rich.console import Console

from tfparity.records.cells import Attempt, CellRecord, PlannedCell
from tfparity.report import words
from tfparity.report.forecast import Forecast
from tfparity.report.progress import MOST_BEFORE, LiveProgress, PlainProgress, Steps, outcome, progress

CELLS = [planned(f"family/case-{index}", toolchain="t") for index in range(4)]
ABSENT = planned("family/new", "not-applicable", "needs torch>=2", toolchain="t")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ended(cell: PlannedCell, *attempts: Attempt, cached: bool = False) -> CellRecord:
    """The record of a cell that took 12 seconds."""
    made = [replace(one, total_seconds=12.0 / max(1, len(attempts))) for one in attempts or (attempt(),)]
    return record(cell.case, *made, toolchain="t", cached=cached)


def test_the_rest_is_foretold_by_the_pace_so_far() -> None:
    clock = Clock()
    seconds = {("t", cell.case, "onnx-tf"): 10.0 for cell in CELLS}
    forecast = Forecast([*CELLS, ABSENT], seconds, clock=clock)
    assert forecast.total == 4
    assert forecast.left() is None
    forecast.started()
    clock.now = 5.0  # twice as fast as recorded
    forecast.finished(CELLS[0].id)
    assert forecast.left() == pytest.approx(15.0)


def test_what_was_done_before_makes_no_pace() -> None:
    clock = Clock()
    forecast = Forecast(CELLS, {("t", cell.case, "onnx-tf"): 10.0 for cell in CELLS}, clock=clock)
    for cell in CELLS[:2]:
        forecast.finished(cell.id, cached=True)
    assert (forecast.done, forecast.left()) == (2, None)
    forecast.started()
    clock.now = 10.0
    forecast.finished(CELLS[2].id)
    assert forecast.left() == pytest.approx(10.0)


def test_before_the_first_cell_nothing_is_foretold() -> None:
    forecast = Forecast(CELLS, {}, clock=Clock())
    forecast.started()
    assert forecast.left() is None
    assert (forecast.done, forecast.total) == (0, 4)


def test_a_log_has_a_line_per_cell_and_no_control_character() -> None:
    stream = io.StringIO()
    with progress(Console(file=stream, width=40), [*CELLS, ABSENT], {}) as display:
        assert isinstance(display, PlainProgress)
        display.environment("env", "installing 3 packages")
        for cell in CELLS:
            display.cell_started(cell)
            display.cell_stage(cell, "convert")
            display.cell_finished(ended(cell))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "env: installing 3 packages"
    assert len(lines) == 5
    assert lines[1].startswith("[1/4] ✓")
    assert "family/case-0" in lines[1]
    assert "works to float32 noise" in lines[1]
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    ("done", "several", "said"),
    [
        (ended(CELLS[0]), False, "✓  family/case-0  onnx-tf  works to float32 noise  12 s"),
        (ended(CELLS[0]), True, "✓  t  family/case-0  onnx-tf  works to float32 noise  12 s"),
        (
            ended(CELLS[0], broken(), attempt(12)),
            False,
            "✓* family/case-0  onnx-tf  works with a remedy to float32 noise  12 s",
        ),
        (ended(CELLS[0], broken()), False, "✗  family/case-0  onnx-tf  broken  12 s"),
        (ended(CELLS[0], cached=True), False, "✓  family/case-0  onnx-tf  works to float32 noise  done before"),
    ],
)
def test_a_line_says_what_came_of_a_cell_and_how_long_it_took(done: CellRecord, several: bool, said: str) -> None:
    assert outcome(done, several=several).plain == said


def test_of_many_cells_that_were_done_before_a_log_has_the_number_alone() -> None:
    cells = [planned(f"family/case-{index}", toolchain="t") for index in range(MOST_BEFORE + 5)]
    stream = io.StringIO()
    with progress(Console(file=stream, width=40), cells, {}) as display:
        for cell in cells:
            display.cell_finished(ended(cell, cached=True))
    lines = stream.getvalue().splitlines()
    assert len(lines) == MOST_BEFORE + 1
    assert lines[-1] == f"{MOST_BEFORE + 5} cells done before"


def test_a_terminal_shows_what_runs_now_and_by_stage() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    with progress(console, CELLS, {}) as display:
        assert isinstance(display, LiveProgress)
        display.cell_started(CELLS[0])
        display.cell_stage(CELLS[0], "convert")
        console.print(display._render())
        display.cell_finished(ended(CELLS[0], broken()))
    shown = stream.getvalue()
    assert "converting to TensorFlow" in shown
    assert "0 of 4 cells" in shown
    assert "broken" in shown


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (40, "40 s"), (300, "5 min"), (7800, "2 h 10 min"), (5399, "1 h 30 min")]
)
def test_a_duration_is_said_as_a_person_says_it(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_axes_that_are_lost_are_named() -> None:
    assert words.axes({"batch": True, "sequence": False}) == "batch, not sequence"
    assert words.axes({}) == "–"


def test_a_conversion_says_what_it_does_every_ten_seconds_and_at_once_what_stays() -> None:
    clock, stream = Clock(), io.StringIO()
    with Steps(Console(file=stream, width=40), clock=clock) as steps:
        for seconds, stage in ((1.0, "build"), (9.0, "export"), (11.0, "convert"), (12.0, "load"), (25.0, "target")):
            clock.now = seconds
            steps.cell_stage(CELLS[0], stage)
        steps.environment("env", "importing torch")  # a moment after: not told
        steps.environment("env", "installing 3 packages")
        steps.say("a line that is longer than the forty characters of this console")
    assert stream.getvalue().splitlines() == [
        "  converting to TensorFlow, after 11 s",
        "  making the target of the SavedModel, after 25 s",
        "  env: installing 3 packages",
        "a line that is longer than the forty characters of this console",
    ]


def test_on_a_terminal_a_conversion_shows_its_stage_and_leaves_only_lines() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    with Steps(console) as steps:
        steps.cell_stage(CELLS[0], "convert")
        steps.say("done")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "done\n" in text
    assert "converting to TensorFlow, 0 s" in text

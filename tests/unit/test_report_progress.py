"""What a person sees while cells run."""

import io

import pytest
from builders import attempt, broken, record
from rich.console import Console

from tfparity.records.cells import CellId, PlannedCell
from tfparity.records.vocabulary import Verdict
from tfparity.report import words
from tfparity.report.forecast import Forecast
from tfparity.report.progress import MOST_BEFORE, LiveProgress, PlainProgress, progress

CELLS = [PlannedCell("t", f"family/case-{index}", "onnx-tf") for index in range(4)]
ABSENT = PlannedCell("t", "family/new", "onnx-tf", Verdict.NOT_APPLICABLE, "needs torch>=2")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def ended(cell, verdict="works", *, cached=False):
    made = attempt() if verdict == "works" else broken()
    return record(cell.case, made, route=cell.route, toolchain=cell.toolchain, cached=cached)


def test_the_rest_is_foretold_by_the_pace_so_far():
    clock = Clock()
    seconds = {CellId("t", cell.case, "onnx-tf"): 10.0 for cell in CELLS}
    forecast = Forecast([*CELLS, ABSENT], seconds, clock=clock)
    assert forecast.total == 4
    assert forecast.left() is None
    forecast.started()
    clock.now = 5.0  # twice as fast as recorded
    forecast.finished(CELLS[0].id)
    assert forecast.left() == pytest.approx(15.0)


def test_before_the_first_cell_nothing_is_foretold():
    forecast = Forecast(CELLS, {}, clock=Clock())
    forecast.started()
    assert forecast.left() is None
    assert (forecast.done, forecast.total) == (0, 4)


def test_a_log_has_a_line_per_cell_and_no_control_character():
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


def test_a_terminal_shows_what_runs_now_and_by_stage():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    with progress(console, CELLS, {}) as display:
        assert isinstance(display, LiveProgress)
        display.cell_started(CELLS[0])
        display.cell_stage(CELLS[0], "convert")
        console.print(display._render())
        display.cell_finished(ended(CELLS[0], "broken"))
    shown = stream.getvalue()
    assert "converting to TensorFlow" in shown
    assert "0 of 4 cells" in shown
    assert "broken" in shown


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (40, "40 s"), (300, "5 min"), (7800, "2 h 10 min"), (5399, "1 h 30 min")]
)
def test_a_duration_is_said_as_a_person_says_it(seconds, said):
    assert words.duration(seconds) == said


def test_axes_that_are_lost_are_named():
    assert words.axes({"batch": True, "sequence": False}) == "batch, not sequence"
    assert words.axes({}) == "–"


def test_many_cells_that_were_done_before_are_counted_and_not_listed():
    stream = io.StringIO()
    cells = [PlannedCell("t", f"family/case-{index}", "onnx-tf") for index in range(MOST_BEFORE + 7)]
    with progress(Console(file=stream, width=80), cells, {}) as display:
        for cell in cells:
            display.cell_finished(ended(cell, cached=True))
    lines = stream.getvalue().splitlines()
    assert len(lines) == MOST_BEFORE + 1
    assert lines[-1] == f"{len(cells)} cells done before"

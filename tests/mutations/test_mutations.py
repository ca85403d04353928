"""A cell that works does not work any more when one weight tensor, or one attribute, of its file is changed."""

from tfparity.judging import judge
from tfparity.report.words import failure


def test_a_changed_file_is_not_taken_for_the_model(attempt, cell):
    assert judge.verdict(attempt).failing, f"{cell.id} works over a changed file"
    assert attempt.stage == "parity", f"{cell.id}: nothing was compared: {failure(attempt.error)}"

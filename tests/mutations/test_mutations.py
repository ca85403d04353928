"""A cell that works does not work any more when one weight tensor, or one attribute, of its file is changed."""

from tfparity import judge


def test_a_changed_file_is_not_taken_for_the_model(record):
    assert record.verdict in judge.FAILING, f"{record.id} is {record.verdict} over a changed file"
    deciding = next(attempt for attempt in record.attempts if attempt["opset"] == record.cell["opset"])
    assert deciding["stage"] == "parity", f"{record.id} fails at {deciding['stage']}: nothing was compared"
    assert deciding["culprit"] == "converter"

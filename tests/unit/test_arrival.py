"""What a case says of its outputs is told for both sides, whatever a converter gives back."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy
import pytest

from tfparity.arrival import answers
from tfparity.worker.declare import Case, floating, normal

ONE = numpy.ones((2, 4), "float32")
REFERENCES = {"input/0/x": 3 * ONE, "float32/0/y": ONE, "float64/0/y": ONE}


def case(answer: Callable[[Mapping[str, Any]], str]) -> Case:
    inputs, outputs = (normal("batch", 4, name="x"),), (floating("y"),)
    return Case("a/b", inputs, outputs, {"batch": (2, 1)}, {}, (), {}, dict, "", 1, answer=answer)


def total(arrays: Mapping[str, Any]) -> str:
    return f"{arrays['y'].sum():.0f} of {arrays['x'].sum():.0f}"


def test_both_sides_answer_at_the_exported_shape_and_the_first_seed() -> None:
    outputs = {"output/0/y": 2 * ONE, "output/1/y": 9 * ONE}
    assert answers(case(total), REFERENCES, outputs) == {"torch": "8 of 24", "tensorflow": "16 of 24"}


@pytest.mark.parametrize("outputs", [{}, {"output/1/y": ONE}, {"output/0/y": numpy.array(["text"])}])
def test_what_did_not_come_back_or_cannot_be_read_has_no_answer(outputs: Mapping[str, Any]) -> None:
    assert answers(case(total), REFERENCES, outputs) == {"torch": "8 of 24", "tensorflow": None}


def test_an_answer_is_one_line_that_a_terminal_can_show() -> None:
    said = answers(case(lambda arrays: "440\n\x1b[31mHz\x07"), REFERENCES, {})
    assert said["torch"] == "440 Hz"

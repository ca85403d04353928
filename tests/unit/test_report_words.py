"""What the pages say in words."""

from dataclasses import replace

import pytest
from builders import attempt, broken, cell, lost_axis

from tfparity.report import words


@pytest.mark.parametrize(
    ("asked", "written", "shown"), [(13, 13, "13"), (13, 18, "13 (file: 18)"), (13, None, "13"), (0, None, "–")]
)
def test_the_files_own_opset_is_told_where_it_is_another(asked, written, shown):
    assert words.opset(cell("a/b", broken(opset=9), attempt(asked, file_opset=written))) == shown


def test_a_broken_cell_tells_all_opsets_that_were_tried():
    def tried(*opsets):
        return cell("a/b", *(broken(opset=opset) for opset in opsets))

    assert words.opset(tried(13, 12, 11)) == "13, 12, 11"
    assert words.opset(tried(13, 12, 14, 11, 9, 10, 15)) == "9 to 15"
    assert words.opset(cell("a/b", broken(), replace(lost_axis(), opset=12, file_opset=12))) == "12"


def test_nothing_is_told_of_a_cell_that_did_not_run():
    assert words.opset(None) == "–"

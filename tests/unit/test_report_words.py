"""What the pages say in words."""

import pytest

from tfparity.report import words


@pytest.mark.parametrize(
    ("asked", "written", "shown"), [(13, 13, "13"), (13, 18, "13 (file: 18)"), (13, None, "13"), (None, None, "–")]
)
def test_the_files_own_opset_is_told_where_it_is_another(asked, written, shown):
    attempts = [{"opset": 9, "file_opset": 11}, {"opset": asked, "file_opset": written}]
    assert words.opset({"opset": asked, "attempts": attempts}) == shown


def test_a_broken_cell_tells_all_opsets_that_were_tried():
    def tried(*opsets):
        return {
            "verdict": "broken",
            "opset": 11,
            "attempts": [{"opset": opset, "file_opset": None} for opset in opsets],
        }

    assert words.opset(tried(13, 12, 11)) == "13, 12, 11"
    assert words.opset(tried(13, 12, 14, 11, 9, 10, 15)) == "9 to 15"
    assert words.opset({**tried(13, 12), "verdict": "partial", "opset": 12}) == "12"

"""Foreign text in generated Markdown stays text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfparity.report import markdown

HOSTILE = [
    "a | b",
    "<script>alert(1)</script>",
    "![x](javascript:alert(1))",
    "line\nbreak\r\nand\u2028more",
    "`code` **bold** __x__",
    "\x1b[31mred\x1b[0m \u202etxt",
    "<!-- end compatibility -->",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("foreign", HOSTILE)
def test_a_hostile_text_stays_one_cell_of_one_row(foreign):
    made = markdown.table(["a", "b"], [[markdown.text(foreign), "x"]])
    assert len(made.split("\n")) == 3
    assert len(re.findall(r"(?<!\\)\|", made.split("\n")[2])) == 3


@given(st.text())
def test_no_text_opens_a_tag_a_link_or_a_second_line(foreign):
    made = markdown.text(foreign)
    assert "<" not in made
    assert ">" not in made
    assert len(made.splitlines()) <= 1
    for special in "[]`|*_":
        assert not re.search(rf"(?<!\\)(?:\\\\)*{re.escape(special)}", made), made


@pytest.mark.parametrize(
    ("foreign", "made"), [("- a", "\\- a"), ("1. a", "1\\. a"), ("1.13.1", "1.13.1"), ("a - b", "a - b")]
)
def test_a_text_makes_no_list_at_the_start_of_a_line(foreign, made):
    assert markdown.text(foreign) == made


@given(st.text())
def test_code_has_no_tag_and_no_bar(foreign):
    inside = markdown.code(foreign).removeprefix("<code>").removesuffix("</code>")
    assert "<" not in inside
    assert "|" not in inside


def test_only_what_is_between_the_markers_changes():
    document = "head\n<!-- table x: made -->\nold\n<!-- end x -->\ntail\n"
    assert markdown.between(document, "x", "new \\1") == "head\n<!-- table x: made -->\nnew \\1\n<!-- end x -->\ntail\n"
    assert markdown.between(markdown.between(document, "x", "new"), "x", "old") == document


@pytest.mark.parametrize("document", ["nothing", "<!-- table x -->\n", "<!-- table x -->\n<!-- end x -->" * 2])
def test_markers_that_are_missing_or_doubled_are_refused(document):
    with pytest.raises(ValueError, match="markers"):
        markdown.between(document, "x", "new")


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="1 cells under a head of 2"):
        markdown.table(["a", "b"], [["x"]])

"""Foreign text in generated Markdown stays text."""

import re
import unicodedata

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
    ("foreign", "made"),
    [
        ("see www.example.com", "see www\\.example.com"),
        ("(WWW.a.b)", "\\(WWW\\.a.b\\)"),
        ("_www.a.b", "\\_www\\.a.b"),
        ("to user@host.com", "to user&NoBreak;\\@host.com"),
        ("mailto:a.b+c@host-name.org", "mailto\\:a.b+c&NoBreak;\\@host-name.org"),
        ("user_1@my.host", "user\\_1&NoBreak;\\@my.host"),
        ("https://a.b", "https\\://a.b"),
        ("GH-12", "GH&NoBreak;-12"),
        ("a/b#3", "a/b\\#&NoBreak;3"),
        ("features@3", "features\\@3"),
        ("GHz-1", "GHz-1"),
    ],
)
def test_nothing_becomes_a_link_without_being_marked_as_one(foreign, made):
    """Each was rendered by cmark-gfm 0.29 with its extensions: no link is in it."""
    assert markdown.text(foreign) == made


@given(st.text(alphabet="wW.@#GH-1a_\u2060/:"))
def test_whatever_stands_beside_them_no_host_address_or_issue_is_left_whole(foreign):
    made = markdown.text(foreign)
    assert not re.search(r"(?i)www\.", made)
    assert not re.search(r"[\w.+-]\\?@(\w|-)+\.(\w|-)", made)
    assert not re.search(r"(?i)\bGH-\d|#\d", made)


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


@given(st.text())
def test_what_was_escaped_reads_as_it_was_on_a_terminal(text: str) -> None:
    shown = markdown.plain(f"- {markdown.text(text)}")
    assert shown == f"- {_as_a_line(text)}\n"


def _as_a_line(text: str) -> str:
    """One line, control characters shown as �: what markdown.text leaves of it."""
    whole = "".join(
        " " if c in "\r\n\t\v\f\x85\u2028\u2029" else "�" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c
        for c in text
    )
    return " ".join(whole.split())


def test_one_of_our_documents_on_a_terminal() -> None:
    document = "# mine/net, converted\n\n- by `onnx-tf` on **old**: eval16.py\\:score\n\n```sh\nuv `x`\n```\n"
    assert markdown.plain(document) == "mine/net, converted\n\n- by onnx-tf on old: eval16.py:score\n\n  uv `x`\n"

"""What a person writes as YAML ends in values or in one error with its line, whatever it is."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfparity.errors import MatrixError
from tfparity.inputs import yaml_input
from tfparity.inputs.yaml_input import Document


def document(text: str) -> Document:
    return Document(Path("matrix.yaml"), text, MatrixError)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("._", "float"),
        ("0b_", "int"),
        ("0x_", "int"),
        ("-_", "int"),
        ("9" * 5000, "int"),
        ("!!int foo", "int"),
        ("!!float foo", "float"),
        ("!!bool maybe", "bool"),
        ("!!omap 3", "omap"),
    ],
)
@pytest.mark.parametrize(
    "before", ["schema: 1\nvalue: ", "schema: 1\nlist: [a, b, ", "schema: 1\nlist:\n  - ", "#\n? "]
)
def test_what_is_no_value_of_its_kind_has_its_line(before: str, value: str, kind: str) -> None:
    closing = "]" if "[" in before else ""
    with pytest.raises(MatrixError, match=f"cannot be read as {kind}") as said:
        document(f"{before}{value}{closing}\n")
    assert said.value.line == before.count("\n") + 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "[{a: ", "[1, "])
def test_nesting_without_an_end_has_its_line(opening: str) -> None:
    with pytest.raises(MatrixError, match="nested too deeply") as said:
        document("schema: 1\nvalue: " + opening * 50_000)
    assert said.value.line == 2


def test_brackets_that_close_again_are_no_nesting() -> None:
    assert document("text: |\n" + "  [a] {b} ]\n" * (yaml_input.DEEPEST * 2)).content


SIGNS = st.sampled_from(
    [*list("._-+0123456789abefinotxy~!&*?|>%@`'\"{}[],:# \t\n"), "!!int ", "!!float ", "!!map ", "<<: "]
)


@given(st.lists(SIGNS, max_size=12).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(MatrixError):
        found = document(f"value: {text}\n")
        found.line(["value", 0])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('- {id: a, cause: "a\\ud800b"}\n', 1),
        ('- id: a\n  matches:\n    - "x"\n    - "\\udfff"\n', 4),
        ('- id: a\n  when: {"\\ud800": 1}\n', 2),
    ],
)
def test_half_of_a_surrogate_pair_has_its_line(text: str, line: int) -> None:
    with pytest.raises(MatrixError, match="holds half of a surrogate pair") as said:
        document(text)
    assert said.value.line == line

"""What is read fast is what ruamel reads, in every value, and of all that goes beyond the plain part nothing is."""

import io
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tfparity import paths
from tfparity.errors import InputError, LimitationError
from tfparity.inputs import plain_yaml
from tfparity.inputs.yaml_input import Document

FILES = [paths.PACKAGE.parent.parent / name for name in ("limitations.yaml", "matrix.yaml")]


def exact(value: object) -> object:
    """The value and its types; ruamel's own are as good as the plain ones that they are."""
    if isinstance(value, dict):
        return {"mapping": [(exact(key), exact(part)) for key, part in value.items()]}
    if isinstance(value, list):
        return [exact(part) for part in value]
    kinds = (bool, str, int, float)
    return next(((kind.__name__, repr(kind(value))) for kind in kinds if isinstance(value, kind)), value)


def by_ruamel(text: str) -> object:
    """What ruamel reads, or that it refuses."""
    try:
        return exact(Document(Path("file.yaml"), text, LimitationError)._marked)
    except InputError:
        return "refused"


def agrees(text: str) -> bool:
    """Whether it is the same by both; True too for what is beyond the plain part."""
    found = plain_yaml.read(text)
    return found is None or exact(found) == by_ruamel(text)


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_our_own_files_are_plain_and_the_same_by_ruamel(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = plain_yaml.read(text)
    assert found is not None
    assert exact(found) == by_ruamel(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: b\n", {"a": "b"}),
        ("- a\n- b\n", ["a", "b"]),
        ("a:\n  b: 1\n  c-d: 1.50\n", {"a": {"b": 1, "c-d": 1.5}}),
        ("a:\nb:  # nothing\nc: d", {"a": None, "b": None, "c": "d"}),
        ("- a: 1\n  b: 2\n-   c: 3\n    d: [e]\n", [{"a": 1, "b": 2}, {"c": 3, "d": ["e"]}]),
        ("a: [b, 'c', \"d\", {e: 1, f: []}, {}]", {"a": ["b", "c", "d", {"e": 1, "f": []}, {}]}),
        ("a: 'it''s'\nb: \"say \\\"x\\\" \\\\ y\"\n", {"a": "it's", "b": 'say "x" \\ y'}),
        ("a: >-\n    one\n    two # no comment\n\n# a comment\nb: c", {"a": "one two # no comment", "b": "c"}),
        ("a: x:y, [z] #1 'q'  # a comment\n", {"a": "x:y, [z]"}),
        ("a: x#1 {z}", {"a": "x#1 {z}"}),
        ("- 2023-07-15\n- 2023-07-32\n- 12 or more\n", ["2023-07-15", "2023-07-32", "12 or more"]),
        ("a: [1.13.1, 2.16.0.dev1, 1.0.0+cpu]\n", {"a": ["1.13.1", "2.16.0.dev1", "1.0.0+cpu"]}),
        ("# first\n\na: b\n    # deep\nc: d\n", {"a": "b", "c": "d"}),
    ],
)
def test_what_is_plain_is_read(text: str, found: object) -> None:
    assert exact(plain_yaml.read(text)) == exact(found) == by_ruamel(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "\n",
            "# alone\n",
            "word",
            "[]",
            "{}",
            "'a'",
            "---\na: b",
            "a: b\n---\nc: d",
            "a: b\n...\n",
            "%YAML 1.1\n",
        ),
        *("a: b\na: c", "a: {b: 1, b: 2}", "- a: 1\n  b: 2\n  a: 3"),
        *("a: yes", "a: No", "a: on", "a: true", "a: FALSE", "a: null", "a: ~", "a: .inf", "a: -.5", "a: y", "yes: a"),
        *(
            "a: 012",
            "a: 0o14",
            "a: 0x1F",
            "a: 1_000",
            "a: 1e3",
            "a: 1.5e3",
            "a: 1:30",
            "a: +1",
            "a: -1",
            "a: 1.",
            "a: .5",
        ),
        *("a: 2001-12-14 21:59:43", "a: 2001-12-14t21:59:43Z", "1: a", "a: =", "<<: a", "a: <<"),
        *(
            "a: &x b\nc: *x",
            "a: !t b",
            "a: !!str 1",
            "? a",
            "a: ? b",
            "a: @b",
            "a: `b`",
            "a: |\n  b",
            "a: >\n  b",
            "a: >+\n  b",
        ),
        *(
            "a: b: c",
            "a: b\n c",
            "a: b\n  c: d",
            "- a\n  b",
            "a: 'b'\n  c",
            "a: 'b' c",
            "a: 'b",
            'a: "b',
            'a: "\\n"',
            "a: 'b'x",
        ),
        *(
            "a: [b",
            "a: [b,c]",
            "a: [b,\n  c]",
            "a: {b}",
            "a: {b: c",
            "a: {b:c}",
            "a: [b: c]",
            "a: [b c , d]",
            "a: []x",
            "a: ]",
        ),
        *(
            "a:\n- b",
            " a: b",
            "a:\n    b: c\n  d: e",
            "- a\nb: c",
            "a: b\n- c",
            "-a",
            "- - a",
            "-",
            "- ",
            "- # c",
            "a:b",
        ),
        *("a: >-\n  b\n\n  c", "a: >-\n  b\n   c", "a: >-\n   b\n  c", "a: >-\n\n  b", "a: >-\nb: c", "a: >- # c\n  b"),
        *("a: >-\n  b\n\n  # c\nd: e", "a: >-\n  b\n \n  # c\nd: e", "a: >-\n  b \n  c", "a: >-"),
        *(
            "a:\tb",
            "a: b\t",
            "a: b\r\nc: d\r\n",
            "\ufeffa: b",
            "a: b\x85c: d",
            "a: b\u2028",
            "a: \0",
            "a: \U0001f600",
            "é: a",
        ),
    ],
)
def test_what_is_beyond_is_left_to_ruamel(text: str) -> None:
    assert plain_yaml.read(text) is None


def test_what_is_nested_without_end_is_left_to_ruamel() -> None:
    assert plain_yaml.read("a: " + "[" * 100_000) is None


WORDS = st.one_of(
    st.text(max_size=12),
    st.text(st.sampled_from("ab1 :#-'\"[]{},>|&*!%@`?\\\n~.=+<0_/é"), max_size=12),
    st.sampled_from(
        ["yes", "null", "1.10", "3.10", "012", "1e3", "2023-07-15", "1.13.1", "a: b", "a #b", "~", "<<", "1:30"]
    ),
)
SCALARS = st.one_of(WORDS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
KEYS = st.one_of(WORDS, st.from_regex(r"[a-z][a-z-]{0,8}", fullmatch=True))
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@settings(deadline=None, max_examples=200)
@given(DOCUMENTS, st.sampled_from([False, None, True]), st.sampled_from([20, 80, 4000]))
def test_what_ruamel_writes_is_read_as_ruamel_reads_it(document: object, flow: bool | None, width: int) -> None:
    yaml, written = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style, yaml.width = flow, width
    yaml.dump(document, written)
    assert agrees(written.getvalue())


PIECES = st.sampled_from(
    [
        *(
            "- ",
            "key: ",
            "other: ",
            "a: b",
            "- a",
            "- a: b",
            "  ",
            "    ",
            "\n",
            "\n  ",
            "\n    ",
            "\n- ",
            "\n\n",
            " \n",
        ),
        *(
            "# c",
            " # c",
            "'q'",
            '"q"',
            "'",
            '"',
            '\\"',
            "{a: b}",
            "[a, b]",
            "{",
            "}",
            "[",
            "]",
            ", ",
            ",",
            ">-",
            ">-\n    ",
        ),
        *(
            "word",
            "two words",
            "1",
            "3.10",
            "1.2.3",
            "2023-07-15",
            ": ",
            " #",
            "x:y",
            "a#b",
            "- - ",
            "? ",
            "&a ",
            "*a",
            "!t ",
        ),
        *("yes", "null", "~", "012", "1e3", "1_0", "|", "---", "...", "\t", "é", "\xa0", "%", "@", "`", "=", "<<: "),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_is_read_as_ruamel_reads_it(text: str) -> None:
    assert agrees(text)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Some lines of our own files, with up to three changes."""
    lines = draw(st.sampled_from(FILES)).read_text(encoding="utf-8").split("\n")
    start = draw(st.integers(0, len(lines) - 1))
    text = textwrap.dedent("\n".join(lines[start : start + draw(st.integers(1, 12))]))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        taken = draw(st.integers(0, 3))
        text = text[:place] + draw(PIECES | st.just("")) + text[place + taken :]
    return text


@settings(deadline=None, max_examples=300)
@given(damaged())
def test_a_damaged_file_is_read_as_ruamel_reads_it(text: str) -> None:
    assert agrees(text)

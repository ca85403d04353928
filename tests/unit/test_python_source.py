"""Python is parsed in one place, where whatever a parser raises is a SyntaxError."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.errors import CaseError
from tfparity.inputs import case_digest, case_files, module_names, python_source

#: More than a parser has room for; each another way through the grammar.
DEEP = [
    f"{'-' * 200_000}1",
    f"{'not ' * 100_000}1",
    f"{'(' * 200_000}1{')' * 200_000}",
    f"{'1+' * 200_000}1",
    f"y{'.a' * 200_000}",
    f"y{'()' * 200_000}",
    f"{'lambda: ' * 100_000}1",
]
UNREADABLE = [*DEEP, "1\0", "(", "'\ud800'"]


@pytest.mark.parametrize("text", UNREADABLE)
@pytest.mark.parametrize(
    "read",
    [
        python_source.expression,
        lambda text: python_source.module(f"x = {text}\n".encode("utf-8", "surrogatepass")),
        lambda text: python_source.compiled(f"x = {text}\n".encode("utf-8", "surrogatepass"), "x.py"),
    ],
)
def test_what_cannot_be_read_is_a_syntax_error(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(SyntaxError):
        read(text)


@pytest.mark.parametrize("text", DEEP)
def test_a_module_that_is_nested_too_deeply_says_nothing_of_its_names(tmp_path: Path, text: str) -> None:
    (tmp_path / "deep.py").write_text(f"x = {text}\ndef build(): ...\n")
    assert module_names.bound(tmp_path / "deep.py") is None
    with pytest.raises(CaseError, match=r"deep\.py.*(nested too deeply|too many nested)"):
        case_files.load([tmp_path / "deep.py"])


def test_what_python_compiles_and_our_reader_finds_too_deep_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError, match="nested too deeply"):
        case_digest.read(f"x = {'-' * 900}1\n")


def test_what_is_right_is_read() -> None:
    assert ast.unparse(python_source.module(b"x = 1")) == "x = 1"
    assert ast.unparse(python_source.expression("f(1)")) == "f(1)"
    assert "x" in python_source.compiled(b"x = 1", "x.py").co_names


def test_nobody_else_parses_any() -> None:
    for file in paths.PACKAGE.rglob("*.py"):
        if file.name != "python_source.py" and not file.is_relative_to(paths.WORKER):
            assert not re.search(r"ast\.parse|(?<!re\.)\bcompile\(", file.read_text(encoding="utf-8")), file

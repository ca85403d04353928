"""Python that a person wrote, read and not run. The only module that parses any."""

from __future__ import annotations

import ast
from types import CodeType

TOO_DEEP = "it is nested too deeply"


def module(source: bytes | str) -> ast.Module:
    """The tree of a file. Raises SyntaxError of what is none, and of what this Python cannot read: a null byte, a text
    of another encoding, an expression of 200,000 signs."""
    try:
        return ast.parse(source)
    except (ValueError, MemoryError, RecursionError) as wrong:
        raise _unreadable(wrong) from None


def expression(text: str) -> ast.expr:
    """The tree of one expression. Raises SyntaxError as `module`."""
    try:
        return ast.parse(text, mode="eval").body
    except (ValueError, MemoryError, RecursionError) as wrong:
        raise _unreadable(wrong) from None


def compiled(source: bytes, file: str) -> CodeType:
    """A file as it runs. Raises SyntaxError as `module`."""
    try:
        return compile(source, file, "exec", dont_inherit=True)
    except (ValueError, MemoryError, RecursionError) as wrong:
        raise _unreadable(wrong) from None


def _unreadable(wrong: Exception) -> SyntaxError:
    """A parser has so much room and no more: it raises MemoryError where memory is left."""
    return SyntaxError(str(wrong) if isinstance(wrong, ValueError) else TOO_DEEP)

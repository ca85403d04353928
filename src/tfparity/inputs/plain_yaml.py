"""The plain part of YAML, in which matrix.yaml and limitations.yaml are written, read over ten times as fast as by
ruamel.

Block lists and mappings, flow ones on one line, folded text (`>-`), quoted text and unquoted words, versions, days and
numbers. Everything else, and everything that is wrong, is left to ruamel, which knows all of YAML and where it stands:
`read` gives None. What it does give is what ruamel gives, by a test over generated and damaged files.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

Value: TypeAlias = "str | int | float | list[Value] | dict[str, Value] | None"

#: Control characters, tabs, and line ends other than "\n".
_UNUSUAL = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")

_KEY = re.compile(r"([A-Za-z][\w.-]*):(?: +(?!#)|(?= *$| +#))")
_FLOW_KEY = re.compile(r"([A-Za-z][\w.-]*): +")
_END = re.compile(r" *$| +#")

_DOUBLE = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_SINGLE = re.compile(r"'((?:[^']|'')*)'")
_PLAIN = re.compile(r"[A-Za-z0-9/](?:[^:#]|:(?=\S)|(?<=\S)#)*")
_FLOW_PLAIN = re.compile(r"[A-Za-z0-9/][\w.+*/<>=@()-]*(?: [\w.+*/<>=@()-]+)*")

_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"[0-9]{1,17}\.[0-9]{1,17}")
_TEXT_FROM_A_DIGIT = re.compile(
    r"[0-9]+(?:\.[0-9]+){2,}(?:[a-z+.-][\w.+-]*)?|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]+ [A-Za-z].*"
)

#: What some YAML takes for a truth value, a number or nothing.
_SPECIAL = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


def read(text: str) -> list[Value] | dict[str, Value] | None:
    """The document in plain values; None where it is not all of the plain part."""
    if _UNUSUAL.search(text):
        return None
    try:
        return _Reader(text).document()
    except (_Beyond, RecursionError):
        return None


class _Beyond(Exception):
    """Not of the plain part."""


class _Line(NamedTuple):
    """A line that is neither blank nor a comment, and where it stands among all."""

    number: int
    indent: int
    text: str


#: After the last line.
_END_OF_TEXT = _Line(-1, -1, "")


class _Reader:
    """A document's lines, read from the top; `_line` is the first that is not read yet."""

    def __init__(self, text: str) -> None:
        self._all = text.split("\n")
        self._line = _END_OF_TEXT
        self._go_to(0)

    def document(self) -> list[Value] | dict[str, Value]:
        if self._line.indent != 0:
            raise _Beyond
        return self._block()

    def _go_to(self, number: int) -> None:
        for at in range(number, len(self._all)):
            text = self._all[at].lstrip(" ")
            if text and text[0] != "#":
                self._line = _Line(at, len(self._all[at]) - len(text), text)
                return
        self._line = _END_OF_TEXT

    def _pass(self, indent: int) -> None:
        """Go on after a line whose value ends on it: one that is further in would go on with it."""
        self._go_to(self._line.number + 1)
        if self._line.indent > indent:
            raise _Beyond

    def _block(self) -> list[Value] | dict[str, Value]:
        return self._list(self._line.indent) if self._line.text.startswith("- ") else self._mapping(self._line.indent)

    def _list(self, indent: int) -> list[Value]:
        found: list[Value] = []
        while self._line.indent >= indent:
            number, at, text = self._line
            if at > indent or not text.startswith("- "):
                raise _Beyond
            inside = text[2:].lstrip(" ")
            if _KEY.match(inside):
                self._line = _Line(number, indent + len(text) - len(inside), inside)
                found.append(self._mapping(self._line.indent))
            else:
                found.append(_inline(inside))
                self._pass(indent)
        return found

    def _mapping(self, indent: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self._line.indent >= indent:
            number, at, text = self._line
            key = _KEY.match(text)
            if at > indent or not key or key[1] in found or key[1].lower() in _SPECIAL:
                raise _Beyond
            rest = text[key.end() :]
            if rest.startswith(">"):
                found[key[1]] = self._folded(number, indent, rest)
            elif _END.match(rest):
                self._go_to(number + 1)
                if self._line.indent == indent and self._line.text.startswith("- "):
                    raise _Beyond  # a list may stand no further in than its key
                found[key[1]] = self._block() if self._line.indent > indent else None
            else:
                found[key[1]] = _inline(rest)
                self._pass(indent)
        return found

    def _folded(self, number: int, indent: int, header: str) -> str:
        """The lines further in, as one."""
        deeper = re.compile(rf" {{{indent + 1}}}| *$")
        end = number + 1
        while end < len(self._all) and deeper.match(self._all[end]):
            end += 1
        lines = "\n".join(self._all[number + 1 : end]).rstrip("\n").split("\n")
        depths = {len(line) - len(line.lstrip(" ")) for line in lines}
        if header != ">-" or len(depths) != 1 or depths == {0} or any(line.endswith(" ") for line in lines):
            raise _Beyond
        self._go_to(end)
        return " ".join(line.lstrip(" ") for line in lines)


def _inline(text: str) -> Value:
    """A value that ends on its line."""
    if text.startswith(("{", "[")):
        value, end = _flow(text, 0)
    elif text.startswith(('"', "'")):
        value, end = _quoted(text, 0)
    else:
        plain = _PLAIN.match(text)
        if not plain:
            raise _Beyond
        value, end = _resolved(plain[0].rstrip(" ")), plain.end()
    if end < len(text) and not _END.match(text, end - (text[end - 1] == " ")):
        raise _Beyond
    return value


def _flow(text: str, start: int) -> tuple[Value, int]:
    """A value inside a flow list or mapping, or such itself, and where it ends."""
    opening = text[start : start + 1]
    if opening in ('"', "'"):
        return _quoted(text, start)
    if opening not in ("{", "["):
        plain = _FLOW_PLAIN.match(text, start)
        if not plain:
            raise _Beyond
        return _resolved(plain[0]), plain.end()
    mapping: dict[str, Value] = {}
    items: list[Value] = []
    closing = "}" if opening == "{" else "]"
    at = start + 1
    while text[at : at + 1] != closing:
        if opening == "{":
            key = _FLOW_KEY.match(text, at)
            if not key or key[1] in mapping or key[1].lower() in _SPECIAL:
                raise _Beyond
            mapping[key[1]], at = _flow(text, key.end())
        else:
            item, at = _flow(text, at)
            items.append(item)
        if text[at : at + 2] == ", ":
            at += 2
        elif text[at : at + 1] != closing:
            raise _Beyond
    return (mapping if opening == "{" else items), at + 1


def _quoted(text: str, start: int) -> tuple[str, int]:
    double, single = _DOUBLE.match(text, start), _SINGLE.match(text, start)
    if double:
        return re.sub(r"\\(.)", r"\1", double[1]), double.end()
    if single:
        return single[1].replace("''", "'"), single.end()
    raise _Beyond


def _resolved(text: str) -> Value:
    """What an unquoted word stands for."""
    if not text[0].isdigit():
        if text.lower() in _SPECIAL:
            raise _Beyond
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _TEXT_FROM_A_DIGIT.fullmatch(text):
        return text
    raise _Beyond

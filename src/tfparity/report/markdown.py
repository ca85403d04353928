"""Markdown that stays what it was: text of converters cannot break a table, inject HTML or make a link."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

#: Characters that mean something to Markdown wherever they stand, GitHub's dialect included; HTML's become entities.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|~$^@:])")

#: What makes a list, a heading or a rule at the start of a line.
_LEADING = re.compile(r"^((?=[-+=])|\d+(?=\.(?:\s|$)))(.)")


#: What GitHub links without any mark: a host, an address (its @ may be escaped, and is linked still), an issue.
#: https://github.github.com/gfm/#autolinks-extension-
_HOST = re.compile(r"(?i)www(?=\.)")
_JOINED = re.compile(r"(?<=[\w.+-])(?=@[\w-]+\.[\w-])|(?i:\bGH)(?=-\d)|(?<=#)(?=\d)")

#: Nothing to see, and no part of a link: U+2060 while a text is made, its entity at the end.
_JOINER, _ENTITY = "\u2060", "&NoBreak;"


def text(value: object) -> str:
    """A foreign text as inline Markdown: one line, control characters shown as �, nothing in it has a meaning."""
    plain = "".join(
        " " if c in "\r\n\t\v\f\x85\u2028\u2029" else "�" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c
        for c in str(value)
    )
    apart = _JOINED.sub(lambda link: link[0] + _JOINER, " ".join(plain.split()))
    escaped = _HOST.sub(r"\g<0>\\", _SPECIAL.sub(r"\\\1", html.escape(apart, quote=False)))
    return _LEADING.sub(r"\1\\\2", escaped).replace(_JOINER, _ENTITY)


#: What stands for something else in a line of our own documents: an escaped sign, code, emphasis, an entity.
_MARKS = re.compile(r"\\(.)|`([^`]*)`|\*\*|(&#?\w+;)")


def plain(document: str) -> str:
    """One of our own documents, which has headings, lists, code and emphasis alone, as plain text for a terminal."""
    lines, code_block = [], False
    for line in document.splitlines():
        if line.startswith("```"):
            code_block = not code_block
        elif code_block:
            lines.append(f"  {line}")
        else:
            lines.append(_MARKS.sub(_unmarked, re.sub(r"^#+ ", "", line)))
    return "\n".join(lines) + "\n"


def _unmarked(mark: re.Match[str]) -> str:
    return html.unescape(mark[3]).replace(_JOINER, "") if mark[3] else mark[1] or mark[2] or ""


def code(value: object) -> str:
    """A short identifier as inline code, safe inside a table."""
    return f"<code>{html.escape(' '.join(str(value).split())).replace('|', '&#124;')}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "") -> str:
    """A GitHub table. Cells are Markdown already; `align` has one of l, r, c per column (l for the rest)."""
    marks = {"l": "---", "r": "--:", "c": ":-:"}
    lines = [
        f"| {' | '.join(head)} |",
        f"|{'|'.join(marks[(align[i : i + 1] or 'l')] for i in range(len(head)))}|",
    ]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row of {len(row)} cells under a head of {len(head)}")
        lines.append(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in row)} |")
    return "\n".join(lines)


def between(document: str, name: str, content: str) -> str:
    """The document with everything between its markers of that name replaced.

    Markers are the lines `<!-- table NAME: …  -->` and `<!-- end NAME -->`. Raises ValueError where a marker is missing
    or stands twice.
    """
    pattern = re.compile(rf"(<!-- table {re.escape(name)}\b[^\n]*-->\n).*?(<!-- end {re.escape(name)} -->)", re.DOTALL)
    found = len(pattern.findall(document))
    if found != 1:
        raise ValueError(f"{found} pairs of the markers <!-- table {name} … --> and <!-- end {name} -->, not one")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", document)


def folded(summary: str, content: str) -> str:
    """A block that opens on a click; `summary` and `content` are Markdown already."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"
